"""How what a session is told ties back to the SQL file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from cockroach_pipelines.database import StatementError
from cockroach_pipelines.queries.parsing import BoundSQL, Statement


def arranged(bound: BoundSQL, values: Mapping[str, object]) -> list[object]:
    """Give the values of a statement's parameters in order; what it does not bind is left out."""
    return bound.arrange({name: values[name] for name in bound.names if name in values})


@contextmanager
def located(statement: Statement, *, numbered: bool = True) -> Iterator[None]:
    """Give errors of the server their place in the SQL file, and its line.

    Args:
        statement: What runs.
        numbered: Whether positions count parameters as the driver's `$1`; streams of Arrow count them as `?`.
    """
    try:
        yield
    except StatementError as error:
        locate(error, statement.bound, numbered=numbered)
        raise


def locate(error: StatementError, bound: BoundSQL, *, numbered: bool, before: int = 0) -> None:
    """Give an error its place in the SQL file, and the line where the server pointed at one; what it has it keeps.

    Args:
        error: What the server said.
        bound: The text that ran.
        numbered: See `located`.
        before: Characters that stood before that text in what the server saw.
    """
    if error.place is not None:
        return
    position = error.server.position
    error.place = bound.place(max(1, (position or 0) - before), numbered=numbered)
    if position:
        error.excerpt = bound.source.excerpt(error.place)
