"""Figures over all rows of a result, read batch by batch."""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.queries.headers.reporting import Aggregate, Figure
from cockroach_pipelines.reporting.errors import ReportError
from cockroach_pipelines.reporting.values import batches_of, is_number, row_count, schema_of, values_of

_LARGEST_INT64 = 2**63 - 1
_DECIMAL128_DIGITS = 38
_EXACT = decimal.Context(prec=200)
_DIVISION = decimal.Context(prec=34)

Number = int | float | Decimal


def figures_of(path: Path, figures: Iterable[Figure]) -> dict[Figure, object]:
    """Give the values of figures over a Parquet file; None where there is no value, as where nothing is divided by.

    Sums of integers and decimals are exact.

    Raises:
        ReportError: A figure of numbers is asked of a column that holds none.
    """
    asked = list(dict.fromkeys(figures))
    rows, schema = row_count(path), schema_of(path)
    tallies = {
        aggregate: _Tally(aggregate, schema.field(aggregate.column).type)
        for figure in asked
        for aggregate in figure.aggregates
        if aggregate.column
    }
    columns = list(dict.fromkeys(each.column for each in tallies if each.column))
    if columns:
        for batch in batches_of(path, columns):
            for aggregate, tally in tallies.items():
                tally.add(batch.column(columns.index(str(aggregate.column))))
    values: dict[Aggregate, object] = {aggregate: tally.value for aggregate, tally in tallies.items()}
    return {figure: _value(figure, values, rows) for figure in asked}


def _value(figure: Figure, values: Mapping[Aggregate, object], rows: int) -> object:
    first, *rest = (values[each] if each.column else rows for each in figure.aggregates)
    return divided(first, rest[0]) if rest else first


def divided(dividend: object, divisor: object) -> Number | None:
    """Divide two numbers: exactly to 34 digits, or as floats where one is a float; None where there is no result."""
    if not isinstance(dividend, int | float | Decimal) or not isinstance(divisor, int | float | Decimal) or not divisor:
        return None
    if isinstance(dividend, float) or isinstance(divisor, float):
        return float(dividend) / float(divisor)
    return _DIVISION.divide(Decimal(dividend), Decimal(divisor))


class _Tally:
    """One aggregate of one column under way."""

    def __init__(self, aggregate: Aggregate, kind: pa.DataType) -> None:
        if aggregate.function in ("sum", "mean") and not is_number(kind):
            raise ReportError(
                f"{aggregate} needs numbers, and {aggregate.column!r} is {kind}.",
                advice="Cast the column in the statement, or name another one.",
            )
        self._function = aggregate.function
        self._count = 0
        self._seen = False
        self._sum: Number = 0
        self._value: object = None
        self._distinct: set[object] = set()

    def add(self, column: pa.Array) -> None:
        """Take the values of one batch."""
        present = len(column) - column.null_count
        match self._function:
            case "first":
                if not self._seen and len(column):
                    self._value = _scalar(column, 0)
            case "last":
                if len(column):
                    self._value = _scalar(column, len(column) - 1)
            case "min" | "max":
                self._take_extreme(column)
            case "distinct":
                self._distinct.update(_hashable(value) for value in values_of(pa.chunked_array([pc.unique(column)])))
            case "sum" | "mean":
                self._sum = _added(self._sum, _sum(column))
        self._seen = self._seen or bool(len(column))
        self._count += present

    @property
    def value(self) -> object:
        """What it came to; None where no value was there."""
        match self._function:
            case "count":
                return self._count
            case "distinct":
                return len(self._distinct - {None})
            case "sum":
                return self._sum if self._count else None
            case "mean":
                return divided(self._sum, self._count)
        return self._value

    def _take_extreme(self, column: pa.Array) -> None:
        try:
            found = pc.min_max(column)[self._function]
        except pa.ArrowNotImplementedError as error:
            raise ReportError(
                f"There is no {self._function} of a column of {column.type}.", advice="Name another column."
            ) from error
        if not found.is_valid:
            return
        value: Any = _scalar(pa.array([found.as_py()], found.type), 0)
        if self._value is None or (value < self._value) == (self._function == "min"):
            self._value = value


def _scalar(column: pa.Array, index: int) -> Any:
    return values_of(pa.chunked_array([column.slice(index, 1)]))[0]


def _hashable(value: object) -> object:
    return str(value) if isinstance(value, list | dict) else value


def _added(total: Number, more: Number) -> Number:
    if isinstance(total, float) or isinstance(more, float):
        return float(total) + float(more)
    if isinstance(total, Decimal) or isinstance(more, Decimal):
        return _EXACT.add(Decimal(total), Decimal(more))
    return total + more


def _sum(column: pa.Array) -> Number:
    """Add up a batch, where Arrow's own sum could run over with Python's numbers."""
    kind = column.type
    if len(column) == column.null_count:
        return 0
    if pa.types.is_floating(kind):
        return float(pc.sum(column).as_py())
    if pa.types.is_integer(kind):
        ends = pc.min_max(column).as_py()
        if max(abs(ends["min"]), abs(ends["max"])) <= _LARGEST_INT64 // len(column):
            return int(pc.sum(column).as_py())
        return int(sum(value for value in column.to_pylist() if value is not None))
    if kind.precision + len(str(len(column))) <= _DECIMAL128_DIGITS:
        return Decimal(pc.sum(column).as_py())
    total = Decimal(0)
    for value in column.to_pylist():
        if value is not None:
            total = _EXACT.add(total, value)
    return total
