"""A query that holds batches back."""

from __future__ import annotations

from decimal import Decimal

from cockroach_pipelines.database import CockroachDBConnection, StatementError
from cockroach_pipelines.execution import locate
from cockroach_pipelines.queries import Fragment


def reason_to_wait(connection: CockroachDBConnection, fragment: Fragment) -> str:
    """Ask, and give why nothing may run; empty where nothing holds it back.

    The first value of the first row decides: true, a number above 0, or a text that is the reason itself.

    Raises:
        StatementError: The server refused the query; its place is the line of the SQL file.
    """
    try:
        rows = connection.query(fragment.bound.text)
    except StatementError as error:
        locate(error, fragment.bound, numbered=True)
        raise
    value = rows[0][0] if rows and rows[0] else None
    match value:
        case None | False | "":
            return ""
        case str():
            return value
        case True:
            return "the throttle's query gives true"
        case int() | float() | Decimal():
            return f"the throttle's query gives {value}" if value > 0 else ""
        case _:
            return f"the throttle's query gives a {type(value).__name__}"
