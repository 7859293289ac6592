"""What of a result is compared with that of the one before: its rows, sums and averages, exactly."""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.execution.checks import CheckOutcome
from cockroach_pipelines.queries.headers import column_of

NOT_COMPARED = "Not compared: only Dagster knows what was materialized before."

# Sums of the widest decimals and of any number of them fit.
_EXACT = decimal.Context(prec=100)
_WIDEST = 76


class NotMeasurableError(Exception):
    """A measure has no value; says why."""


class Measure(Protocol):
    """A number that grows while batches go by."""

    def see(self, batch: pa.RecordBatch) -> None:
        """Take note of rows."""

    @property
    def value(self) -> Decimal | int | None:
        """The number; None where no row has a value."""


def measure_of(name: str, schema: pa.Schema, rows: int) -> Measure:
    """Give the measure of a name such as `rows`, `sum(amount)` and `avg(amount)`.

    Raises:
        NotMeasurableError: The column holds no numbers.
    """
    column = column_of(name)
    return _Sum(column, schema.field(column).type, average=name.startswith("avg")) if column else _Count(rows)


def change(outcome: CheckOutcome, limits: Mapping[str, Decimal], before: Mapping[str, Decimal] | None) -> CheckOutcome:
    """Give an outcome, whose figures are the measures, with what changed by more than its limit.

    Args:
        outcome: What was measured.
        limits: The largest share of its former value that each measure may change by.
        before: The former values; None where there are none.
    """
    if outcome.error:
        return outcome
    if before is None:
        return replace(outcome, note="Nothing to compare with: this is the first materialization.")
    figures: dict[str, Decimal | int | float | str] = dict(outcome.figures)
    findings, notes = [], []
    for name, limit in limits.items():
        now, then = outcome.figures.get(name), before.get(name)
        if now is None or then is None:
            when = "this time" if now is None else "in the previous materialization"
            notes.append(f"{name} has no value {when}.")
            continue
        changed = _share(Decimal(now), then)
        figures[f"{name} before"] = then
        if changed is None or abs(changed) > limit:
            by = "was 0" if changed is None else f"changed by {_percent(changed)}"
            findings.append(
                f"{name} {by}, from {_shown(then)} to {_shown(Decimal(now))}; at most {_percent(limit)} is wanted."
            )
        elif changed is not None:
            notes.append(f"{name} changed by {_percent(changed)}.")
    return replace(outcome, figures=figures, finding=" ".join(findings), note=" ".join(notes))


def _share(now: Decimal, then: Decimal) -> Decimal | None:
    if now == then:
        return Decimal(0)
    return _EXACT.divide(_EXACT.subtract(now, then), abs(then)) if then else None


def _percent(share: Decimal) -> str:
    return f"{float(share * 100):.4g}%"


def _shown(number: Decimal) -> str:
    return f"{number:,}"


class _Count:
    def __init__(self, rows: int) -> None:
        self.value = rows

    def see(self, batch: pa.RecordBatch) -> None:
        """Nothing is to be seen: the file knows its rows."""


class _Sum:
    def __init__(self, column: str, kind: Any, *, average: bool) -> None:
        self._column = column
        self._average = average
        self._total = Decimal(0)
        self._count = 0
        # Batches of these cannot overflow the type that they are added up in.
        if pa.types.is_integer(kind):
            self._type = pa.decimal128(38, 0)
        elif pa.types.is_decimal(kind):
            self._type = pa.decimal256(_WIDEST, kind.scale)
        elif pa.types.is_floating(kind):
            self._type = pa.float64()
        else:
            raise NotMeasurableError(f"{column!r} is {kind}, and no number.")

    def see(self, batch: pa.RecordBatch) -> None:
        column = batch.column(self._column)
        total = pc.sum(column.cast(self._type)).as_py()
        if total is not None:
            self._total = _EXACT.add(self._total, Decimal(total))
            self._count += len(column) - column.null_count

    @property
    def value(self) -> Decimal | None:
        if not self._count:
            return None
        if not self._total.is_finite():
            raise NotMeasurableError(f"{self._column!r} holds NaN or infinity: it has no sum.")
        return _EXACT.divide(self._total, Decimal(self._count)) if self._average else self._total
