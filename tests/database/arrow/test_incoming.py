"""Whatever holds rows can be written."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cockroach_pipelines.database.arrow import UnsupportedTypeError, read, write
from cockroach_pipelines.database.arrow.incoming import Incoming
from tests.database.arrow.rows import execute

BATCH = pa.record_batch({"i": [1, 2], "t": ["a", None]})


class Stream:
    """Another library's table."""

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return pa.Table.from_batches([BATCH]).__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "data",
    [
        BATCH,
        pa.Table.from_batches([BATCH]),
        pa.RecordBatchReader.from_batches(BATCH.schema, iter([BATCH])),
        [BATCH],
        iter([BATCH]),
        Stream(),
        pd.DataFrame({"i": [1, 2], "t": ["a", None]}, index=["x", "y"]),
    ],
    ids=lambda data: type(data).__name__,
)
def test_every_holder_of_rows_is_taken(jdbc: Any, data: Any) -> None:
    execute(jdbc, "CREATE TEMP TABLE target (i int, t text)")
    assert write(jdbc, "target", data).rows == 2
    assert read(jdbc, "SELECT * FROM target").to_table().to_pylist() == BATCH.to_pylist()


def test_a_frame_arrives_with_every_type_of_pandas(jdbc: Any) -> None:
    execute(
        jdbc,
        "CREATE TEMP TABLE target (n int, f float8, s text, c text, d date, at timestamptz, b bool, m numeric(9,2), td interval)",
    )
    frame = pd.DataFrame(
        {
            "n": pd.array([1, None], "Int64"),
            "f": [0.5, np.nan],
            "s": ["a", None],
            "c": pd.Categorical(["x", "y"]),
            "d": pd.to_datetime(["2024-01-01", None]),
            "at": pd.to_datetime(["2024-01-01 12:00", None]).tz_localize("Europe/Berlin"),
            "b": [True, None],
            "m": [Decimal("1.50"), None],
            "td": pd.to_timedelta(["1h", None]),
        }
    )
    write(jdbc, "target", frame)
    first, second = read(jdbc, "SELECT * FROM target").to_table().to_pylist()
    assert first == {
        "n": 1, "f": 0.5, "s": "a", "c": "x", "d": dt.date(2024, 1, 1), "at": dt.datetime(2024, 1, 1, 11, tzinfo=dt.UTC),
        "b": True, "m": Decimal("1.50"), "td": pa.MonthDayNano([0, 0, 3_600_000_000_000]),
    }  # fmt: skip
    assert second == {**dict.fromkeys(first), "c": "y"}


def test_a_column_of_pandas_with_several_types_is_refused(jdbc: Any) -> None:
    with pytest.raises(UnsupportedTypeError, match=r"(?s)column i.*astype"):
        write(jdbc, "target", pd.DataFrame({"i": pd.Series([1, "a"], dtype=object)}))


def test_a_mapping_picks_and_renames_columns() -> None:
    incoming = Incoming("sales.orders", pa.table({"a": [1], "b": [2], "c": [3]}), {"c": "x", "a": "y"})
    assert incoming.target == 'sales.orders ("x", "y")'
    assert [batch.to_pydict() for batch in incoming.batches(1 << 20)] == [{"c": [3], "a": [1]}]


def test_large_batches_are_cut_and_empty_ones_left_out() -> None:
    numbers = pa.record_batch({"i": range(1000)})
    incoming = Incoming("t", [numbers.slice(0, 0), numbers, numbers.slice(0, 0), numbers.slice(0, 5)], None)
    assert [batch.num_rows for batch in incoming.batches(800)] == [100] * 10 + [5]


@pytest.mark.parametrize("table", ["orders", "sales.orders", 'db."Schema x"."T"', '"quote "" inside"', "größe", "_t$1"])
def test_names_of_tables_stand_as_in_sql(table: str) -> None:
    assert Incoming(table, BATCH, None).target.startswith(table)


@pytest.mark.parametrize(
    "table", ["", "orders; DROP TABLE x", "a b", '"open', "1st", "a.b.c.d", "t (i)", "t -- x", "a..b", '""']
)
def test_what_is_no_name_of_a_table_is_refused(table: str) -> None:
    with pytest.raises(ValueError, match="is no name of a table"):
        Incoming(table, BATCH, None)


@pytest.mark.parametrize(
    ("data", "columns", "message"),
    [
        (BATCH, ["i"], "names 1 columns and the data has 2"),
        (BATCH, {"x": "i"}, "the data has no column 'x'; it has 'i', 't'"),
        (pa.table([[1], [2]], names=["i", "i"]), {"i": "i"}, "several columns 'i'"),
        (pa.table({}), None, "no columns"),
    ],
)
def test_columns_that_do_not_fit_are_refused(data: Any, columns: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Incoming("t", data, columns)


@pytest.mark.parametrize("data", [5, "text", [], [{"i": 1}]])
def test_what_holds_no_arrow_is_refused(data: Any) -> None:
    with pytest.raises(TypeError, match=r"Arrow|RecordBatch"):
        Incoming("t", data, None)
