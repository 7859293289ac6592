"""The replica of the flights, and exactly where it differs from them."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy
import pyarrow as pa
import pyarrow.compute

from cockroach_pipelines.embedded.nycflights import read_flights
from cockroach_pipelines.embedded.sample_tables import FLIGHT_KEY

CHANGED_ROWS = 35
MISSING_ROWS = 33
EXTRA_ROWS = 33

# Not a real flight number: the highest is 8500.
_EXTRA_FLIGHT_OFFSET = 9000
_SEED = 2013

# What replicas do wrong: an old value, a lost one, a sign, padding, another spelling, a rounding, an hour's shift.
_CHANGES: tuple[tuple[str, Callable[[Any], Any]], ...] = (
    ("dep_delay", lambda minutes: minutes + 1),
    ("arr_delay", lambda _: None),
    ("air_time", lambda minutes: -minutes),
    ("tailnum", lambda number: f"{number} "),
    ("dest", str.lower),
    ("distance", lambda miles: miles - 1),
    ("sched_arr_time", lambda time: (time + 100) % 2400),
)


@dataclass(frozen=True)
class ReplicaDifferences:
    """Where `flights_replica` differs from `flights`; every table begins with the key time_hour, carrier, flight.

    Attributes:
        changed: 35 rows in both: key, then `column_name`, `flights_value` and `replica_value` as text, NULL for NULL.
        missing: 33 keys that only `flights` has.
        extra: 33 keys that only `flights_replica` has.
    """

    changed: pa.Table
    missing: pa.Table
    extra: pa.Table


@functools.lru_cache(maxsize=1)
def replica_differences() -> ReplicaDifferences:
    """Give the differences that the sample data was made with, the same in every process and version of Python."""
    flights = read_flights()
    changed, missing, extra = _chosen_rows(flights)
    changes = [_change(flights, position, row) for position, row in enumerate(changed)]
    return ReplicaDifferences(
        changed=_keys(flights, changed)
        .append_column("column_name", pa.array([change.column for change in changes]))
        .append_column("flights_value", pa.array([_text(change.before) for change in changes], pa.string()))
        .append_column("replica_value", pa.array([_text(change.after) for change in changes], pa.string())),
        missing=_keys(flights, missing),
        extra=_extra_flights(flights, extra).select(FLIGHT_KEY),
    )


def replica_of_flights() -> pa.Table:
    """Give all rows of `flights_replica`: the flights with the differences applied, the extra rows last."""
    flights = read_flights()
    changed, missing, extra = _chosen_rows(flights)
    replica = _with_changes(flights, [_change(flights, position, row) for position, row in enumerate(changed)])
    kept = numpy.ones(len(flights), dtype=bool)
    kept[missing] = False
    return pa.concat_tables([replica.filter(pa.array(kept)), _extra_flights(flights, extra)]).combine_chunks()


@dataclass(frozen=True)
class _Change:
    row: int
    column: str
    before: object
    after: object


def _chosen_rows(flights: pa.Table) -> tuple[list[int], list[int], list[int]]:
    # Of the generators' methods only `random()` is promised to give the same numbers in later versions.
    generator = random.Random(_SEED)  # noqa: S311 - a sample, no secret
    changing = [flights[column] for column, _ in _CHANGES]
    chosen: list[int] = []
    while len(chosen) < CHANGED_ROWS + MISSING_ROWS + EXTRA_ROWS:
        row = int(generator.random() * len(flights))
        if row not in chosen and all(column[row].is_valid for column in changing):
            chosen.append(row)
    return (
        chosen[:CHANGED_ROWS],
        chosen[CHANGED_ROWS : CHANGED_ROWS + MISSING_ROWS],
        chosen[CHANGED_ROWS + MISSING_ROWS :],
    )


def _change(flights: pa.Table, position: int, row: int) -> _Change:
    column, change = _CHANGES[position % len(_CHANGES)]
    before = flights[column][row].as_py()
    return _Change(row, column, before, change(before))


def _with_changes(table: pa.Table, changes: list[_Change]) -> pa.Table:
    for index, field in enumerate(table.schema):
        of_column = sorted((change for change in changes if change.column == field.name), key=lambda change: change.row)
        if of_column:
            mask = numpy.zeros(len(table), dtype=bool)
            mask[[change.row for change in of_column]] = True
            values = pa.array([change.after for change in of_column], field.type)
            table = table.set_column(
                index, field, pa.compute.replace_with_mask(table.column(index), pa.array(mask), values)
            )
    return table


def _extra_flights(flights: pa.Table, rows: list[int]) -> pa.Table:
    extra = flights.take(rows)
    index = extra.schema.get_field_index("flight")
    numbers = pa.array([number + _EXTRA_FLIGHT_OFFSET for number in extra["flight"].to_pylist()], pa.int32())
    return extra.set_column(index, extra.schema.field(index), numbers)


def _keys(flights: pa.Table, rows: list[int]) -> pa.Table:
    return flights.select(FLIGHT_KEY).take(rows)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
