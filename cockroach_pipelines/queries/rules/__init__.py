"""What a file may not say: beside its kind, its own statement, and the files that it comes after."""

from cockroach_pipelines.queries.rules.checks import column_advice

__all__ = ["column_advice"]
