"""What a header may say, Dagster takes: one wrong definition would keep the whole code location from loading."""

from __future__ import annotations

import datetime as dt
import json

import dagster as dg
import pytest
from dagster._utils.schedules import is_valid_cron_string
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.orchestration.freshness import freshness_policy
from cockroach_pipelines.orchestration.partitions import partitions_definition
from cockroach_pipelines.queries import Header, first_moment, partition_window
from cockroach_pipelines.queries.headers.schedules import check_cron, every_to_cron
from tests.peers.project import make_project

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


ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "America/Santiago",
    "America/Havana",
    "Asia/Kolkata",
    "Atlantic/Azores",
)
STARTS = st.dates(dt.date(2000, 1, 1), dt.date(2015, 12, 31))


@settings(max_examples=60, deadline=None)
@given(
    start=STARTS,
    every=st.sampled_from(["hour", "day", "week", "month"]),
    count=st.integers(1, 60),
    zone=st.sampled_from(ZONES),
    offset=st.integers(0, 24 * 60 - 1),
)
def test_dagster_has_the_same_partitions_with_the_same_keys_and_moments(
    start: dt.date, every: str, count: int, zone: str, offset: int
) -> None:
    months = start.month - 1 + count
    end = start + (dt.timedelta(weeks=count) if every == "week" else dt.timedelta(days=count))
    if every == "month":
        start = start.replace(day=min(start.day, 28))
        end = start.replace(year=start.year + months // 12, month=months % 12 + 1)
    offset %= 60 if every == "hour" else 24 * 60
    said = {"every": every, "from": start, "to": end, "timezone": zone, "offset": f"{offset}m"}
    header = Header.model_validate({"partition": said})
    definition = partitions_definition(header)
    assert isinstance(definition, dg.TimeWindowPartitionsDefinition)
    partition = header.partition
    assert partition
    assert partition.time
    keys = definition.get_partition_keys()
    if every != "hour":
        assert len(keys) == count
    for key in (*keys[:3], *keys[-3:], *(key for key in keys if "-03-" in key or "-10-" in key or "-11-" in key)):
        theirs, ours = definition.time_window_for_partition_key(key), partition_window(partition, key)
        assert (ours.key, ours.start, ours.end) == (key, theirs.start.astimezone(dt.UTC), theirs.end.astimezone(dt.UTC))
    assert partition_window(partition, keys[0]).start == first_moment(partition.time, start)
    assert partition_window(partition, keys[-1]).end == first_moment(partition.time, end)


@given(st.lists(st.text(st.characters(max_codepoint=300), max_size=8), min_size=1, max_size=5))
def test_every_list_of_keys(keys: list[str]) -> None:
    try:
        header = Header.model_validate({"partition": {"keys": keys}})
    except ValidationError:
        return
    definition = partitions_definition(header)
    assert definition
    assert definition.get_partition_keys() == keys


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(["0", "*", "0,30", "1-5"]),
    st.sampled_from(["9", "0,23", "*"]),
    st.sampled_from(["*", "1,15"]),
    st.sampled_from(["*", "MON", "0-4"]),
)
def test_every_deadline(minute: str, hour: str, day: str, weekday: str) -> None:
    for fresh in ({"by": f"{minute} {hour} {day} * {weekday}"}, {"within": 60.0, "warn": None}):
        assert freshness_policy(Header.model_validate({"fresh": fresh}))


FORMS: tuple[dict[str, object] | None, ...] = (
    None,
    {"every": "day", "from": "2024-01-01"},
    {"every": "month", "from": "2024-01-01"},
    {"every": "day", "from": "2024-01-01", "timezone": "Asia/Tokyo"},
    {"keys": ["eu", "us"]},
    {"keys": ["eu", "ap"]},
    {"query": "SELECT 1"},
    {"query": "SELECT 2"},
    {"day": {"every": "day", "from": "2024-01-01"}, "region": {"keys": ["eu", "us"]}},
    {"date": {"every": "day", "from": "2024-01-01"}, "region": {"keys": ["eu", "us"]}},
    {"day": {"every": "day", "from": "2024-01-01"}, "region": {"query": "SELECT 1"}},
)
MAPPINGS = (None, "identity", "time_window", "yesterday", "all", "last", {"first": -6})


@settings(max_examples=60, deadline=None)
@given(upstream=st.sampled_from(FORMS), own=st.sampled_from(FORMS), mapping=st.sampled_from(MAPPINGS))
def test_partitions_of_two_files_that_go_together_here_go_together_there(
    tmp_path_factory: pytest.TempPathFactory, upstream: object, own: object, mapping: object
) -> None:
    folder = tmp_path_factory.mktemp("pair")
    headers: dict[str, dict[str, object]] = {"a": {}, "b": {"depends_on": "reporting/a"}}
    headers["a"] |= {"partition": upstream} if upstream else {}
    headers["b"] |= {"partition": own} if own else {}
    headers["b"] |= {"partition_mapping": {"reporting/a": mapping}} if mapping else {}
    files = {
        f"reporting/{name}.sql": f"/* @asset {json.dumps(header)} */ SELECT 1 AS one"
        for name, header in headers.items()
    }
    config = make_project(folder, {"main": DatabaseConfig(host="db.example.com", user="etl")}, files)
    definitions = build_definitions(config)  # one that Dagster refuses keeps all of them from loading
    definitions.resolve_asset_graph()
    dg.Definitions.validate_loadable(definitions)
