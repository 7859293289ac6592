"""One result is cut into partitions by a column, in whatever order its rows come, within a memory that does not grow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.config import Place
from cockroach_pipelines.execution import PartitionSplitter, SplitError
from cockroach_pipelines.queries import Header, TimePartition, partition_window

PLACE = Place(Path("sql/queries/reporting/x.sql"))


def _partition(every: str = "day", **keys: object) -> TimePartition:
    said = {"every": every, "from": "2013-01-01", "column": "at", **keys}
    partition = Header.model_validate({"partition": said}).partition
    assert isinstance(partition, TimePartition)
    return partition


def _splitter(
    partition: TimePartition, keys: Sequence[str], schema: pa.Schema, folder: Path, most_bytes: int = 1 << 26
) -> PartitionSplitter:
    windows = [partition_window(partition, key) for key in keys]
    return PartitionSplitter(windows, partition, schema, folder, place=PLACE, most_bytes=most_bytes)


def _split(partition: TimePartition, keys: Sequence[str], column: pa.Array, folder: Path) -> list[list[int]]:
    batch = pa.record_batch({"id": pa.array(range(len(column)), pa.int64()), "at": column})
    splitter = _splitter(partition, keys, batch.schema, folder)
    splitter.add(batch)
    return [[row for part in splitter.batches(number) for row in part["id"].to_pylist()] for number in range(len(keys))]


DAYS = ["2013-03-09", "2013-03-10", "2013-03-11"]


def _moments(*moments: str) -> pa.Array:
    return pa.array([dt.datetime.fromisoformat(moment) for moment in moments], pa.timestamp("us", "UTC"))


def test_moments_are_cut_where_the_days_of_the_partitions_zone_begin(tmp_path: Path) -> None:
    column = _moments("2013-03-09T05:00Z", "2013-03-10T04:59:59.999999Z", "2013-03-10T05:00Z", "2013-03-11T04:00Z")
    assert _split(_partition(timezone="America/New_York"), DAYS, column, tmp_path) == [[0, 1], [2], [3]]


def test_local_times_dates_and_keys_say_the_same(tmp_path: Path) -> None:
    partition = _partition(timezone="America/New_York")
    days = [dt.date(2013, 3, 11), dt.date(2013, 3, 9), dt.date(2013, 3, 10)]
    local = pa.array([dt.datetime.combine(day, dt.time(23, 59)) for day in days], pa.timestamp("us"))
    for column in (local, pa.array(days, pa.date32()), pa.array([str(day) for day in days])):
        assert _split(partition, DAYS, column, tmp_path) == [[1], [2], [0]]


def test_a_date_is_the_day_that_its_window_begins(tmp_path: Path) -> None:
    weeks = _partition("week", offset="6h")
    column = pa.array([dt.date(2013, 1, 7), dt.date(2013, 1, 8), dt.date(2013, 1, 14)], pa.date32())
    assert _split(weeks, ["2013-01-01", "2013-01-08"], column, tmp_path) == [[0], [1, 2]]


def test_both_hours_that_clocks_show_alike_are_told_apart(tmp_path: Path) -> None:
    partition = _partition("hour", timezone="America/New_York")
    keys = ["2013-11-03-01:00", "2013-11-03-01:00-0500"]
    assert _split(partition, keys, _moments("2013-11-03T06:30Z", "2013-11-03T05:30Z"), tmp_path) == [[1], [0]]
    local = pa.array([dt.datetime(2013, 11, 3, 1, 30)], pa.timestamp("us"))
    with pytest.raises(SplitError, match=r"no moment of its zone: .*ambiguous.*\nSelect a timestamptz"):
        _split(partition, keys, local, tmp_path)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (
            _moments("2013-03-09T12:00Z", "2013-03-08T00:00Z"),
            r"1 rows are not of partitions 2013-03-09 to 2013-03-11, by their column 'at' \(row 2: 2013-03-08 00:00:00",
        ),
        (pa.array([None, None], pa.timestamp("us", "UTC")), r"2 rows are not .* \(row 1: NULL, row 2: NULL\)"),
        (_moments("2013-03-12T00:00Z"), r"row 1: 2013-03-12 00:00:00.*\n.*2013-03-12 00:00:00\+0000, that moment not in"),
        (pa.array(["2013-03-09", "2013-3-9"]), r"\(row 2: 2013-3-9\)"),
        (pa.array([1.5]), "The column 'at' is double, which does not say of which day a row is"),
        (pa.array([None] * 9, pa.string()), r"9 rows .* row 5: NULL and 4 more\)"),
    ],
)  # fmt: skip
def test_a_row_of_none_of_the_partitions_is_named(tmp_path: Path, column: pa.Array, said: str) -> None:
    with pytest.raises(SplitError, match=said) as caught:
        _split(_partition(), DAYS, column, tmp_path)
    assert caught.value.place == PLACE


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["id", "att"], "no column 'at', which is to say .*\nDid you mean 'att'?"),
        (["at", "at"], "several columns 'at', .*\nGive each a name of its own."),
    ],
)
def test_a_result_without_the_column_is_refused(tmp_path: Path, names: list[str], said: str) -> None:
    schema = pa.schema([(name, pa.date32()) for name in names])
    with pytest.raises(SplitError, match=said):
        _splitter(_partition(), DAYS, schema, tmp_path)


def test_a_date_does_not_say_an_hour(tmp_path: Path) -> None:
    with pytest.raises(SplitError, match="does not say of which hour a row is: it has to be a timestamptz"):
        _splitter(_partition("hour"), ["2013-01-01-00:00"], pa.schema([("at", pa.date32())]), tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 50), max_size=8),
    spread=st.integers(1, 60),
    most_bytes=st.sampled_from([0, 200, 1 << 26]),
    seed=st.randoms(use_true_random=False),
)
def test_every_row_is_in_its_partition_once_in_the_order_it_came(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], spread: int, most_bytes: int, seed
) -> None:  # type: ignore[no-untyped-def]
    partition = _partition(timezone="Europe/Berlin")
    keys = [str(dt.date(2013, 3, 1) + dt.timedelta(days=number)) for number in range(spread)]
    schema = pa.schema(
        [
            ("id", pa.int64()),
            ("at", pa.timestamp("us", "UTC")),
            ("text", pa.string()),
            ("span", pa.month_day_nano_interval()),
        ]
    )
    splitter = _splitter(partition, keys, schema, tmp_path_factory.mktemp("split"), most_bytes)
    zone, expected, number = ZoneInfo("Europe/Berlin"), {key: [] for key in keys}, 0  # type: dict[str, list[int]]
    for size in sizes:
        days = [seed.randrange(spread) for _ in range(size)]
        for day in days:
            expected[keys[day]].append(number)
            number += 1
        at = [dt.datetime(2013, 3, 1, seed.randrange(24), tzinfo=zone) + dt.timedelta(days=day) for day in days]
        columns = [
            pa.array(range(number - size, number), pa.int64()),
            pa.array(at, schema.field("at").type),
            pa.array(["x" * day or None for day in days], pa.string()),
            pa.array([(1, day, 0) for day in days], schema.field("span").type),
        ]
        splitter.add(pa.RecordBatch.from_arrays(columns, schema=schema))
    found = {
        key: [row for part in splitter.batches(at) for row in part["id"].to_pylist()] for at, key in enumerate(keys)
    }
    splitter.close()
    assert found == expected
    assert splitter.rows == number


def test_what_does_not_fit_in_memory_goes_to_scratch_files_that_are_gone_afterwards(tmp_path: Path) -> None:
    partition = _partition()
    schema = pa.schema([("at", pa.date32()), ("payload", pa.binary())])
    splitter = _splitter(partition, DAYS, schema, tmp_path, most_bytes=1000)
    days = [dt.date.fromisoformat(day) for day in DAYS]
    before = pa.total_allocated_bytes()  # of tests before
    for _ in range(10):
        splitter.add(pa.record_batch([pa.array(days, pa.date32()), pa.array([b"x" * 200] * 3)], schema=schema))
        assert pa.total_allocated_bytes() - before < 10_000_000
    assert len(list(tmp_path.iterdir())) >= 4
    assert [sum(part.num_rows for part in splitter.batches(number)) for number in range(3)] == [10, 10, 10]
    splitter.close()
    assert not list(tmp_path.iterdir())
