"""Small reads for the tests."""

from __future__ import annotations

from typing import Any

from cockroach_pipelines.database.arrow import Special, read


def columns(jdbc: Any, sql: str, *parameters: object, copy: bool = True, special: Special = "error") -> list[list[Any]]:
    """Read a statement and give the values of its columns as the batches have them."""
    with read(jdbc, sql, parameters, copy=copy, special=special) as stream:
        batches = list(stream)
        return [
            [value for batch in batches for value in batch.column(position).to_pylist()]
            for position in range(len(stream.schema))
        ]


def column(jdbc: Any, sql: str, *parameters: object, copy: bool = True, special: Special = "error") -> list[Any]:
    """Read a statement of one column."""
    (values,) = columns(jdbc, sql, *parameters, copy=copy, special=special)
    return values


def execute(jdbc: Any, *statements: str) -> None:
    """Run statements whose results do not matter."""
    for sql in statements:
        statement = jdbc.createStatement()
        statement.execute(sql)
        statement.close()


def still_works(jdbc: Any) -> bool:
    """Whether the connection serves after its transaction was rolled back."""
    jdbc.rollback()
    return column(jdbc, "SELECT 42") == [42]
