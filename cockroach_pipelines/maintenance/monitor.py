"""A monitor: a query whose rows and values are measured against the rules of its header."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa

from cockroach_pipelines.config import Place, did_you_mean
from cockroach_pipelines.database import DatabaseError
from cockroach_pipelines.database.arrow import ArrowStream
from cockroach_pipelines.execution import (
    PREVIEW_ROWS,
    SAMPLE_ROWS,
    CheckOutcome,
    Order,
    Outcome,
    QueryExecutor,
    Snapshot,
    evaluate,
)
from cockroach_pipelines.execution.session import located
from cockroach_pipelines.queries import Query
from cockroach_pipelines.queries.headers import Severity, Threshold, Watch, place_of_column


class MonitorError(DatabaseError):
    """A rule of a monitor does not fit the columns or values of its query."""


def run_monitor(executor: QueryExecutor, order: Order) -> Outcome:
    """Run a monitor's query in a read-only session and measure its rows, in memory that does not grow with them.

    Raises:
        MonitorError: A rule names a column that there is not, or limits what is no number.
        StatementError: The server refused the statement; a write is refused by the database itself.
    """
    header = order.query.header

    def read(snapshot: Snapshot) -> Outcome:
        started, clock = dt.datetime.now(dt.UTC), time.perf_counter()
        statement = order.query.statement_for(snapshot.server.dialect)
        with snapshot.narrator.statement(statement.path.name) as tally, located(statement, numbered=False):
            # As text spans of time would be no numbers; what is infinite or no number keeps to no rule, as NULL does.
            stream = snapshot.read(statement, order.values, special="null")
            measures = _measures(order.query, stream.schema)
            rows, preview = _read(stream, measures)
            tally.rows = rows
        watched = [measure.outcome(rows) for measure in measures]
        checks = [evaluate(snapshot, check, statement, order.values) for check in order.query.checks.values()]
        return Outcome(
            order=order,
            statement=statement,
            connection=header.connection,
            server=snapshot.server,
            started=started,
            seconds=time.perf_counter() - clock,
            rows=rows,
            preview=preview,
            checks=(*watched, *checks),
            attempts=snapshot.narrator.attempt,
            seen=snapshot.seen,
            measured={
                name: number
                for outcome in watched
                for name, number in outcome.figures.items()
                if isinstance(number, float)
            },
        )

    return executor.run(header.connection, read, order.reading_transaction, staged=True, retries=header.retries)


@dataclass
class _Measure:
    """What a watch has seen so far of the rows of a result."""

    watch: Watch
    index: int | None
    place: Place
    broken: dict[Severity, int] = field(default_factory=dict)
    samples: dict[Severity, list[pa.RecordBatch]] = field(default_factory=dict)
    rules: dict[Severity, str] = field(default_factory=dict)
    nulls: int = 0
    smallest: Decimal | None = None
    largest: Decimal | None = None

    def look(self, batch: pa.RecordBatch) -> None:
        """Measure a column of some rows."""
        if self.index is None:  # rows are counted at the end; the first of them are what there is to see
            for severity, _ in self.watch.rules:
                self._keep(severity, batch, SAMPLE_ROWS)
            return
        numeric = any(rule.numeric for _, rule in self.watch.rules)
        for row, value in enumerate(_values(batch, self.index, numeric=numeric, place=self.place)):
            self.nulls += value is None
            if isinstance(value, Decimal):
                self.smallest = value if self.smallest is None else min(self.smallest, value)
                self.largest = value if self.largest is None else max(self.largest, value)
            for severity in Severity:
                if rule := self._broken_by(value, severity):
                    self.broken[severity] = self.broken.get(severity, 0) + 1
                    self.rules.setdefault(severity, str(rule))
                    self._keep(severity, batch.slice(row, 1), 1)

    def outcome(self, rows: int) -> CheckOutcome:
        """Give the verdict over all rows."""
        numbers: dict[str, float] = {}
        if self.index is None:
            for severity, rule in self.watch.rules:
                if rule.rows is not None and not rule.rows.allow(Decimal(rows)):
                    self.broken[severity], self.rules[severity] = rows, str(rule)
        else:
            numbers = {
                f"{self.watch.name}_{name}": float(number)
                for name, number in (("max", self.largest), ("min", self.smallest))
                if number is not None and number.is_finite()
            }
            if self.nulls:
                numbers[f"{self.watch.name}_nulls"] = float(self.nulls)
        worst = next((each for each in (Severity.ERROR, Severity.WARN) if each in self.broken), None)
        if worst is None:
            return CheckOutcome(self.watch.name, Severity.ERROR, False, 0, None, figures=numbers)
        sample = self.samples.get(worst)
        return CheckOutcome(
            self.watch.name,
            worst,
            False,
            self.broken[worst],
            pa.Table.from_batches(sample) if sample else None,
            figures=numbers,
            finding=self._said(worst, rows),
        )

    def _broken_by(self, value: object, severity: Severity) -> Threshold | None:
        for each, rule in self.watch.rules:
            if each is severity and not _keeps(rule, value):
                return rule
        return None

    def _keep(self, severity: Severity, rows: pa.RecordBatch, limit: int) -> None:
        kept = self.samples.setdefault(severity, [])
        left = SAMPLE_ROWS - sum(batch.num_rows for batch in kept)
        if left > 0 and rows.num_rows:
            kept.append(rows.slice(0, min(left, limit)))

    def _said(self, severity: Severity, rows: int) -> str:
        if self.index is None:
            return (
                f"There {'is 1 row' if rows == 1 else f'are {rows:,} rows'}, and the rule is: {self.rules[severity]}."
            )
        worst = f"; the values reach from {self.smallest} to {self.largest}" if self.largest is not None else ""
        nulls = f"; {self.nulls:,} {'is' if self.nulls == 1 else 'are'} NULL" if self.nulls else ""
        return f"{self.broken[severity]:,} of {rows:,} rows break the rule: {self.rules[severity]}{worst}{nulls}."


def _keeps(rule: Threshold, value: object) -> bool:
    if value is None:
        return rule.null == "ok"
    assert isinstance(value, bool | Decimal | str)  # noqa: S101 - what _values gives
    return rule.allow(value)


def _measures(query: Query, schema: pa.Schema) -> list[_Measure]:
    names: Sequence[str] = schema.names
    measures = []
    for watch in query.watches:
        if watch.column is None:
            measures.append(_Measure(watch, None, Place(query.path, 1, 1)))
            continue
        place = place_of_column(query.path, watch.column)
        if watch.column not in names:
            raise MonitorError(
                f"The result has no column {watch.column!r}.", place=place, advice=did_you_mean(watch.column, names)
            )
        measures.append(_Measure(watch, list(names).index(watch.column), place))
    return measures


def _read(stream: ArrowStream, measures: Sequence[_Measure]) -> tuple[int, pa.Table | None]:
    rows, head = 0, []
    with stream:
        for batch in stream:
            if rows < PREVIEW_ROWS:
                head.append(batch.slice(0, PREVIEW_ROWS - rows))
            rows += batch.num_rows
            for measure in measures:
                measure.look(batch)
    return rows, pa.Table.from_batches(head, stream.schema)


def _values(batch: pa.RecordBatch, index: int, *, numeric: bool, place: Place) -> list[bool | Decimal | str | None]:
    field_, column = batch.schema.field(index), batch.column(index)
    if pa.types.is_interval(field_.type):
        return [None if value is None else _seconds(value) for value in column.to_pylist()]
    values = column.to_pylist()
    text_of_numbers = (field_.metadata or {}).get(b"pg.type") == b"numeric"  # one without a scale is text
    is_number = (
        pa.types.is_floating(field_.type) or pa.types.is_integer(field_.type) or pa.types.is_decimal(field_.type)
    )
    if is_number or text_of_numbers:
        numbers = [None if value is None else Decimal(str(value)) for value in values]
        return [None if number is None or number.is_nan() else number for number in numbers]
    if not numeric:
        return [value if value is None or isinstance(value, bool) else str(value) for value in values]
    raise MonitorError(
        f"The column {field_.name!r} is of type {_type_name(field_)}, and the rule compares numbers.",
        place=place,
        advice="Give the query a number, such as extract(epoch FROM …) for a span of time, or use `equals`.",
    )


def _type_name(field_: pa.Field) -> str:
    said = (field_.metadata or {}).get(b"pg.type")
    return said.decode() if said else str(field_.type)


def _seconds(value: tuple[int, int, int]) -> Decimal:
    months, days, nanoseconds = value
    return (Decimal(months) * 30 + days) * 86_400 + Decimal(nanoseconds) / 1_000_000_000
