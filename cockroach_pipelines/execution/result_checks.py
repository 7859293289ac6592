"""Checks that look at a staged result: all of them in one reading of its columns, in bounded memory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cockroach_pipelines.execution.checks import SAMPLE_ROWS, CheckOutcome
from cockroach_pipelines.execution.duplicates import find_duplicates
from cockroach_pipelines.execution.measures import NOT_COMPARED, Measure, NotMeasurableError, change, measure_of
from cockroach_pipelines.execution.outcome import Order
from cockroach_pipelines.execution.row_hashes import can_be_hashed
from cockroach_pipelines.queries import ResultCheck
from cockroach_pipelines.queries.headers import AcceptedValues, FreshColumn, NoChangeBeyond, NotNull, RowCount, Unique
from cockroach_pipelines.queries.rules import column_advice

_BATCH_ROWS = 65_536


class NotEvaluableError(Exception):
    """A check cannot look at the result; says why."""


class _Look(Protocol):
    """A check at work: it sees every batch, then says what it found."""

    def see(self, batch: pa.RecordBatch, first: int) -> None:
        """Look at rows, of which the first is that of a number, counted from 0."""

    def found(self) -> dict[str, Any]:
        """Give what a `CheckOutcome` says beyond its name."""


@dataclass(frozen=True)
class _File:
    path: Path
    parquet: Any
    zone: ZoneInfo
    now: dt.datetime

    @property
    def rows(self) -> int:
        return int(self.parquet.metadata.num_rows)

    def field(self, column: str) -> Any:
        schema = self.parquet.schema_arrow
        if column not in schema.names:
            raise NotEvaluableError(f"The result has no column {column!r}. {column_advice(column, schema.names)}")
        return schema.field(column)

    def at(self, positions: Sequence[int]) -> pa.Table:
        """Give rows by their numbers, in order."""
        tables, before = [], 0
        for number in range(self.parquet.num_row_groups):
            after = before + self.parquet.metadata.row_group(number).num_rows
            if chosen := [position - before for position in positions if before <= position < after]:
                tables.append(self.parquet.read_row_group(number).take(chosen))
            before = after
        return pa.concat_tables(tables)


def evaluate_result(order: Order, path: Path, started: dt.datetime) -> tuple[CheckOutcome, ...]:
    """Evaluate what a file's header asks of its result, which is staged as Parquet.

    A check that cannot be evaluated is a failed one, never a silent one.

    Args:
        order: What was asked for.
        path: The staged result.
        started: When the statement began.
    """
    checks = list(order.query.result_checks.values())
    if not checks:
        return ()
    ended = order.partition.end if order.partition else None
    with pq.ParquetFile(path) as parquet:
        file = _File(path, parquet, ZoneInfo(order.timezone), min(started, ended) if ended else started)
        looks: dict[str, _Look | str] = {check.name: _prepared(check, file) for check in checks}
        looking = {name: look for name, look in looks.items() if not isinstance(look, str)}
        columns = {column for check in checks if check.name in looking for column in check.rule.columns_used}
        if columns:
            first = 0
            for batch in parquet.iter_batches(batch_size=_BATCH_ROWS, columns=sorted(columns)):
                for look in looking.values():
                    look.see(batch, first)
                first += batch.num_rows
        return tuple(_outcome(check, looks[check.name]) for check in checks)


def compared(outcome: CheckOutcome, rule: NoChangeBeyond, before: Mapping[str, Decimal] | None) -> CheckOutcome:
    """Give the outcome of `no_change_beyond` beside what was measured before; None where nothing was."""
    return change(outcome, rule.limits, before)


def _prepared(check: ResultCheck, file: _File) -> _Look | str:
    try:
        return _LOOKS[type(check.rule)](check.rule, file)
    except NotEvaluableError as error:
        return str(error)


def _outcome(check: ResultCheck, look: _Look | str) -> CheckOutcome:
    said: dict[str, Any] = {}
    if isinstance(look, str):
        said["error"] = f"{check.place}: {look}"
    else:
        try:
            said = look.found()
        except (NotEvaluableError, NotMeasurableError) as error:
            said["error"] = f"{check.place}: {error}"
    return CheckOutcome(
        check.name, check.rule.severity, check.rule.blocking, **{"wrong_rows": 0, "sample": None, **said}
    )


@dataclass
class _Rows:
    """Counts rows that are wrong, and remembers the first."""

    file: _File
    count: int = 0
    first: list[int] = field(default_factory=list)

    def add(self, wrong: Any, first: int) -> None:
        """Take note of the rows of a batch for which an array is true."""
        number = wrong.true_count
        if number and len(self.first) < SAMPLE_ROWS:
            places = pc.indices_nonzero(wrong)[: SAMPLE_ROWS - len(self.first)]
            self.first += [first + place for place in places.to_pylist()]
        self.count += number

    def found(self) -> dict[str, Any]:
        """Give how many rows are wrong, and the first of them with all their columns."""
        return {"wrong_rows": self.count, "sample": self.file.at(self.first) if self.first else None}


class _NotNull:
    def __init__(self, rule: NotNull, file: _File) -> None:
        self._columns = rule.columns
        self._rows = _Rows(file)
        for column in rule.columns:
            file.field(column)

    def see(self, batch: pa.RecordBatch, first: int) -> None:
        for name in self._columns:
            column = batch.column(name)
            if column.null_count:
                self._rows.add(column.is_null(), first)

    def found(self) -> dict[str, Any]:
        return self._rows.found()


class _AcceptedValues:
    def __init__(self, rule: AcceptedValues, file: _File) -> None:
        kind = file.field(rule.column).type
        if pa.types.is_nested(kind):
            raise NotEvaluableError(f"{rule.column!r} is {kind}: lists have no accepted values.")
        self._column = rule.column
        self._rows = _Rows(file)
        known = [_as_value(value, kind, rule.column, file.zone) for value in rule.values if value is not None]
        self._accepted = pa.array([value for value in known if value is not None], kind)

    def see(self, batch: pa.RecordBatch, first: int) -> None:
        column = batch.column(self._column)
        other = pc.and_(column.is_valid(), pc.invert(pc.is_in(column, value_set=self._accepted)))
        self._rows.add(other, first)

    def found(self) -> dict[str, Any]:
        return self._rows.found()


def _as_value(value: object, kind: Any, column: str, zone: ZoneInfo) -> object:
    """Give a value of the header in the type of a column; None for a number that such a column never holds."""
    number = not isinstance(value, bool) and isinstance(value, int | float | Decimal)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        if isinstance(value, bool):
            raise NotEvaluableError(
                f"{str(value).lower()} is no text for {column!r}: YAML takes it for a boolean; put it in quotes."
            )
        return value.isoformat() if isinstance(value, dt.date) else str(value)
    if pa.types.is_boolean(kind) and isinstance(value, bool):
        return value
    if number and (pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind)):
        return _as_number(value, kind)
    if pa.types.is_date(kind) and isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    if pa.types.is_timestamp(kind) and isinstance(value, dt.date):
        moment = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
        if kind.tz is None:
            return moment.replace(tzinfo=None)
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    raise NotEvaluableError(f"{value!r} is no value of {column!r}, which is {kind}.")


def _as_number(value: Any, kind: Any) -> object:
    if pa.types.is_floating(kind):
        return float(value)
    exact = Decimal(str(value))
    if pa.types.is_integer(kind):
        exact_integer = int(exact) if exact.is_finite() and exact == int(exact) else None
        low, high = _INTEGERS[kind.bit_width]
        return exact_integer if exact_integer is not None and low <= exact_integer <= high else None
    try:
        return pa.scalar(exact, kind).as_py()
    except pa.ArrowInvalid:  # more digits than any value of the column has
        return None


_INTEGERS = {bits: (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) for bits in (8, 16, 32, 64)}


class _Unique:
    def __init__(self, rule: Unique, file: _File) -> None:
        for column in rule.columns:
            kind = file.field(column).type
            if not can_be_hashed(kind):
                raise NotEvaluableError(f"{column!r} is {kind}: lists cannot be compared here; cast it to text.")
        self._columns = rule.columns
        self._file = file

    def see(self, batch: pa.RecordBatch, first: int) -> None:
        """Wait: equal rows can be anywhere, so they are looked for in the whole file."""

    def found(self) -> dict[str, Any]:
        duplicates = find_duplicates(self._file.parquet, self._columns, sample=SAMPLE_ROWS, batch_rows=_BATCH_ROWS)
        if not duplicates.rows:
            return {}
        values = f"{duplicates.groups:,} {'value is' if duplicates.groups == 1 else 'values are'}"
        return {
            "wrong_rows": duplicates.rows,
            "sample": duplicates.sample,
            "finding": f"{values} shared by {duplicates.rows:,} rows.",
        }


class _RowCount:
    def __init__(self, rule: RowCount, file: _File) -> None:
        self._rule = rule
        self._rows = file.rows

    def see(self, batch: pa.RecordBatch, first: int) -> None:
        """Look at nothing: the file says how many rows it has."""

    def found(self) -> dict[str, Any]:
        low, high = self._rule.least, self._rule.most
        said: dict[str, Any] = {"figures": {"rows": self._rows}}
        if (low is not None and self._rows < low) or (high is not None and self._rows > high):
            said["finding"] = f"The result has {self._rows:,} rows, and {self._rule.wanted} are wanted."
        return said


class _Freshness:
    def __init__(self, rule: FreshColumn, file: _File) -> None:
        kind = file.field(rule.column).type
        if not (pa.types.is_timestamp(kind) or pa.types.is_date(kind)):
            raise NotEvaluableError(f"{rule.column!r} is {kind}, and no moment or date.")
        self._rule = rule
        self._file = file
        self._newest: Any = None

    def see(self, batch: pa.RecordBatch, first: int) -> None:
        newest = pc.max(batch.column(self._rule.column))
        if newest.is_valid and (self._newest is None or pc.greater(newest, self._newest).as_py()):
            self._newest = newest

    def found(self) -> dict[str, Any]:
        column, within = self._rule.column, dt.timedelta(seconds=self._rule.within)
        if self._newest is None:
            return {"finding": f"No row has a value in {column!r}."}
        try:
            age = self._file.now - self._moment(self._newest.as_py())
        except (OverflowError, ValueError):  # Python does not know it
            ancient = self._newest.value < 0
            text = "a moment before the year 1" if ancient else "a moment after the year 9999"
            return {"figures": {"newest": text}, "finding": f"The newest {column!r} is {text}." if ancient else ""}
        text = str(self._newest.cast(pa.string()).as_py())
        age = dt.timedelta(seconds=round(age.total_seconds()))
        said: dict[str, Any] = {"figures": {"newest": text, "age_seconds": int(age.total_seconds())}}
        if age > within:
            said["finding"] = f"The newest {column!r} is {text}, {age} old, and at most {within} is wanted."
        return said

    def _moment(self, value: dt.date) -> dt.datetime:
        moment = value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time())
        return moment if moment.tzinfo else moment.replace(tzinfo=self._file.zone)


class _NoChange:
    def __init__(self, rule: NoChangeBeyond, file: _File) -> None:
        for column in rule.columns_used:
            file.field(column)
        try:
            self._measures: dict[str, Measure] = {
                name: measure_of(name, file.parquet.schema_arrow, file.rows) for name in rule.limits
            }
        except NotMeasurableError as error:
            raise NotEvaluableError(str(error)) from error

    def see(self, batch: pa.RecordBatch, first: int) -> None:
        for measure in self._measures.values():
            measure.see(batch)

    def found(self) -> dict[str, Any]:
        values = {name: measure.value for name, measure in self._measures.items()}
        return {"note": NOT_COMPARED, "figures": {name: value for name, value in values.items() if value is not None}}


_LOOKS: dict[type, Callable[[Any, _File], _Look]] = {
    NotNull: _NotNull,
    Unique: _Unique,
    AcceptedValues: _AcceptedValues,
    RowCount: _RowCount,
    FreshColumn: _Freshness,
    NoChangeBeyond: _NoChange,
}
