"""Parquet and Arrow IPC keep every type, in groups of rows of a sensible size, and fit numerics to decimals."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database.arrow import read, text_of_intervals
from cockroach_pipelines.execution import FileWriteError, WrittenFile, write_file
from cockroach_pipelines.execution.files import typed
from tests.database.arrow.test_round_trip import tables
from tests.database.arrow.test_types import CASES, Case

pytestmark = pytest.mark.usefixtures("jvm")

formats = pytest.mark.parametrize("ending", ["parquet", "arrow", "feather"])
NUMERIC = pa.field("n", pa.string(), metadata={b"pg.type": b"numeric"})


def read_back(path: Path) -> pa.Table:
    return pq.read_table(path) if path.suffix == ".parquet" else feather.read_table(path)


@pytest.fixture
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed, "_GROUP_ROWS", 4)


def write_numerics(path: Path, *texts: str | None) -> tuple[WrittenFile, list[Any]]:
    """Write a column of numerics, a batch each, beside a column that counts them."""
    schema = pa.schema([("before", pa.int64()), NUMERIC, ("after", pa.string())])

    def batches() -> Iterator[pa.RecordBatch]:
        for number, text in enumerate(texts):
            yield pa.RecordBatch.from_pylist([{"before": number, "n": text, "after": str(number)}], schema)

    written = write_file(pa.RecordBatchReader.from_batches(schema, batches()), path)
    table = read_back(path)
    assert table["before"].to_pylist() == list(range(len(texts)))
    assert table["after"].to_pylist() == [str(number) for number in range(len(texts))]
    assert table.schema == written.schema
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    return written, table["n"].to_pylist()


@formats
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql_type)
def test_every_type_is_kept(jdbc: Any, tmp_path: Path, case: Case, ending: str) -> None:
    path = tmp_path / f"r.{ending}"
    written = write_file(read(jdbc, case.select()), path)
    expected = read(jdbc, case.select(), special="text").to_table() if "NaN" in case.values else None
    expected = expected or read(jdbc, case.select()).to_table()
    if pa.types.is_interval(case.arrow) and ending == "parquet":
        (chunk,) = expected.column(0).chunks
        expected = expected.set_column(
            0, expected.schema.field(0).with_type(pa.string()), text_of_intervals(chunk, "v")
        )
    table = read_back(path)
    assert table.schema.types == expected.schema.types == written.schema.types
    assert repr(table.to_pylist()) == repr(expected.to_pylist())
    assert table.schema.field(0).metadata[b"pg.type"] == expected.schema.field(0).metadata[b"pg.type"]


@formats
def test_moments_outside_of_pythons_years_are_kept(jdbc: Any, tmp_path: Path, ending: str) -> None:
    query = (
        "SELECT d::date AS d, d::timestamp AS t FROM unnest(ARRAY['4713-01-01 BC', '294246-01-01']::timestamp[]) AS d"
    )
    write_file(read(jdbc, query), tmp_path / f"r.{ending}")
    assert read_back(tmp_path / f"r.{ending}").equals(read(jdbc, query).to_table())


@formats
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=tables())
def test_any_table_is_kept(tmp_path: Path, table: Any, ending: str) -> None:
    path = tmp_path / f"r.{ending}"
    with decimal.localcontext(prec=80):
        written = write_file(table, path)
        found = read_back(path)
        for name in table.schema.names:
            expected = table[name]
            if pa.types.is_interval(expected.type) and ending == "parquet":
                expected = pa.chunked_array([text_of_intervals(chunk, name) for chunk in expected.chunks])
            assert found[name].to_pylist() == expected.to_pylist()
        assert written.rows == table.num_rows


@formats
def test_no_rows_keep_the_columns(jdbc: Any, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"r.{ending}"
    written = write_file(read(jdbc, "SELECT 1 AS a, 1.5::numeric AS n WHERE false"), path)
    assert (written.rows, read_back(path).schema.names) == (0, ["a", "n"])


@formats
def test_equal_names_are_kept_apart(tmp_path: Path, ending: str) -> None:
    write_file(pa.table([[1], [2], [3]], names=["x", "x", "x_2"]), tmp_path / f"r.{ending}")
    assert read_back(tmp_path / f"r.{ending}").to_pylist() == [{"x": 1, "x_2": 2, "x_2_2": 3}]


@formats
def test_small_batches_make_large_groups(tmp_path: Path, ending: str) -> None:
    table = pa.table({"n": range(600_000)})
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=7_000))
    path = tmp_path / f"r.{ending}"
    write_file(reader, path)
    if ending == "parquet":
        metadata = pq.read_metadata(path)
        sizes = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    else:
        sizes = [batch.num_rows for batch in read_back(path).to_batches()]
    assert sizes == [1 << 18, 1 << 18, 600_000 - (1 << 19)]
    assert read_back(path).equals(table)


@formats
def test_groups_of_large_values_end_sooner(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed, "_GROUP_BYTES", 1 << 20)
    path = tmp_path / f"r.{ending}"
    table = pa.table({"t": ["x" * 400_000] * 5})
    write_file(table, path)
    groups = pq.read_metadata(path).num_row_groups if ending == "parquet" else len(read_back(path).to_batches())
    assert groups == 3
    assert read_back(path).equals(table)


@formats
def test_numerics_of_one_group_become_the_narrowest_decimal(tmp_path: Path, ending: str) -> None:
    written, values = write_numerics(tmp_path / f"r.{ending}", "1.5", None, "-0.125", "1e3")
    assert written.schema.field("n").type == pa.decimal128(38, 3)
    assert values == [Decimal("1.5"), None, Decimal("-0.125"), Decimal(1000)]
    assert written.schema.field("n").metadata == {b"pg.type": b"numeric"}


@formats
@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize(
    ("texts", "expected_type"),
    [
        (["0.25"] * 5 + ["7", None, "1.5"], pa.decimal128(38, 2)),  # what comes later fits
        (["0.25"] * 5 + ["0.125"], pa.decimal128(38, 3)),  # more digits after the point
        (["0.25"] * 5 + ["1" * 40 + ".5"], pa.decimal256(76, 2)),  # more digits before it
        ([None] * 9 + ["0.5"], pa.decimal128(38, 1)),  # nothing at first
        (["1e60"] + ["0.5"] * 9, pa.decimal256(76, 1)),
        ([None] * 9, pa.decimal128(38, 0)),
    ],
)
def test_numerics_of_many_groups_become_a_decimal_that_holds_each_of_them(
    tmp_path: Path, ending: str, texts: list[str | None], expected_type: pa.DataType
) -> None:
    written, values = write_numerics(tmp_path / f"r.{ending}", *texts)
    assert written.schema.field("n").type == expected_type
    assert values == [None if text is None else Decimal(text) for text in texts]


@formats
@pytest.mark.usefixtures("small_groups")
@pytest.mark.parametrize("odd", ["NaN", "-Infinity", "1" * 77])
@pytest.mark.parametrize("position", [0, 3, 4, 9])
def test_numerics_that_no_decimal_holds_stay_the_servers_text_wherever_they_stand(
    tmp_path: Path, ending: str, odd: str, position: int
) -> None:
    texts: list[str | None] = ["1.50", "2.500", None, "1e3", "4.0", "5", "6", "7", "8", "9.10"]
    texts[position] = odd
    written, values = write_numerics(tmp_path / f"r.{ending}", *texts)
    assert written.schema.field("n").type == pa.string()
    assert values == texts


@formats
@pytest.mark.usefixtures("small_groups")
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    numbers=st.lists(
        st.none() | st.decimals(allow_nan=True, allow_infinity=False).map(lambda number: f"{number:f}"), max_size=20
    )
)
def test_any_numerics_are_kept(tmp_path: Path, ending: str, numbers: list[str | None]) -> None:
    with decimal.localcontext(prec=80):
        _, values = write_numerics(tmp_path / f"r.{ending}", *numbers)
        if any(isinstance(value, str) for value in values):
            assert values == numbers
        else:
            assert values == [None if number is None else Decimal(number) for number in numbers]


@pytest.mark.usefixtures("small_groups")
def test_numerics_that_special_keeps_as_text_stay_text(jdbc: Any, tmp_path: Path) -> None:
    stream = read(jdbc, "SELECT n::numeric AS n, n::numeric(9, 2) AS m FROM generate_series(1, 9) n", special="text")
    write_file(stream, tmp_path / "r.parquet")
    assert read_back(tmp_path / "r.parquet").schema.types == [pa.string(), pa.string()]


def test_what_the_format_cannot_hold_is_refused_and_leaves_the_last_file(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    path.write_text("the last good result")
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    with pytest.raises(FileWriteError, match="Parquet cannot hold the result"):
        write_file(pa.table({"u": union}), path)
    assert path.read_text() == "the last good result"
    assert [each.name for each in tmp_path.iterdir()] == ["r.parquet"]


@formats
def test_dates_of_a_frame_and_other_arrow_types_are_kept(tmp_path: Path, ending: str) -> None:
    table = pa.table(
        {
            "struct": [{"a": dt.date(2024, 1, 1)}, None],
            "dictionary": pa.array(["a", None]).dictionary_encode(),
            "large": pa.array(["x", None], pa.large_string()),
            "nothing": pa.nulls(2),
            "nanoseconds": pa.array([1, None], pa.timestamp("ns", "Asia/Tokyo")),
        }
    )
    write_file(table, tmp_path / f"r.{ending}")
    assert read_back(tmp_path / f"r.{ending}").to_pylist() == table.to_pylist()
