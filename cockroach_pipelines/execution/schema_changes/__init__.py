"""Versioned schema changes, applied file by file under a lease, with what is remembered of them."""

from cockroach_pipelines.execution.schema_changes.changes import LockedChanges, SchemaChanges
from cockroach_pipelines.execution.schema_changes.errors import (
    SchemaChangeError,
    SchemaChangeJobError,
    StatementInDoubtError,
)
from cockroach_pipelines.execution.schema_changes.ledger import (
    AppliedMigration,
    Ledger,
    MigrationType,
    StatementRecord,
    StatementState,
)
from cockroach_pipelines.execution.schema_changes.own_tables import OWN_TABLES, ensure_own_tables, pending_own_files
from cockroach_pipelines.execution.schema_changes.running import AppliedFile
from cockroach_pipelines.execution.schema_changes.tables import HistoryTables

__all__ = [
    "OWN_TABLES",
    "AppliedFile",
    "AppliedMigration",
    "HistoryTables",
    "Ledger",
    "LockedChanges",
    "MigrationType",
    "SchemaChangeError",
    "SchemaChangeJobError",
    "SchemaChanges",
    "StatementInDoubtError",
    "StatementRecord",
    "StatementState",
    "ensure_own_tables",
    "pending_own_files",
]
