"""Alerts: what of a report's values is worth telling, and which of them could not be judged."""

from __future__ import annotations

import decimal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.queries.headers.reporting import Alert, ColumnFormat, ColumnRule, FormatKind, Shown
from cockroach_pipelines.reporting.aggregation import divided
from cockroach_pipelines.reporting.formatting import Formatter
from cockroach_pipelines.reporting.model import Delta, Tone
from cockroach_pipelines.reporting.values import batches_of, is_number, row_count, schema_of, values_of

MOST_ROWS_COMPARED = 200_000
_EXACT = decimal.Context(prec=60)


def humanised(name: str) -> str:
    """Give a name as a person would write it: mean_delay becomes Mean delay."""
    words = name.rpartition("/")[2].replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def number_of(value: object) -> Decimal | None:
    """Give a finite number exactly; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return number if number.is_finite() else None


def delta(now: object, before: object, rule: Shown, formatter: Formatter) -> Delta | None:
    """Give the change between two values; None where there is none, as where the one before was 0."""
    new, old = number_of(now), number_of(before)
    if new is None or old is None:
        return None
    if new == old:
        return Delta(Decimal(0), formatter.change(Decimal(0)), formatter.change(Decimal(0)))
    share = divided(_EXACT.subtract(new, old), abs(old))
    if share is None:
        return None
    change = Decimal(share)
    tone = Tone.NEUTRAL
    if rule.good and change:
        tone = Tone.GOOD if (change > 0) == (rule.good == "up") else Tone.BAD
    form, text = rule.column_format, formatter.change(change)
    points = form is not None and form.kind is FormatKind.PERCENT
    return Delta(change, text, formatter.points(_EXACT.subtract(new, old)) if points else text, tone)


@dataclass
class Judgement:
    """What is worth telling, in words, what could not be judged, and what was left out."""

    alerts: list[str] = field(default_factory=list)
    unjudged: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Judge:
    """Judges values by the alerts of a header.

    Args:
        formatter: Writes the limits.
        missing: Why there is nothing to compare with; empty where there is.
    """

    formatter: Formatter
    missing: str = ""

    def reason(self, alert: Alert, value: object, change: Delta | None, shown: Shown) -> str:
        """Say why a value is worth telling; empty where it is not."""
        number = number_of(value)
        if number is not None:
            if alert.above is not None and number > alert.above:
                return f"above {self._limit(alert.above, shown)}"
            if alert.below is not None and number < alert.below:
                return f"below {self._limit(alert.below, shown)}"
        if change is not None:
            if alert.change_above is not None and change.share > alert.change_above:
                return f"changed by {change.text}, more than {self.formatter.change(alert.change_above)}"
            if alert.change_below is not None and change.share < alert.change_below:
                return f"changed by {change.text}, below {self.formatter.change(alert.change_below)}"
        return ""

    def judge_figure(
        self, label: str, rule: Shown, value: object, before: object, change: Delta | None, judgement: Judgement
    ) -> str:
        """Judge a figure; what there is to say goes into the judgement, and is given."""
        alert = rule.alert
        if alert is None:
            return ""
        if number_of(value) is None:
            judgement.unjudged.append(f"{label} has no value")
        elif alert.needs_comparison and change is None:
            old = "it was 0 before" if number_of(before) == 0 else "it had no value before"
            judgement.unjudged.append(f"the change of {label}: {self.missing or old}")
        reason = self.reason(alert, value, change, rule)
        if reason:
            judgement.alerts.append(f"{label} is {reason}" if not reason.startswith("changed") else f"{label} {reason}")
        return reason

    def judge_column(
        self, path: Path, name: str, rule: ColumnRule, earlier: EarlierRows | None, judgement: Judgement
    ) -> None:
        """Judge every row of a column, whether it is shown or not."""
        alert, label = rule.alert, rule.label or humanised(name)
        if alert is None:
            return
        kind = schema_of(path).field(name).type
        if not is_number(kind):
            judgement.unjudged.append(f"{label} holds no numbers, but {kind}")
            return
        nulls, total = 0, row_count(path)
        found = dict.fromkeys(("above", "below"), 0)
        for batch in batches_of(path, [name]):
            nulls += batch.column(0).null_count
            for word in found:
                if (limit := getattr(alert, word)) is not None:
                    found[word] += _count(batch.column(0), word, limit)
        for word, count in found.items():
            if count:
                limit = self._limit(getattr(alert, word), rule)
                judgement.alerts.append(f"{label} is {word} {limit} in {_rows(count, total)}")
        if nulls:
            judgement.notes.append(f"{label} has no value in {_rows(nulls, total)}, which its alert does not judge.")
        if alert.needs_comparison:
            self._judge_changes(path, name, rule, earlier, judgement)

    def _judge_changes(
        self, path: Path, name: str, rule: ColumnRule, earlier: EarlierRows | None, judgement: Judgement
    ) -> None:
        alert, label = rule.alert, rule.label or humanised(name)
        if alert is None or earlier is None or earlier.problem:
            why = earlier.problem if earlier else self.missing
            judgement.unjudged.append(f"the changes of {label}: {why or 'there is nothing to compare with'}")
            return
        found, without, total = 0, 0, row_count(path)
        for batch in batches_of(path, list(dict.fromkeys([*earlier.by, name]))):
            table = pa.Table.from_batches([batch])
            keys = zip(*(values_of(table[each]) for each in earlier.by), strict=True)
            for key, value in zip(keys, values_of(table[name]), strict=True):
                change = delta(value, earlier.value(key, name), rule, self.formatter)
                if change is None:
                    without += number_of(value) is not None
                elif self.reason(alert.model_copy(update={"above": None, "below": None}), None, change, rule):
                    found += 1
        if found:
            judgement.alerts.append(f"{label} changed beyond its limit in {_rows(found, total)}")
        if without:
            judgement.notes.append(f"{label} has nothing to compare with in {_rows(without, total)}.")

    def _limit(self, limit: Decimal, shown: Shown) -> str:
        form = shown.column_format or ColumnFormat(FormatKind.NUMBER)
        return self.formatter.text(limit, form if form.is_number else None, shown.unit)


@dataclass(frozen=True)
class EarlierRows:
    """The rows of what a result is compared with, by the values of some columns; `problem` says why they are of no use."""

    by: tuple[str, ...]
    columns: tuple[str, ...] = ()
    rows: Mapping[tuple[object, ...], tuple[object, ...]] = field(default_factory=dict)
    problem: str = ""

    def value(self, key: tuple[object, ...], column: str) -> object:
        """Give the value that a column had; None where there was no such row."""
        row = self.rows.get(key)
        return row[self.columns.index(column)] if row and column in self.columns else None

    @classmethod
    def read(cls, path: Path, by: Sequence[str] | None, columns: Sequence[str]) -> EarlierRows:
        """Read them from a Parquet file.

        Args:
            path: The file.
            by: The columns that tell rows apart; those of text when None.
            columns: The columns whose changes are wanted.
        """
        schema = schema_of(path)
        keys = tuple(by or (each.name for each in schema if pa.types.is_string(each.type)))
        if not keys:
            return cls(keys, problem="no column of text tells rows apart; say which do: `compare: {to: …, by: [...]}`")
        if missing := [name for name in (*keys, *columns) if name not in schema.names]:
            return cls(keys, problem=f"what is compared with has no column {missing[0]!r}")
        if row_count(path) > MOST_ROWS_COMPARED:
            return cls(keys, problem=f"rows are compared one by one up to {MOST_ROWS_COMPARED:,}; compare figures")
        rows: dict[tuple[object, ...], tuple[object, ...]] = {}
        for batch in batches_of(path, list(dict.fromkeys([*keys, *columns]))):
            table = pa.Table.from_batches([batch])
            for key, row in zip(_tuples(table, keys), _tuples(table, columns), strict=True):
                if key in rows:
                    return cls(
                        keys, problem=f"two rows have the same {', '.join(keys)}; say what tells them apart in `by`"
                    )
                rows[key] = row
        return cls(keys, tuple(columns), rows)


def _tuples(table: pa.Table, columns: Sequence[str]) -> Iterator[tuple[object, ...]]:
    if not columns:
        return iter([()] * table.num_rows)
    return zip(*(values_of(table[name]) for name in columns), strict=True)


def _count(column: pa.Array, word: str, limit: Decimal) -> int:
    compare = pc.greater if word == "above" else pc.less
    if pa.types.is_floating(column.type):
        return int(pc.sum(compare(column, float(limit))).as_py() or 0)
    if pa.types.is_integer(column.type):
        # Of whole numbers those above 2.5 are those above 2.
        rounded = limit.to_integral_value(decimal.ROUND_FLOOR if word == "above" else decimal.ROUND_CEILING)
        if abs(rounded) < 2**62:
            return int(pc.sum(compare(column.cast(pa.int64()), int(rounded))).as_py() or 0)
    sign = 1 if word == "above" else -1
    return sum(1 for value in column.to_pylist() if value is not None and sign * (value - limit) > 0)


def _rows(count: int, total: int) -> str:
    return f"{count:,} of {total:,} rows" if total != 1 else "the only row"
