"""The files of versioned schema changes: their names, their order, their statements."""

from cockroach_pipelines.queries.migrations.file import MigrationFile, MigrationStatement
from cockroach_pipelines.queries.migrations.folder import MigrationFolder, MigrationSet
from cockroach_pipelines.queries.migrations.rules import Finding, findings
from cockroach_pipelines.queries.migrations.version import MigrationVersion

__all__ = [
    "Finding",
    "MigrationFile",
    "MigrationFolder",
    "MigrationSet",
    "MigrationStatement",
    "MigrationVersion",
    "findings",
]
