"""The replica differs from the flights exactly as it says."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from cockroach_pipelines.database.connection import CockroachDBConnection
from cockroach_pipelines.embedded.replica import replica_differences
from cockroach_pipelines.embedded.sample_tables import FLIGHT_KEY, FLIGHTS

_KEY = ", ".join(FLIGHT_KEY)


def _rows(table: pa.Table) -> set[tuple[Any, ...]]:
    return {tuple(row.values()) for row in table.to_pylist()}


def test_there_are_35_changed_33_missing_and_33_extra_rows() -> None:
    differences = replica_differences()
    assert len(_rows(differences.changed)) == 35
    assert len(_rows(differences.missing)) == 33
    assert len(_rows(differences.extra)) == 33
    assert set(differences.changed["column_name"].to_pylist()) == {
        "dep_delay", "arr_delay", "air_time", "tailnum", "dest", "distance", "sched_arr_time",
    }  # fmt: skip


def test_the_differences_are_the_same_everywhere() -> None:
    differences = replica_differences()
    first = {name: str(value) for name, value in differences.changed.to_pylist()[0].items()}
    assert first == {
        "time_hour": "2013-03-08 16:00:00+00:00",
        "carrier": "EV",
        "flight": "4149",
        "column_name": "dep_delay",
        "flights_value": "230",
        "replica_value": "231",
    }
    assert differences.extra["flight"].to_pylist()[:3] == [9706, 10156, 12075]


def test_only_flights_has_the_missing_rows(sample: CockroachDBConnection) -> None:
    found = sample.query(f"SELECT {_KEY} FROM flights EXCEPT SELECT {_KEY} FROM flights_replica")
    assert set(found) == _rows(replica_differences().missing)


def test_only_the_replica_has_the_extra_rows(sample: CockroachDBConnection) -> None:
    found = sample.query(f"SELECT {_KEY} FROM flights_replica EXCEPT SELECT {_KEY} FROM flights")
    assert set(found) == _rows(replica_differences().extra)


def test_every_changed_value_and_no_other_differs(sample: CockroachDBConnection) -> None:
    columns = FLIGHTS.schema.names
    pairs = sample.query(
        f"SELECT f.*, r.* FROM flights f JOIN flights_replica r USING ({_KEY}) WHERE (f.*) IS DISTINCT FROM (r.*)"
    )
    found = set()
    for pair in pairs:
        before, after = (dict(zip(columns, half, strict=True)) for half in (pair[: len(columns)], pair[len(columns) :]))
        key = tuple(before[column] for column in FLIGHT_KEY)
        found |= {
            (*key, column, _text(before[column]), _text(after[column]))
            for column in columns
            if before[column] != after[column]
        }
    assert found == _rows(replica_differences().changed)


def _text(value: object) -> str | None:
    return None if value is None else str(value)
