"""Bringing rows into a table whether they are there already or not, by way of a staging table."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from cockroach_pipelines.database.arrow.copy_in import WriteResult, send
from cockroach_pipelines.database.arrow.errors import DuplicateKeyError
from cockroach_pipelines.database.arrow.incoming import ColumnNames, Incoming, quoted
from cockroach_pipelines.database.arrow.server import cockroach_version
from cockroach_pipelines.database.arrow.worker import ConnectionWorker
from cockroach_pipelines.database.errors import StatementError

_CARDINALITY_VIOLATION = "21000"  # one statement would change a row twice
_COMMITS_BEFORE_DDL_SINCE = (25, 1)


def upsert(jdbc: Any, table: str, data: Any, key: Sequence[str], columns: ColumnNames | None = None) -> WriteResult:
    """Insert rows, and update those whose key is in the table already; all of them or none.

    They go to a temporary table first, by the quickest way, and from there in one `INSERT … ON CONFLICT`. A row whose
    key holds NULL is inserted. Where there are no columns but the key's, rows that are there already stay as they are.
    The transaction is the caller's to commit, or to roll back after an error.

    Args:
        jdbc: An open `java.sql.Connection` of pgjdbc with autocommit off.
        table: The table's name, quoted and qualified as it stands in SQL.
        data: Rows, as `write` takes them.
        key: The columns of a primary key or unique index of the table, unquoted; of one column also its name alone.
        columns: As in `write`.

    Returns:
        Rows inserted or updated, and bytes that were sent.

    Raises:
        DuplicateKeyError: Two rows of the data have the same key.
        ValueError: `key` names no column, or one that the data does not have.
        StatementError: The server refused, for one because the key is not unique in the table.
    """
    incoming = Incoming(table, data, columns)
    key = (key,) if isinstance(key, str) else key
    missing = [name for name in key if name not in incoming.columns]
    if missing or not key:
        raise ValueError(f"key must name columns of the data, {', '.join(map(repr, incoming.columns))}: {list(key)}")
    staging = quoted(f"staging_{uuid.uuid4().hex[:12]}")
    names = ", ".join(map(quoted, incoming.columns))
    keys = ", ".join(map(quoted, key))
    for preparation in _preparations(jdbc):
        _execute(jdbc, preparation)
    _execute(jdbc, f"CREATE TEMPORARY TABLE {staging} AS SELECT {names} FROM {incoming.table} LIMIT 0")
    sent = send(jdbc, incoming.into(staging))
    _execute(jdbc, "SAVEPOINT merge")
    try:
        rows = _execute(
            jdbc,
            f"INSERT INTO {incoming.target} SELECT {names} FROM {staging} ON CONFLICT ({keys}) DO "
            + _action([name for name in incoming.columns if name not in key]),
        )
    except StatementError as error:
        if error.sqlstate != _CARDINALITY_VIOLATION:
            raise
        _execute(jdbc, "ROLLBACK TO SAVEPOINT merge")
        raise _duplicate(jdbc, table, staging, keys, error) from error
    _execute(jdbc, f"DROP TABLE {staging}")
    return replace(sent, rows=rows)


def _action(others: Sequence[str]) -> str:
    if not others:
        return "NOTHING"
    return "UPDATE SET " + ", ".join(f"{quoted(name)} = EXCLUDED.{quoted(name)}" for name in others)


def _preparations(jdbc: Any) -> list[str]:
    version = cockroach_version(jdbc)
    if version is None:
        return []
    preparations = ["SET experimental_enable_temp_tables = 'on'"]
    if version >= _COMMITS_BEFORE_DDL_SINCE:
        # Else making the table would commit what the caller's transaction did before.
        preparations.append("SET LOCAL autocommit_before_ddl = off")
    return preparations


def _duplicate(jdbc: Any, table: str, staging: str, keys: str, error: StatementError) -> DuplicateKeyError:
    sql = f"SELECT ({keys})::text, count(*) FROM {staging} GROUP BY {keys} HAVING count(*) > 1 ORDER BY 2 DESC LIMIT 1"
    with closing(jdbc.createStatement()) as statement, closing(statement.executeQuery(sql)) as rows:
        rows.next()
        return DuplicateKeyError(table, keys, str(rows.getString(1)), int(rows.getLong(2)), error.server)


def _execute(jdbc: Any, sql: str) -> int:
    return _Execution(jdbc, sql).rows()


class _Execution(ConnectionWorker):
    """Runs one statement that gives no rows, interruptibly."""

    def __init__(self, jdbc: Any, sql: str) -> None:
        super().__init__(jdbc, "arrow-statement")
        self._jdbc = jdbc
        self._sql = sql
        self._rows = 0

    def rows(self) -> int:
        """Run it and give the number of rows it affected.

        Raises:
            StatementError: The server refused it.
        """
        try:
            self.start()
            self._wait_for_end()
        except BaseException:
            self.close()
            raise
        if self.outcome is not None:
            raise self.outcome
        return self._rows

    def _work(self) -> None:
        with closing(self._jdbc.createStatement()) as statement:
            self._rows = int(statement.executeLargeUpdate(self._sql))

    def _leave(self) -> None:
        self._jdbc = None

    def _over(self) -> None:
        """Whoever waits looks at the thread's end."""
