"""Files as they are written: SQL and the YAML within, as text that knows its place."""

from cockroach_pipelines.queries.files.source import SourceText

__all__ = ["SourceText"]
