"""What a header may say, Dagster takes: one wrong definition would keep the whole code location from loading."""

from __future__ import annotations

import datetime as dt

import dagster as dg
from dagster._utils.schedules import is_valid_cron_string
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cockroach_pipelines.queries import Header
from cockroach_pipelines.queries.schedules import check_cron, every_to_cron

NAMES = st.text(st.sampled_from("aZ0_.-/:@ é"), max_size=70)
CRON_ITEMS = st.from_regex(r"(\*|[0-9]{1,2}|[A-Z]{3})(-[0-9]{1,2})?(/[0-9]{1,2})?", fullmatch=True)
CRON_FIELDS = st.lists(CRON_ITEMS, min_size=1, max_size=3).map(",".join)


@given(st.lists(CRON_FIELDS, min_size=5, max_size=5).map(" ".join))
def test_every_cron_expression(cron: str) -> None:
    try:
        accepted = check_cron(cron)
    except ValueError:
        return
    assert is_valid_cron_string(accepted)


@given(st.integers(1, 200), st.sampled_from("mhdw"))
def test_every_span(number: int, unit: str) -> None:
    try:
        cron = every_to_cron(f"{number}{unit}")
    except ValueError:
        return
    assert is_valid_cron_string(cron)


@settings(max_examples=50)
@given(NAMES, NAMES, NAMES, NAMES)
def test_every_tag_owner_and_check(key: str, value: str, owner: str, check: str) -> None:
    for keys in ({"tags": {key: value}}, {"owner": owner}, {"checks": {check: "SELECT 1"}}):
        try:
            header = Header.model_validate(keys)
        except ValidationError:
            continue
        asset = dg.AssetKey(["reporting", "x"])
        dg.AssetSpec(asset, tags=header.tags, owners=list(header.owners))
        for name in header.checks.queries:
            dg.AssetCheckSpec(name, asset=asset)


@settings(max_examples=25)
@given(st.dates(dt.date(2000, 1, 1), dt.date(2015, 12, 31)), st.sampled_from(["week", "month"]), st.integers(1, 60))
def test_partitions_cover_every_day_from_the_first_to_the_last(start: dt.date, every: str, count: int) -> None:
    months = start.month - 1 + count
    end = start + dt.timedelta(weeks=count)
    if every == "month":
        start = start.replace(day=min(start.day, 28))
        end = start.replace(year=start.year + months // 12, month=months % 12 + 1)
    partition = Header.model_validate({"partition": {"every": every, "from": start, "to": end}}).partition
    assert partition
    make = dg.WeeklyPartitionsDefinition if every == "week" else dg.MonthlyPartitionsDefinition
    definition = make(start.isoformat(), end.isoformat(), day_offset=partition.day_offset)
    windows = [definition.time_window_for_partition_key(key) for key in definition.get_partition_keys()]
    assert len(windows) == count
    assert windows[0].start.date() == start
    assert windows[-1].end.date() == end
