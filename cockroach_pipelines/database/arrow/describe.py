"""What a statement will give, asked of the server without running it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import jpype

from cockroach_pipelines.database.arrow.errors import NoResultError
from cockroach_pipelines.database.arrow.literals import parse_natively, require_safe_literals, with_literals
from cockroach_pipelines.database.arrow.types import Column, Special, column, schema_of
from cockroach_pipelines.database.binding import bind_all
from cockroach_pipelines.database.errors import StatementError, statement_error
from cockroach_pipelines.database.jvm import java
from cockroach_pipelines.database.sqlstate import java_sql_error


@dataclass(frozen=True)
class Description:
    """A statement's result before it runs."""

    columns: tuple[Column, ...]

    @functools.cached_property
    def schema(self) -> Any:
        """The Arrow schema of the columns."""
        return schema_of(self.columns)


def describe(jdbc: Any, sql: str, parameters: Sequence[object] = ()) -> Any:
    """Give the Arrow schema that `read` of a statement would have, without running it.

    Raises:
        NoResultError: It gives no columns.
        StatementError: The server refuses it.
    """
    with closing(prepare(jdbc, sql, parameters)) as statement:
        return describe_prepared(statement, sql, "error").schema


def describe_with_literals(
    jdbc: Any, sql: str, parameters: Sequence[object], special: Special
) -> tuple[Description, str]:
    """Ask for the columns of a statement, and give its text with the parameters as literals.

    Raises:
        UnsafeLiteralsError: Literals would not mean the same as binds.
        NoResultError: It gives no columns.
        StatementError: The server refuses it; `server.position` counts characters of `sql`.
    """
    if parameters:
        require_safe_literals(jdbc)
    with closing(prepare(jdbc, sql, parameters)) as statement:
        return describe_prepared(statement, sql, special), with_literals(jdbc, statement, sql)


def prepare(jdbc: Any, sql: str, parameters: Sequence[object], *, always_text: bool = False) -> Any:
    """Give a `java.sql.PreparedStatement` with its parameters bound; the caller closes it.

    With `always_text` values come as the server's text. Once it knows a statement's columns the driver asks for some of
    them in binary, and its own text of those differs (`(1.0,2.0)` for a point), but never for an updatable result.
    """
    kinds = java("java.sql.ResultSet")
    concurrency = kinds.CONCUR_UPDATABLE if always_text else kinds.CONCUR_READ_ONLY
    statement = jdbc.prepareStatement(sql, kinds.TYPE_FORWARD_ONLY, concurrency)
    try:
        bind_all(statement, parameters)
    except BaseException:
        statement.close()
        raise
    return statement


def describe_prepared(statement: Any, sql: str, special: Special) -> Description:
    """Ask for the columns of a prepared statement; `sql` is its text, for messages."""
    try:
        metadata = statement.getMetaData()
    except jpype.JException as error:
        raise _with_position_in(sql, java_sql_error(error)) from error
    count = int(metadata.getColumnCount()) if metadata is not None else 0
    if count == 0:
        raise NoResultError(
            "The statement gives no columns, so there is nothing to read.",
            advice="Select at least one column, add RETURNING, or run the statement without reading its result.",
        )
    return Description(tuple(_column(metadata, index, special) for index in range(1, count + 1)))


def _column(metadata: Any, index: int, special: Special) -> Column:
    # The public getColumnTypeName() asks the catalogue whether an integer is a serial, at the cost of a query.
    type_name = _get_pg_type(metadata.getClass()).invoke(metadata, [java("java.lang.Integer")(index)])
    return column(
        str(metadata.getColumnLabel(index)),
        str(type_name),
        int(metadata.getPrecision(index)),
        int(metadata.getScale(index)),
        special,
    )


@functools.cache
def _get_pg_type(metadata_class: Any) -> Any:
    method = metadata_class.getDeclaredMethod("getPGType", [jpype.JInt.class_])
    method.setAccessible(True)
    return method


def _with_position_in(sql: str, error: Exception) -> Exception:
    """Move the position of a server's error from the text with `$1` to the author's text with `?`."""
    if not isinstance(error, StatementError) or error.server.position is None:
        return error
    starts = [int(start) for query in parse_natively(sql)[:1] for start in query.bindPositions]
    before = sum(start < error.server.position - 1 for start in starts)
    longer = sum(len(str(number)) for number in range(1, before + 1))
    return statement_error(replace(error.server, position=error.server.position - longer), place=error.place)
