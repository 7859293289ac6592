"""Partitions of a header: their forms, their keys, and the exact moments of their windows whatever clocks do."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockroach_pipelines.config import ConfigurationError
from cockroach_pipelines.queries import (
    Backfill,
    BrokenQuery,
    Gone,
    Header,
    KeysPartition,
    Partition,
    PartitionEvery,
    PartitionWindow,
    Query,
    QueryPartition,
    TimePartition,
    TwoDimensions,
    contiguous,
    earlier_window,
    first_moment,
    name_of_keys,
    partition_window,
)
from tests.queries.conftest import Load
from tests.queries.headers.test_reading import header_of, problems_of

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "America/Santiago", "America/Havana", "Asia/Kolkata")


def partition_of(**keys: object) -> Partition:
    partition = Header.model_validate({"partition": keys}).partition
    assert partition
    return partition


def hours_of(partition: Partition, key: str) -> float:
    window = partition_window(partition, key)
    assert window.start and window.end
    return (window.end - window.start) / dt.timedelta(hours=1)


NEW_YORK = {"from": "2013-01-01", "timezone": "America/New_York"}
HOURS = partition_of(every="hour", **NEW_YORK)
DAYS = partition_of(every="day", **NEW_YORK)


def test_a_header_has_one_of_four_forms() -> None:
    time = header_of("partition: {every: hour, from: 2013-01-01, offset: 15m, column: time_hour}").partition
    assert isinstance(time, TimePartition)
    assert (time.every, time.offset, time.column) == (PartitionEvery.HOUR, 15, "time_hour")
    assert header_of("partition: {keys: [eu, us]}").partition == KeysPartition(keys=("eu", "us"))
    assert header_of("partition: [eu, us]").partition == KeysPartition(keys=("eu", "us"))
    asked = header_of("partition: {query: SELECT DISTINCT region FROM orders, every: 1h, gone: remove}").partition
    assert asked == QueryPartition(query="SELECT DISTINCT region FROM orders", every=3600, gone=Gone.REMOVE)
    both = header_of(
        "timezone: Asia/Tokyo\npartition: {day: {every: day, from: 2013-01-01}, region: {keys: [eu, us]}}"
    ).partition
    assert isinstance(both, TwoDimensions)
    assert both.names == ("day", "region")
    assert (both.time_name, both.keys_name) == ("day", "region")
    assert both.time and both.time.timezone == "Asia/Tokyo"
    assert both.members == KeysPartition(keys=("eu", "us"))


@pytest.mark.parametrize(
    ("yaml", "problems"),
    [
        (
            "{every: day, from: 2013-01-01, offset: 6}",
            ["f.sql:2:51: `partition.offset`: '6' is no time of whole minutes after midnight: write 6h, 90m or 6.5h."],
        ),
        (
            "{every: day, from: 2013-01-01, offset: 24h}",
            ["f.sql:2:43: `partition.offset`: windows begin within a day: write less than 24h."],
        ),
        (
            "{every: hour, from: 2013-01-01, offset: 60m}",
            ["f.sql:2:44: `partition.offset`: windows begin within an hour: write less than 1h."],
        ),
        (
            "{every: hour, from: 2013-01-01, timezone: Australia/Lord_Howe}",
            [
                "f.sql:2:13: `partition.every`: the clocks of Australia/Lord_Howe change by less than an hour: "
                "write timezone: UTC beside it."
            ],
        ),
        ("{keys: []}", ["f.sql:2:19: `partition.keys`: is empty: write at least one key."]),
        ("{keys: [eu, eu]}", ["f.sql:2:19: `partition.keys`: 'eu' stands in it twice.\nRemove one of them."]),
        (
            "{keys: [eu, no, 1]}",
            [
                "f.sql:2:24: `partition.keys.1`: expected text, found the boolean false; put it in quotes.",
                "f.sql:2:28: `partition.keys.2`: expected text, found the number 1; put it in quotes.",
            ],
        ),
        (
            "{keys: [a/b, x...y]}",
            [
                "f.sql:2:20: `partition.keys.0`: 'a/b' cannot be the name of a file.\nWrite another key.",
                "f.sql:2:25: `partition.keys.1`: 'x...y' holds `...`, which is between the ends of a range.\n"
                "Write another key.",
            ],
        ),
        ("[eu, no]", ["f.sql:2:17: `partition.1`: expected text, found the boolean false; put it in quotes."]),
        ("{keys: [eu], colum: x}", ["f.sql:2:25: Unknown key 'colum' of partition.\nKnown here: keys."]),
        (
            "{query: SELECT 1, every: 1s, gone: rmove}",
            [
                "f.sql:2:37: `partition.every`: the database is asked at most every 10s.",
                "f.sql:2:47: `partition.gone`: 'rmove' is none of keep, remove.\nDid you mean 'remove'?",
            ],
        ),
        (
            "{region: {keys: [eu]}}",
            [
                "f.sql:2:12: `partition`: two dimensions are one of time and one of keys.\n"
                "Write {time: {every: day, from: 2013-01-01}, region: {keys: [eu, us]}}."
            ],
        ),
        (
            "{day: {every: day, from: 2013-01-01}, a-b: {keys: ['e|u']}}",
            [
                "f.sql:2:50: `partition`: 'a-b' cannot name a dimension: "
                "use letters, digits and underscores, a letter first."
            ],
        ),
        (
            "{day: {every: day, from: 2013-01-01}, b: {keys: ['e|u']}}",
            ["f.sql:2:50: `partition.b`: 'e|u' holds `|`, which a key of two dimensions may not.\nWrite another key."],
        ),
        (
            "{day: {every: dya, from: 2013-01-01}, b: {keys: [eu]}}",
            ["f.sql:2:26: `partition.day.every`: 'dya' is none of hour, day, week, month.\nDid you mean 'day'?"],
        ),
        ("daily", ["f.sql:2:12: `partition`: expected a mapping of keys to values, found the text 'daily'."]),
    ],
)
def test_a_wrong_partition_is_refused_at_its_place(yaml: str, problems: list[str]) -> None:
    assert problems_of(f"partition: {yaml}") == problems


@pytest.mark.parametrize(("key", "hours"), [("2013-03-09", 24), ("2013-03-10", 23), ("2013-11-03", 25)])
def test_a_day_is_as_long_as_its_clocks_say(key: str, hours: int) -> None:
    assert hours_of(DAYS, key) == hours


def test_a_day_may_begin_at_another_hour() -> None:
    window = partition_window(partition_of(every="day", offset="6h", **NEW_YORK), "2013-03-09")
    assert window.start == dt.datetime(2013, 3, 9, 11, tzinfo=dt.UTC)
    assert window.end == dt.datetime(2013, 3, 10, 10, tzinfo=dt.UTC)


def test_an_hour_that_clocks_show_twice_is_two_partitions() -> None:
    first, second = (partition_window(HOURS, key) for key in ("2013-11-03-01:00", "2013-11-03-01:00-0500"))
    assert first.start == dt.datetime(2013, 11, 3, 5, tzinfo=dt.UTC)
    assert first.end == second.start == dt.datetime(2013, 11, 3, 6, tzinfo=dt.UTC)
    assert partition_window(HOURS, "2013-11-03-01:00-0400") == first
    assert partition_window(HOURS, "2013-01-31T05:00").key == "2013-01-31-05:00"


@pytest.mark.parametrize(
    ("partition", "key", "said"),
    [
        (HOURS, "2013-03-10-02:00", "the clocks of America/New_York do not show it.\nThat moment is 2013-03-10-03:00"),
        (HOURS, "2013-03-10-05:30", "No hour of this file begins at .*\nThe one with that moment is 2013-03-10-05:00"),
        (HOURS, "2012-12-31-23:00", "2012-12-31-23:00 is no partition of this file.\nIts partitions cover 2013-01-01."),
        (HOURS, "2013-01-31", "no key of a partition.\nWrite the hour it begins, such as 2013-01-01-00:00"),
        (DAYS, "2013-01-32", "no key of a partition.\nWrite the day it begins, such as 2013-01-01"),
        (partition_of(keys=["eu", "us"]), "uss", "'uss' is no partition of this file.\nDid you mean 'us'"),
        (partition_of(query="SELECT 1"), "a/b", "no key of a partition: it cannot be the name of a file"),
        (
            partition_of(day={"every": "day", "from": "2013-01-01"}, region={"keys": ["eu"]}),
            "2013-01-01",
            "Write the keys of day and region with | between them",
        ),
    ],
)  # fmt: skip
def test_a_key_of_no_partition_is_refused(partition: Partition, key: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said.replace("|", r"\|")):
        partition_window(partition, key)


def test_two_dimensions_bind_the_time_of_one_and_the_key_of_the_other() -> None:
    partition = partition_of(time={"every": "day", "from": "2013-01-01"}, region={"keys": ["eu", "us"]})
    window = partition_window(partition, "2013-01-02|us")
    assert window == partition_window(partition, "us|2013-01-02")
    assert window.key == "us|2013-01-02"  # in the order of the names, as Dagster has it
    assert window.values == {
        "partition_key": "us",
        "partition_start": dt.datetime(2013, 1, 2, tzinfo=dt.UTC),
        "partition_end": dt.datetime(2013, 1, 3, tzinfo=dt.UTC),
    }
    assert partition_window(partition_of(keys=["eu"]), "eu").values == {"partition_key": "eu"}


def test_files_that_ask_the_same_share_a_name_of_their_keys() -> None:
    one, same = QueryPartition(query="SELECT  a\nFROM b"), QueryPartition(query="SELECT a FROM b;", every=60)
    assert name_of_keys(one, "main") == name_of_keys(same, "main") == "main: SELECT a FROM b"
    assert name_of_keys(one, "other") != name_of_keys(one, "main")
    long = name_of_keys(QueryPartition(query=f"SELECT {'a' * 300}"), "main")
    assert len(long) < 220
    assert long != name_of_keys(QueryPartition(query=f"SELECT {'a' * 301}"), "main")


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    every=st.sampled_from(["day", "week", "month"]),
    start=st.dates(dt.date(2010, 1, 1), dt.date(2025, 12, 31)),
    offset=st.integers(0, 24 * 60 - 1),
    count=st.integers(1, 30),
)
def test_windows_follow_each_other_and_begin_when_clocks_show_their_time(
    zone: str, every: str, start: dt.date, offset: int, count: int
) -> None:
    start = start.replace(day=min(start.day, 28))
    partition = partition_of(every=every, timezone=zone, offset=f"{offset}m", **{"from": start})
    key, before = start.isoformat(), None
    for _ in range(count):
        window = partition_window(partition, key)
        assert window.start and window.end
        assert window.start < window.end
        assert before is None or before.end == window.start
        local = window.start.astimezone(ZoneInfo(zone))
        shown = local.hour * 60 + local.minute
        midnight = dt.datetime.combine(dt.date.fromisoformat(key), dt.time(), ZoneInfo(zone))
        changes = midnight.utcoffset() != (midnight + dt.timedelta(days=1)).utcoffset()
        assert local.date().isoformat() == key
        assert shown == offset or changes
        key, before = window.end.astimezone(ZoneInfo(zone)).date().isoformat(), window


@settings(deadline=None)
@given(zone=st.sampled_from(ZONES), hours=st.integers(0, 24 * 365), minute=st.integers(0, 59))
def test_every_hour_has_a_key_of_its_own_that_leads_back_to_it(zone: str, hours: int, minute: int) -> None:
    partition = partition_of(every="hour", timezone=zone, offset=f"{minute}m", **{"from": "2013-01-01"})
    assert isinstance(partition, TimePartition)
    moment = first_moment(partition, partition.start) + dt.timedelta(hours=hours)
    shown = moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d-%H:%M%z")
    window = partition_window(partition, shown)
    assert (window.start, window.end) == (moment, moment + dt.timedelta(hours=1))
    assert partition_window(partition, window.key) == window


EARLIER = {
    # days of another zone, with the clocks that change between them
    ("day", "2013-03-12", (7, 0)): "2013-03-05",
    ("day", "2013-01-02", (0, 0)): "2013-01-01",
    ("day", "2013-01-01", (0, 0)): None,
    ("day", "2013-01-08", (99_999_999, 0)): None,
    ("week", "2013-01-15", (14, 0)): "2013-01-01",
    ("month", "2014-01", (0, 12)): "2013-01-01",
    ("month", "2013-03", (0, 0)): "2013-02-01",
    ("month", "2013-03", (0, 99_999)): None,
    # hours are those of the clock, seven days before; by themselves the hour before
    ("hour", "2013-03-12-05:00", (7, 0)): "2013-03-05-05:00",
    ("hour", "2013-03-10-03:00", (0, 0)): "2013-03-10-01:00",
    ("hour", "2013-11-03-01:00-0500", (0, 0)): "2013-11-03-01:00",
    ("hour", "2013-11-03-02:00", (0, 0)): "2013-11-03-01:00-0500",
    ("hour", "2013-11-03-01:00-0500", (1, 0)): "2013-11-02-01:00",
    ("hour", "2013-11-04-01:00", (1, 0)): "2013-11-03-01:00",
    ("hour", "2013-03-11-02:00", (1, 0)): None,  # the clocks skipped it
    ("hour", "2013-01-01-00:00", (0, 0)): None,
    ("hour", "2013-01-07-23:00", (7, 0)): None,
    ("hour", "2013-01-08-00:00", (7, 0)): "2013-01-01-00:00",
    ("hour", "2013-01-08-00:00", (99_999_999, 0)): None,
}  # fmt: skip


@pytest.mark.parametrize(("asked", "earlier"), EARLIER.items(), ids=str)
def test_a_window_finds_the_one_so_much_earlier(asked: tuple[str, str, tuple[int, int]], earlier: str | None) -> None:
    every, key, (days, months) = asked
    partition = partition_of(every=every, **NEW_YORK)
    found = earlier_window(partition, partition_window(partition, key), days=days, months=months)
    assert found == (partition_window(partition, earlier) if earlier else None)


def test_an_earlier_window_begins_on_the_same_time_of_day_and_is_of_the_same_member() -> None:
    day = {"every": "day", **NEW_YORK, "offset": "6h"}
    partition = partition_of(region={"keys": ["eu", "us"]}, day=day)
    found = earlier_window(partition, partition_window(partition, "2013-03-12|us"), days=7)
    assert found == partition_window(partition, "2013-03-05|us")
    assert found is not None and found.start == dt.datetime(2013, 3, 5, 11, tzinfo=dt.UTC)
    keys = partition_of(keys=["eu", "us"])
    assert earlier_window(keys, partition_window(keys, "us")) is None


def test_partitions_with_a_gap_between_them_are_no_range() -> None:
    def windows(*days: int, member: str | None = None) -> list[PartitionWindow]:
        return [
            PartitionWindow(
                str(day),
                dt.datetime(2013, 1, day, tzinfo=dt.UTC),
                dt.datetime(2013, 1, day + 1, tzinfo=dt.UTC),
                member=member,
            )
            for day in days
        ]

    found = [[window.key for window in group] for group in contiguous(windows(1, 2, 4, 5, 7))]
    assert found == [["1", "2"], ["4", "5"], ["7"]]
    both = [each for pair in zip(windows(1, 2, member="eu"), windows(1, 2, member="us"), strict=True) for each in pair]
    assert [[(each.key, each.member) for each in group] for group in contiguous(both)] == [
        [("1", "eu"), ("2", "eu")],
        [("1", "us"), ("2", "us")],
    ]


@pytest.mark.parametrize(
    ("yaml", "statement", "problem"),
    [
        (
            "backfill: one_run",
            "SELECT 1 AS x",
            "report.sql:2:1: `backfill` is for a file with partitions.\nRemove it.",
        ),
        (
            "partition: {every: day, from: 2013-01-01}\nbackfill: one_statement",
            "SELECT 1 AS x",
            "report.sql:3:11: `backfill: one_statement` has to know of which partition a row is.\n"
            "Name the column that says it: `partition: {…, column: time_hour}`.",
        ),
        (
            "partition: {every: day, from: 2013-01-01, column: x}",
            "SELECT :partition_key AS x",
            "report.sql:4:8: With `column` one statement runs over several partitions, and :partition_key is the key of "
            "one.\nWrite it with :partition_start and :partition_end, or say backfill: one_run in the header.",
        ),
        (
            "partition: {keys: [eu]}",
            "SELECT :partition_start AS x",
            "report.sql:4:8: :partition_start needs a partition by time, and this file's is by keys.\n"
            "Write :partition_key, or add a dimension of time: `partition: {time: {every: day, from: 2013-01-01}, …}`.",
        ),
        (
            "partition: {query: SELECT region FROM orders WHERE id = :id}",
            "SELECT 1 AS x",
            "report.sql:2:57: The query of the keys takes no parameter, and :id is one.\nWrite the value itself.",
        ),
        (
            "partition: {every: day, from: 2013-01-01}\non: new_key",
            "SELECT 1 AS x",
            "report.sql:3:5: `on: new_key` is for a file whose partitions are the keys of a query alone.\n"
            "Remove it, and write cron.",
        ),
        (
            "partition: {every: day, from: 2013-01-01, column: x}\nbackfill: one_statement\nreport: {}",
            "SELECT 1 AS x",
            "report.sql:3:11: `backfill: one_statement` is not for a file with `report`, whose statements run once for each "
            "partition.\nWrite backfill: one_run.",
        ),
        (
            "partition: {query: DELETE FROM orders}",
            "SELECT 1 AS x",
            "report.sql:2:20: DELETE has no place in a query of keys, which only reads.\n"
            "Move the file below sql/queries/maintenance if it is to write.",
        ),
    ],
)  # fmt: skip
def test_a_partition_that_does_not_fit_its_file_is_refused(load: Load, yaml: str, statement: str, problem: str) -> None:
    broken = load(f"/* @asset\n{yaml}\n*/\n{statement}")
    assert isinstance(broken, BrokenQuery)
    assert str(broken.error).removeprefix(f"{broken.path.parent}/") == problem


def test_each_partition_of_a_report_is_a_statement_of_its_own(load: Load) -> None:
    header = "partition: {every: day, from: 2013-01-01, column: x}"
    without, reported = (
        load(f"/* @asset\n{header}\n*/\nSELECT 1 AS x"),
        load(f"/* @asset\n{header}\nreport: {{}}\n*/\nSELECT :partition_key AS x"),
    )
    assert isinstance(without, Query) and isinstance(reported, Query)
    assert (without.backfill, reported.backfill) == (Backfill.ONE_STATEMENT, Backfill.ONE_RUN)
