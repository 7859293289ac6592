"""The package's own small tables, made by migrations that travel with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from cockroach_pipelines.database import Activity, CockroachDBConnection, ConnectionManager, Dialect
from cockroach_pipelines.execution.events import Observer, ignore
from cockroach_pipelines.execution.schema_changes.changes import SchemaChanges
from cockroach_pipelines.execution.schema_changes.errors import SchemaChangeError
from cockroach_pipelines.execution.schema_changes.ledger import Ledger, LedgerWriter, read_ledger
from cockroach_pipelines.execution.schema_changes.running import AppliedFile
from cockroach_pipelines.execution.schema_changes.tables import HistoryTables
from cockroach_pipelines.queries import combine
from cockroach_pipelines.queries.files import SourceText
from cockroach_pipelines.queries.migrations import MigrationFile, MigrationFolder

OWN_TABLES = HistoryTables("cockroach_pipelines", "schema_history")
"""Where it is remembered which of them were made."""


def ensure_own_tables(
    connections: ConnectionManager,
    connection: str,
    folder: Path,
    *,
    tables: HistoryTables = OWN_TABLES,
    schema_in_files: str = OWN_TABLES.schema,
    activity: Activity | None = None,
    observe: Observer = ignore,
) -> list[AppliedFile]:
    """Apply what is pending of a folder of the package's own, and give it; one round of reading where nothing is.

    A folder's files may run twice (IF NOT EXISTS), so that one that failed simply runs again. Folders share the history:
    a file is known by its name.

    Args:
        connections: Where connections are lent.
        connection: Name of the connection.
        folder: Files V<version>__<name>.sql.
        tables: Where it is remembered.
        schema_in_files: What the files call the schema of the tables, which is that of `tables`.
        activity: On whose behalf.
        observe: Told of every statement.

    Raises:
        LeaseHeldError: Another process is making them.
        StatementError: The server refused.
    """
    changes = SchemaChanges(connections, connection, tables, activity, observe)
    server, ledger = changes.examine()
    own = _files(folder, server.dialect, tables.schema, schema_in_files)
    if not _pending(own, ledger):
        return []
    with changes.locked() as locked:
        locked.write(partial(_begin_failed_ones_anew, locked.ledger))
        cleared = replace(locked, ledger=replace(locked.ledger, statements={}))
        return list(cleared.apply(_pending(own, locked.ledger), locked.ledger.next_rank))


def pending_own_files(
    connection: CockroachDBConnection, folder: Path, tables: HistoryTables, schema_in_files: str = OWN_TABLES.schema
) -> list[MigrationFile]:
    """Give what `ensure_own_tables` would apply, in the transaction of a connection.

    Raises:
        SchemaChangeError: Another version of the package has made the tables, and they do not fit this one.
    """
    files = _files(folder, connection.version.dialect, tables.schema, schema_in_files)
    return _pending(files, read_ledger(connection, tables))


def _files(folder: Path, dialect: Dialect, schema: str, said: str) -> list[MigrationFile]:
    files = MigrationFolder(folder).for_dialect(dialect)
    if files.problems:
        raise combine(files.problems)
    return [_in_schema(file, said, schema) for file in files.files]


def _begin_failed_ones_anew(ledger: Ledger, writer: LedgerWriter) -> None:
    for row in ledger.applied:
        if not row.success:
            writer.remove(row.rank)
    for script in ledger.statements:
        writer.forget_statements(script)


def _in_schema(file: MigrationFile, said: str, schema: str) -> MigrationFile:
    if said == schema:
        return file
    quoted = '"' + schema.replace('"', '""') + '"'
    text = re.sub(rf"\b{re.escape(said)}\b", lambda _: quoted, file.source.whole)
    return replace(file, source=SourceText(file.path, text))


def _pending(files: Sequence[MigrationFile], ledger: Ledger) -> list[MigrationFile]:
    done = {row.script: row for row in ledger.applied if row.success}
    for file in files:
        row = done.get(file.script)
        if row and row.checksum != file.checksum:
            raise SchemaChangeError(
                f"{file.script} was applied as another version of this package has it.",
                place=file.place,
                advice="Use the newest version of the package that was used with this database.",
            )
    return [file for file in files if file.script not in done]
