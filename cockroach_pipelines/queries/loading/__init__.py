"""Files become queries, and a folder of them a repository."""

from cockroach_pipelines.queries.loading.asked_comparison import asked_comparison
from cockroach_pipelines.queries.loading.collecting import collecting_rarely
from cockroach_pipelines.queries.loading.key_prefix import checked_prefix
from cockroach_pipelines.queries.loading.loader import SQLLoader
from cockroach_pipelines.queries.loading.report import place_in_header, refuse_unknown_columns
from cockroach_pipelines.queries.loading.repository import SQLRepository, sql_files

__all__ = [
    "SQLLoader",
    "SQLRepository",
    "asked_comparison",
    "checked_prefix",
    "collecting_rarely",
    "place_in_header",
    "refuse_unknown_columns",
    "sql_files",
]
