"""A prepared statement as text, its parameters written as literals; COPY takes no binds."""

from __future__ import annotations

import functools
from typing import Any

from cockroach_pipelines.database.arrow.errors import UnsafeLiteralsError
from cockroach_pipelines.database.jvm import java

_FIRST_DRIVER_WITH_LITERALS = (42, 7)  # 42.5 renders bytea as `?`


def parse_natively(sql: str) -> list[Any]:
    """Give the driver's `NativeQuery` of each statement: the text with `$1` for `?`, and where each of those stands."""
    parser = java("org.postgresql.core.Parser")
    sql = parser.replaceProcessing(sql, True, True)  # {fn now()} and its like, as JDBC says
    # standard strings, with parameters, split at semicolons, not rewritten for batches, identifiers as they are
    return list(parser.parseJdbcSql(sql, True, True, True, False, False))


def require_safe_literals(jdbc: Any) -> None:
    """Check that literals will mean the same as binds on this connection.

    The driver doubles quotes and leaves backslashes, so the server must read strings as the standard says.

    Raises:
        UnsafeLiteralsError: They could mean something else, or even end early.
    """
    connection = jdbc.unwrap(java("org.postgresql.PGConnection"))
    if str(connection.getParameterStatus("standard_conforming_strings")) != "on":
        raise UnsafeLiteralsError(
            "Parameters cannot be written into a COPY while standard_conforming_strings is not on.",
            advice="Set standard_conforming_strings=on for the session, or read with copy=False.",
        )
    metadata = jdbc.getMetaData()
    version = int(metadata.getDriverMajorVersion()), int(metadata.getDriverMinorVersion())
    if version < _FIRST_DRIVER_WITH_LITERALS:
        raise UnsafeLiteralsError(
            f"pgjdbc {metadata.getDriverVersion()} does not render every parameter as a literal.",
            advice="Use the driver that travels with the package, 42.7 or later, or read with copy=False.",
        )


def with_literals(jdbc: Any, statement: Any, sql: str) -> str:
    """Give the text of a prepared and bound statement with the driver's own literal in place of each parameter.

    `PreparedStatement.toString()` does nearly this, but names no type for arrays and jsonb, which then would be text.
    """
    (query,) = parse_natively(sql)
    native, starts = str(query.nativeSql), [int(start) for start in query.bindPositions]
    if not starts:
        return native
    parameters = _parameters_field(statement.getClass()).get(statement)
    types = [int(oid) for oid in parameters.getTypeOIDs()]
    text, end = [], 0
    for number, start in enumerate(starts, 1):
        literal = str(parameters.toString(number, True))
        text += [native[end:start], literal, _cast(jdbc, literal, types[number - 1])]
        end = start + len(f"${number}")
    return "".join([*text, native[end:]])


def _cast(jdbc: Any, literal: str, oid: int) -> str:
    if oid == 0 or not literal.endswith("')"):  # of no type, or `('5'::int8)` and the like
        return ""
    name = str(jdbc.getTypeInfo().getPGType(oid))
    return f"::{name[1:]}[]" if name.startswith("_") else f"::{name}"


@functools.cache
def _parameters_field(statement_class: Any) -> Any:
    while str(statement_class.getName()) != "org.postgresql.jdbc.PgPreparedStatement":
        statement_class = statement_class.getSuperclass()
    field = statement_class.getDeclaredField("preparedParameters")
    field.setAccessible(True)
    return field
