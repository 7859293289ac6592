"""Rows of both sides set against each other as the servers write them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.database.arrow import CSVRows
from cockroach_pipelines.reconciliation.arrays import booleans, from_booleans, from_texts, integers, text
from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.matching import Matched, match

_MOST_LEFT = 0.5
_TRUE, _FALSE = from_texts(["true", "t"]), text("false")


class RowMatcher:
    """Sets rows against each other by their bytes, and reads the values of those that differ.

    Rows that both sides write alike are equal, whatever is in them. Where a key may stand more than once, though, they
    count among its copies, and all rows are read as soon as anything differs.

    Args:
        columns: What is compared.
        unique_key: Whether no two rows of a side have the same key.
    """

    def __init__(self, columns: ColumnMap, *, unique_key: bool) -> None:
        self._columns = columns
        self._leaves_out = unique_key

    def match(self, source: CSVRows, target: CSVRows) -> Matched:
        """Set all rows of one part of the key space against each other."""
        if source.blocks == target.blocks:
            source, target = replace(source, blocks=()), replace(target, blocks=())
        elif self._leaves_out:
            rows = len(source.lines) + len(target.lines)
            source, target = _unlike(source, target)
            # Two databases that write a type differently have hardly a row alike: it does not pay to look again.
            self._leaves_out = len(source) + len(target) < _MOST_LEFT * rows
        return match(self._texts(source), self._texts(target), self._columns)

    def _texts(self, rows: CSVRows) -> Any:
        table = rows.to_table()
        for position, pair in enumerate(self._columns.all):
            if pair.family is Family.BOOLEAN:
                texts = pc.if_else(pc.is_in(table.column(position), value_set=_TRUE), _TRUE[0], _FALSE)
                given = pc.if_else(table.column(position).is_null(), table.column(position), texts)
                table = table.set_column(position, table.schema.field(position), given)
        return table


def _unlike(source: CSVRows, target: CSVRows) -> tuple[CSVRows, CSVRows]:
    """Leave out rows that both have; each has none twice."""
    ours, theirs = source.lines, target.lines
    number = min(len(ours), len(theirs))
    # Most stand in the same place, counted from the start or from the end.
    forward = booleans(pc.equal(ours.slice(0, number), theirs.slice(0, number)))
    if len(ours) == len(theirs):
        left, right = ~forward, ~forward
    else:
        backward = booleans(pc.equal(ours.slice(len(ours) - number), theirs.slice(len(theirs) - number)))
        before = number if forward.all() else int(forward.argmin())
        after = min(number - before, number if backward.all() else int(backward[::-1].argmin()))
        left, right = (np.zeros(len(lines), bool) for lines in (ours, theirs))
        left[before : len(ours) - after] = right[before : len(theirs) - after] = True
    first, second = ours.filter(from_booleans(left)), theirs.filter(from_booleans(right))
    encoded = pa.concat_arrays([first, second]).dictionary_encode()
    numbers = integers(encoded.indices.cast(pa.int64()))
    for chosen, own, other in (
        (left, numbers[: len(first)], numbers[len(first) :]),
        (right, numbers[len(first) :], numbers[: len(first)]),
    ):
        there = np.zeros(len(encoded.dictionary), bool)
        there[other] = True
        chosen[chosen] = ~there[own]
    return source.chosen(from_booleans(left)), target.chosen(from_booleans(right))
