"""The small tables of this package's own, in the database whose data they speak of."""

from __future__ import annotations

import re
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
from cockroach_pipelines.execution.schema_changes import OWN_TABLES, ensure_own_tables

_FOLDER = Path(__file__).parent / "tables"
_SCHEMA = "cockroach_pipelines"
_CREATED = re.compile(rf"CREATE TABLE IF NOT EXISTS {_SCHEMA}\.(\w+)")
_OTHERS_SECONDS, _POLL_SECONDS = 60.0, 0.1


@dataclass(frozen=True)
class OwnTables:
    """The tables by their names, in a schema."""

    schema: str = _SCHEMA

    def __getattr__(self, name: str) -> str:
        """Give the name of a table as SQL writes it: `tables.leases`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return f'{self._quoted}."maintenance_{name}"'

    def exist(self, connection: CockroachDBConnection) -> bool:
        """Whether all of them are there."""
        wanted = {name for path in _FOLDER.glob("V*.sql") for name in _CREATED.findall(path.read_text())}
        rows = connection.query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = ?", [self.schema]
        )
        return wanted <= {str(name) for (name,) in rows}

    @property
    def _quoted(self) -> str:
        return '"' + self.schema.replace('"', '""') + '"'


def ensure_tables(connections: ConnectionManager, connection: str, session: WriteSession) -> OwnTables:
    """Give the tables of a connection, which are made by migrations of this package's own where they are missing.

    Args:
        connections: Where connections are lent.
        connection: The connection's name.
        session: One that is open already; it gets another connection afterwards where tables had to be made.

    Raises:
        PermissionDeniedError: They are missing, and the role may not make them.
    """
    deadline = time.monotonic() + _OTHERS_SECONDS
    while (found := session.run(lambda lent, _: _found(lent), Transaction(read_only=True))).missing:
        session.release()  # a pool may have a single connection
        try:
            history = replace(OWN_TABLES, schema=found.tables.schema)
            ensure_own_tables(connections, connection, _FOLDER, tables=history)
        except (LeaseHeldError, ConstraintError):  # another process makes them; IF NOT EXISTS does not wait for it
            if time.monotonic() >= deadline:
                raise
            time.sleep(_POLL_SECONDS)
        except PermissionDeniedError as error:
            error.advice = (
                f"Let an administrator run the files of {_FOLDER}, and grant SELECT, INSERT, UPDATE and DELETE on the "
                f"tables of the schema {found.tables.schema} to this role; or set `own_schema` to a schema that it may "
                "write to."
            )
            raise
    return found.tables


@dataclass(frozen=True)
class _Found:
    tables: OwnTables
    missing: bool


def _found(connection: CockroachDBConnection) -> _Found:
    tables = OwnTables(connection.config.own_schema)
    return _Found(tables, not tables.exist(connection))
