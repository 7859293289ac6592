"""The small tables of this package's own, in the database whose data they speak of."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from cockroach_pipelines.database import (
    CockroachDBConnection,
    ConnectionManager,
    ConstraintError,
    PermissionDeniedError,
)
from cockroach_pipelines.execution import Transaction, WriteSession
from cockroach_pipelines.execution.lease import LeaseHeldError
from cockroach_pipelines.execution.schema_changes import (
    OWN_TABLES,
    HistoryTables,
    ensure_own_tables,
    pending_own_files,
)

_FOLDER = Path(__file__).parent / "tables"
_SCHEMA = "cockroach_pipelines"
_OTHERS_SECONDS, _POLL_SECONDS = 60.0, 0.1


@dataclass(frozen=True)
class OwnTables:
    """The tables by their names, in a schema."""

    schema: str = _SCHEMA

    def __getattr__(self, name: str) -> str:
        """Give the name of a table as SQL writes it: `tables.runs`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return f'{self._quoted}."maintenance_{name}"'

    @property
    def history(self) -> HistoryTables:
        """Where it is remembered which of them were made."""
        return replace(OWN_TABLES, schema=self.schema)

    @property
    def _quoted(self) -> str:
        return '"' + self.schema.replace('"', '""') + '"'


def ensure_tables(connections: ConnectionManager, connection: str, session: WriteSession) -> OwnTables:
    """Give the tables of a connection, as migrations of this package's own make them where something is missing.

    Args:
        connections: Where connections are lent.
        connection: The connection's name.
        session: One that is open already; it gets another connection afterwards where tables had to be made.

    Raises:
        PermissionDeniedError: Something is missing, and the role may not make it.
        SchemaChangeError: A newer version of the package has made them.
    """

    def look(lent: CockroachDBConnection) -> tuple[OwnTables, bool]:
        tables = OwnTables(lent.config.own_schema)
        return tables, bool(pending_own_files(lent, _FOLDER, tables.history))

    deadline = time.monotonic() + _OTHERS_SECONDS
    while True:
        try:
            tables, pending = session.run(lambda lent, _: look(lent), Transaction(read_only=True))
            if pending:
                session.release()  # a pool may have a single connection
                ensure_own_tables(connections, connection, _FOLDER, tables=tables.history)
            return tables
        except (LeaseHeldError, ConstraintError):  # another process makes them; IF NOT EXISTS does not wait for it
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)
        except PermissionDeniedError as error:
            error.advice = (
                "Let an administrator make the tables, by `cockroach-pipelines maintenance list` with a connection of his "
                "own, and grant USAGE on the schema of the connection's `own_schema`, and SELECT, INSERT, UPDATE and DELETE "
                "on its tables, to this role; or set `own_schema` to a schema that it may make."
            )
            raise
