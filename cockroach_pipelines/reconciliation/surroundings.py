"""What lies around the differences: rows as they usually are, and the whole range of the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cockroach_pipelines.database import Dialect, StatementError
from cockroach_pipelines.reconciliation.columns import RelationShape
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.sides import Side, Sides, result
from cockroach_pipelines.reconciliation.statements import SQLText, Statements, source_of

_ROWS = 1_000
_RANGED = (Family.INTEGER, Family.NUMERIC, Family.DATE, Family.TIMESTAMP, Family.TIMESTAMPTZ)


@dataclass(frozen=True)
class Surroundings:
    """What differences are compared with.

    Attributes:
        rows: Some rows of the source, as text; None where they could not be read.
        low: The lowest first key column of both sides; None where that is not known.
        high: The highest.
    """

    rows: Any = None
    low: str | None = None
    high: str | None = None


def surroundings(
    sides: Sides, statements: tuple[Statements, Statements], shapes: tuple[RelationShape, RelationShape]
) -> Surroundings:
    """Look around; a server that refuses leaves a gap, since nothing depends on it."""
    pair = statements[0].columns.key[0]
    rows = _attempt(sides.source, some_rows(statements[0], shapes[0].estimated_rows or 0, sides.source.dialect))
    lows, highs = [], []
    names = (pair.source.name, pair.target.name)
    both = (sides.source, sides.target)
    if pair.family in _RANGED:
        for side, each, shape, name in zip(both, statements, shapes, names, strict=True):
            if name in shape.indexed and (found := _attempt(side, each.key_range())) is not None and len(found):
                lows.append(found["low"][0].as_py())
                highs.append(found["high"][0].as_py())
    from cockroach_pipelines.reconciliation.histogram import position

    lows = [text for text in lows if text is not None and position(text, pair.family) is not None]
    highs = [text for text in highs if text is not None and position(text, pair.family) is not None]
    order = lambda text: position(text, pair.family) or 0  # noqa: E731 - one expression
    return Surroundings(rows, min(lows, key=order, default=None), max(highs, key=order, default=None))


def _attempt(side: Side, statement: SQLText) -> Any:
    def look(reader: Any) -> Any:
        with reader.attempt():
            return reader.table(statement.text, statement.parameters)

    try:
        return result(side.submit(look))
    except StatementError as error:
        if error.retryable:
            raise
        return None


def some_rows(statements: Statements, rows: int, dialect: Dialect) -> SQLText:
    """Give some rows of a relation as text: of a large table of PostgreSQL from blocks all over it, else the first."""
    relation = statements.relation
    source = source_of(relation, statements.spec, "true")
    text = source.text
    if dialect is Dialect.POSTGRESQL and relation.table and rows > 50 * _ROWS:
        share = min(100.0, 100.0 * 20 * _ROWS / rows)
        text = text.replace(f" FROM {relation.origin}", f" FROM {relation.origin} TABLESAMPLE SYSTEM ({share:.4f})", 1)
    return SQLText(f"SELECT {statements.texts}{text} LIMIT {_ROWS}", source.parameters)
