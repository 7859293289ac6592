"""The small tables of this package's own, in the database whose data they speak of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.database import CockroachDBConnection, ConstraintError, PermissionDeniedError
from cockroach_pipelines.execution import Transaction, WriteSession
from cockroach_pipelines.queries.lexing import lex, statements

_FOLDER = Path(__file__).parent / "tables"
_SCHEMA = "cockroach_pipelines"
_CREATED = re.compile(rf"CREATE TABLE IF NOT EXISTS {_SCHEMA}\.(\w+)")
_ATTEMPTS = 3


@dataclass(frozen=True)
class OwnTables:
    """The tables by their names, in a schema."""

    schema: str = _SCHEMA

    def __getattr__(self, name: str) -> str:
        """Give the name of a table as SQL writes it: `tables.leases`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return f'{self._quoted}."maintenance_{name}"'

    def statements(self) -> list[str]:
        """Give what makes them, statement by statement, the files in order."""
        files = sorted(_FOLDER.glob("V*.sql"), key=lambda path: int(path.name[1:].partition("__")[0]))
        return [self._in_schema(text) for path in files for text in _split(path.read_text())]

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

    def _in_schema(self, text: str) -> str:
        return re.sub(rf"\b{_SCHEMA}\b", lambda _: self._quoted, text)


def ensure_tables(session: WriteSession) -> OwnTables:
    """Give the tables of a connection, which are made where they are missing.

    Raises:
        PermissionDeniedError: They are missing, and the role may not make them.
    """
    for attempt in range(_ATTEMPTS):
        try:
            found = session.run(lambda connection, _: _found(connection), Transaction(read_only=True))
            return found or session.run_autocommit(
                lambda connection, _: _make(connection), timeout=None, timezone="UTC", idempotent=True, retries=None
            )
        except ConstraintError:  # another process makes them in the same moment, and IF NOT EXISTS does not wait for it
            if attempt == _ATTEMPTS - 1:
                raise
    raise AssertionError


def _found(connection: CockroachDBConnection) -> OwnTables | None:
    tables = OwnTables(connection.config.own_schema)
    return tables if tables.exist(connection) else None


def _make(connection: CockroachDBConnection) -> OwnTables:
    tables = OwnTables(connection.config.own_schema)
    try:
        for statement in tables.statements():
            connection.execute(statement)
    except PermissionDeniedError as error:
        error.advice = (
            f"Let an administrator run the files of {_FOLDER}, and grant SELECT, INSERT, UPDATE and DELETE on the "
            f"tables of the schema {tables.schema} to this role; or set `own_schema` to a schema that it may write to."
        )
        raise
    return tables


def _split(text: str) -> list[str]:
    return [each.source.text[each.tokens[0].start : each.tokens[-1].end + 1] for each in statements(lex(text))]
