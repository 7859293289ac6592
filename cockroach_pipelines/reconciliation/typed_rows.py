"""Rows whose values are known as text, as a relation of typed columns that a statement can read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cockroach_pipelines.reconciliation.columns import Column, Pair, quoted
from cockroach_pipelines.reconciliation.equality import canonical_number
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.matching import Row
from cockroach_pipelines.reconciliation.moments import canonical_moment
from cockroach_pipelines.reconciliation.statements import value_literal

_LIMIT = re.compile(r"\(\s*-?\d+(\s*,\s*-?\d+)?\s*\)")
# Which mean one character or bit when they name no length.
_WITHOUT_LENGTH = {"character": "bpchar", "char": "text", "bit": "varbit"}
_WITHOUT_ZONE = (Family.DATE, Family.TIMESTAMP)


def unlimited_type(column: Column) -> str:
    """Give the type that a text is cast to such that nothing of it is cut off or rounded: the column's, without a limit."""
    declared = column.declared if '"' in column.declared else _LIMIT.sub("", column.declared).split(" collate ")[0]
    if declared.startswith("_") and not column.is_enum:  # the driver's name of an array
        declared = f"{declared[1:]}[]"
    base, brackets, _ = declared.partition("[]")
    return _WITHOUT_LENGTH.get(base, base) + brackets


def own_literal(value: str | None, pair: Pair, *, is_source: bool) -> str:
    """Write a value, as `SideSQL.text` gives it, as the column of one side reads it, whatever type the other side's has."""
    own = pair.column(is_source=is_source).family
    if value is not None and own is not pair.family and not pair.normalize:
        if own is Family.INTEGER:  # which takes no point, not even before zeros
            value = canonical_number(value)
        elif own in _WITHOUT_ZONE:  # which ignore an offset
            value = canonical_moment(value)
    return value_literal(value, pair)


def typed_rows(rows: Sequence[Row], pairs: Sequence[Pair], side: SideSQL) -> str:
    """Give what stands after FROM for a relation of these rows, which has the side's names and types of the columns.

    Args:
        rows: Values as `SideSQL.text` gives them.
        pairs: Their columns; none may be normalized, since that has happened to a value already.
        side: Whose names and types.
    """
    names = [f"c{place}" for place in range(len(pairs))]
    casts = [
        f"v.{name}::{unlimited_type(column)} AS {quoted(column.name)}"
        for name, column in zip(names, map(side.column_of, pairs), strict=True)
    ]
    lines = ", ".join(
        f"({', '.join(own_literal(value, pair, is_source=side.is_source) for value, pair in zip(row, pairs, strict=True))})"
        for row in rows
    )
    return f"(SELECT {', '.join(casts)} FROM (VALUES {lines}) AS v ({', '.join(names)})) AS {side.alias}"
