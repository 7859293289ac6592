"""The tables that remember what was applied: Flyway's history, and three of our own beside it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from cockroach_pipelines.database import CockroachDBConnection, Dialect


@dataclass(frozen=True)
class HistoryTables:
    """The tables of one history.

    `history` has the names and the meaning of Flyway's columns, so that either can go on from the other. Beside it
    `<table>_files` holds what Flyway does not keep of a file, `<table>_statements` how far an unfinished file is, and
    `<table>_lease` who is at it.
    """

    schema: str = "public"
    table: str = "flyway_schema_history"

    @property
    def history(self) -> str:
        """The history, as SQL writes it."""
        return self._name("")

    @property
    def files(self) -> str:
        """Hashes of applied files."""
        return self._name("_files")

    @property
    def statements(self) -> str:
        """Progress of unfinished files."""
        return self._name("_statements")

    @property
    def lease(self) -> str:
        """Who is at it."""
        return self._name("_lease")

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, without schema and quotes."""
        return tuple(f"{self.table}{suffix}" for suffix in ("", "_files", "_statements", "_lease"))

    def definitions(self, dialect: Dialect) -> dict[str, tuple[str, ...]]:
        """Give what makes each table, by its name without schema and quotes."""
        return {
            self.table: self._history_definition(dialect),
            f"{self.table}_files": (_FILES.format(table=self.files),),
            f"{self.table}_statements": (_STATEMENTS.format(table=self.statements),),
            f"{self.table}_lease": (_LEASE.format(table=self.lease),),
        }

    def existing(self, connection: CockroachDBConnection) -> set[str]:
        """Give the names of everything in the schema that holds rows, what extensions brought left out."""
        rows = connection.query(
            "SELECT c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE n.nspname = ? AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
            "AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')",
            [self.schema],
        )
        return {str(row[0]) for row in rows}

    def creation(self, connection: CockroachDBConnection, existing: Collection[str]) -> list[str]:
        """Give the statements that make what is missing; what is there needs no privilege to make it."""
        missing = [
            statement
            for name, statements in self.definitions(connection.version.dialect).items()
            if name not in existing
            for statement in statements
        ]
        known = connection.query("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?", [self.schema])
        schema = [] if known or not missing else [f"CREATE SCHEMA IF NOT EXISTS {_quoted(self.schema)}"]
        return [*schema, *missing]

    def _name(self, suffix: str) -> str:
        return f"{_quoted(self.schema)}.{_quoted(self.table + suffix)}"

    def _history_definition(self, dialect: Dialect) -> tuple[str, ...]:
        index = _quoted(f"{self.table}_s_idx")
        if dialect is Dialect.COCKROACHDB:
            key, constraint = " PRIMARY KEY", ""
        else:
            key, constraint = "", f",\n    CONSTRAINT {_quoted(f'{self.table}_pk')} PRIMARY KEY (installed_rank)"
        return (
            _HISTORY.format(table=self.history, key=key, constraint=constraint),
            f"CREATE INDEX IF NOT EXISTS {index} ON {self.history} (success)",
        )


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# Flyway's own: org.flywaydb.database.postgresql.PostgreSQLDatabase and org.flywaydb.database.cockroachdb.CockroachDBDatabase.
_HISTORY = """CREATE TABLE IF NOT EXISTS {table} (
    installed_rank INT NOT NULL{key},
    version VARCHAR(50),
    description VARCHAR(200) NOT NULL,
    type VARCHAR(20) NOT NULL,
    script VARCHAR(1000) NOT NULL,
    checksum INTEGER,
    installed_by VARCHAR(100) NOT NULL,
    installed_on TIMESTAMP NOT NULL DEFAULT now(),
    execution_time INTEGER NOT NULL,
    success BOOLEAN NOT NULL{constraint}
)"""
_FILES = """CREATE TABLE IF NOT EXISTS {table} (
    installed_rank INT NOT NULL PRIMARY KEY,
    sha256 VARCHAR(64) NOT NULL,
    statements INT NOT NULL
)"""
_STATEMENTS = """CREATE TABLE IF NOT EXISTS {table} (
    script VARCHAR(1000) NOT NULL,
    statement INT NOT NULL,
    fingerprint VARCHAR(64) NOT NULL,
    state VARCHAR(20) NOT NULL,
    started_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    finished_on TIMESTAMPTZ,
    jobs VARCHAR(1000) NOT NULL DEFAULT '',
    error TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (script, statement)
)"""
_LEASE = """CREATE TABLE IF NOT EXISTS {table} (
    name VARCHAR(100) NOT NULL PRIMARY KEY,
    owner VARCHAR(500) NOT NULL,
    token VARCHAR(36) NOT NULL,
    acquired_on TIMESTAMPTZ NOT NULL,
    expires_on TIMESTAMPTZ NOT NULL
)"""
