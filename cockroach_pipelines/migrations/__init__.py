"""Versioned schema changes from files: what was applied, what is pending, what was tampered with."""

from cockroach_pipelines.migrations.errors import MigrationStateError
from cockroach_pipelines.migrations.migrator import Applied, Migrator, Repair, Validation
from cockroach_pipelines.migrations.survey import Entry, State, Survey, survey

__all__ = [
    "Applied",
    "Entry",
    "MigrationStateError",
    "Migrator",
    "Repair",
    "State",
    "Survey",
    "Validation",
    "survey",
]
