"""What a header says of what makes its file run, and of freshness."""

from __future__ import annotations

import pytest

from cockroach_pipelines.queries import Freshness, MappingKind, PartitionMapping
from cockroach_pipelines.queries.headers.schedules import shortest_gap
from tests.queries.headers.test_reading import header_of, problems_of


def test_mappings_are_words_or_offsets() -> None:
    header = header_of(
        "partition_mapping: {a: all, b: last, c: identity, d: time_window, e: yesterday, f: {offset: 1}, g: {first: -6}}"
    )
    found = {name: (each.kind, each.start_offset, each.end_offset) for name, each in header.partition_mapping.items()}
    assert found == {
        "a": (MappingKind.ALL, 0, 0),
        "b": (MappingKind.LAST, 0, 0),
        "c": (MappingKind.IDENTITY, 0, 0),
        "d": (MappingKind.TIME_WINDOW, 0, 0),
        "e": (MappingKind.TIME_WINDOW, -1, -1),
        "f": (MappingKind.TIME_WINDOW, 1, 1),
        "g": (MappingKind.TIME_WINDOW, -6, 0),
    }
    assert PartitionMapping(offset=-1) == header.partition_mapping["e"]


def test_freshness_is_a_span_or_a_deadline() -> None:
    assert header_of("fresh: 2h").fresh == Freshness(within=7200)
    assert header_of("fresh: {within: 2h, warn: 90m}").fresh == Freshness(within=7200, warn=5400)
    by = header_of('fresh: {by: "0 9 * * MON-FRI", timezone: Europe/Berlin}').fresh
    assert by and by.before_deadline == 24 * 3600
    within = header_of('fresh: {by: "0 9 * * *", within: 3h}').fresh
    assert within and within.before_deadline == 3 * 3600


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("on: deploy", "f.sql:2:5: `on.0`: 'deploy' is none of code_change, new_key."),
        ("after: a b", "f.sql:2:8: `after.0`: 'a b' is no asset: write its path, such as reporting/finance/daily_revenue."),
        ("fresh: soon", "f.sql:2:8: `fresh.within`: 'soon' is no span of time: write a number of seconds, or 500ms, 20s, 5m, 2h, 1d."),
        ("fresh: 30s", "f.sql:2:8: `fresh.within`: freshness is looked at every minute: write 1m or more."),
        ("fresh: {}", 'f.sql:2:8: `fresh`: says no time.\nWrite {within: 2h}, or {by: "0 9 * * *"}.'),
        ("fresh: {within: 1h, warn: 2h}", "f.sql:2:21: `fresh.warn`: has to be shorter than `within`."),
        ("fresh: {by: 0 9 * * *, warn: 2h}", "f.sql:2:24: `fresh.warn`: is for `within` alone: before a deadline nothing is late."),
        ("fresh: {within: 1h, timezone: UTC}", "f.sql:2:21: `fresh.timezone`: is for `by`: remove it."),
        ("fresh: {by: 0 9 * *}", "f.sql:2:13: `fresh.by`: '0 9 * *' has 4 fields, and a cron expression has five: minute, hour, day of the month, month, day of the week."),
        ("fresh: {by: '0 9,10 * * *', within: 2h}", "f.sql:2:29: `fresh.within`: is longer than the 60 minutes between two deadlines of '0 9,10 * * *'."),
        ("partition_mapping: {a: yesterdy}", "f.sql:2:24: `partition_mapping.a`: 'yesterdy' is no mapping.\nDid you mean 'yesterday'?"),
        ("partition_mapping: {a: every}", "f.sql:2:24: `partition_mapping.a`: 'every' is no mapping.\nWrite identity, time_window, last, all, yesterday, {offset: -1} or {first: -6, last: 0}."),
        ("partition_mapping: {a: {offset: x}}", "f.sql:2:33: `partition_mapping.a.offset`: 'x' is no whole number such as -1."),
        ("partition_mapping: {a: {offset: -1, first: 0}}", "f.sql:2:25: `partition_mapping.a.offset`: is both `first` and `last`: keep it, or them."),
        ("partition_mapping: {a: {first: 1, last: 0}}", "f.sql:2:25: `partition_mapping.a.first`: 1 is after `last`, which is 0."),
        ("backfill: one_staement", "f.sql:2:11: `backfill`: 'one_staement' is none of one_statement, one_run, per_partition.\nDid you mean 'one_statement'?"),
    ],
)  # fmt: skip
def test_wrong_automation_and_freshness_is_refused_at_its_place(yaml: str, problem: str) -> None:
    assert problems_of(yaml) == [problem]


@pytest.mark.parametrize(
    ("cron", "minutes"),
    [
        ("* * * * *", 1),
        ("0 9 * * *", 24 * 60),
        ("0 9,17 * * *", 8 * 60),
        ("30 23 1,15 * *", 14 * 24 * 60),
        ("0 0 * * MON,FRI", 3 * 24 * 60),
        ("0 0 1 * *", 28 * 24 * 60),
        ("0 0 13 * FRI", 24 * 60),
        ("0 0 29 2 *", 1461 * 24 * 60),
        ("59 23 31 12 *", 365 * 24 * 60),
        ("0,59 0,23 * * *", 1),
    ],
)
def test_the_shortest_time_between_two_moments_of_a_cron_expression(cron: str, minutes: int) -> None:
    assert shortest_gap(cron) == minutes * 60
