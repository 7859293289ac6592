"""The result of a statement that COPY cannot run (SHOW, EXPLAIN, CALL, RETURNING), as the CSV that COPY would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cockroach_pipelines.database.arrow.describe import Description, describe_prepared, prepare
from cockroach_pipelines.database.arrow.marks import USUAL, Marks
from cockroach_pipelines.database.arrow.row_loop import csv_row_loop
from cockroach_pipelines.database.arrow.statement import single_statement
from cockroach_pipelines.database.arrow.types import Special
from cockroach_pipelines.database.jvm import java

_ROWS_PER_FETCH = 1000
_BUILDER_CHARACTERS = 1 << 16


class ResultRows:
    """Blocks of CSV of a `java.sql.ResultSet`; see `Source`.

    With autocommit on the driver holds the whole result in the JVM's heap; within a transaction it fetches by and by.
    """

    def __init__(self, jdbc: Any, sql: str, parameters: Sequence[object], special: Special) -> None:
        self.marks: Marks = USUAL
        self._jdbc = jdbc
        self._sql = sql
        self._parameters = parameters
        self._special = special
        self._statement: Any = None
        self._rows: Any = None
        self._loop: Any = None
        self._builder: Any = None

    def describe(self) -> Description:
        """Give the columns.

        Asked before the statement runs: a type that the driver does not know costs it a query of the catalogue, for
        which CockroachDB has no room beside an open result.
        """
        sql = single_statement(self._sql)
        self._statement = prepare(self._jdbc, sql, self._parameters, always_text=True)
        description = describe_prepared(self._statement, sql, self._special)
        self._loop = csv_row_loop(len(description.columns))
        return description

    def open(self) -> None:
        """Run the statement and wait for its first rows."""
        if not self._jdbc.getAutoCommit():
            self._statement.setFetchSize(_ROWS_PER_FETCH)
        self._rows = self._statement.executeQuery()
        self._builder = java("java.lang.StringBuilder")(_BUILDER_CHARACTERS)

    def next_block(self) -> bytes:
        """Give about a mebibyte of rows."""
        self._builder.setLength(0)
        self._loop.accept(self._builder, self._rows)
        encoded = self._builder.toString().getBytes(java("java.nio.charset.StandardCharsets").UTF_8)
        with memoryview(encoded) as view:
            return view.tobytes()

    @property
    def runs(self) -> bool:
        """Nothing runs on the server between two fetches."""
        return False

    def drain(self) -> None:
        """Nothing is under way between two fetches."""

    def close(self) -> None:
        """Close the result and the statement, and let go of every Java object."""
        statement = self._statement
        self._jdbc = self._statement = self._rows = self._loop = self._builder = None
        if statement is not None:
            statement.close()
