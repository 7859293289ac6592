"""Partitions between files: what follows by itself, what the header says, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockroach_pipelines.queries import SQLRepository
from tests.queries.conftest import Write

DAYS = "partition: {every: day, from: 2013-01-01}"
UPSTREAM = {
    "days": DAYS,
    "keys": "partition: {keys: [eu, us]}",
    "plain": "description: Not partitioned.",
    "both": "partition: {day: {every: day, from: 2013-01-01}, region: {keys: [eu, us]}}",
}


def _problems(sql_folder: Path, write: Write, header: str) -> dict[str, str]:
    for name, said in UPSTREAM.items():
        write(f"reporting/{name}.sql", f"/* @asset\n{said}\n*/\nSELECT 1 AS x")
    write("reporting/own.sql", f"/* @asset\n{header}\n*/\nSELECT 1 AS x")
    broken = SQLRepository(sql_folder).broken
    return {name: str(each.error).removeprefix(f"{each.path.parent}/") for name, each in broken.items()}


@pytest.mark.parametrize(
    "header",
    [
        f"{DAYS}\ndepends_on: reporting/days",
        f"{DAYS}\ndepends_on: reporting/days\npartition_mapping: {{reporting/days: yesterday}}",
        f"{DAYS}\ndepends_on: reporting/days\npartition_mapping: {{reporting/days: {{first: -6, last: 0}}}}",
        f"{DAYS}\ndepends_on: reporting/keys\npartition_mapping: {{reporting/keys: all}}",
        "partition: {every: month, from: 2013-01-01}\nafter: reporting/days",
        "after: [reporting/days, elsewhere/python_asset]\npartition_mapping: {reporting/days: last, elsewhere/python_asset: last}",
        "partition: {day: {every: day, from: 2013-01-01}, region: {keys: [eu, us]}}\ndepends_on: [reporting/days, reporting/keys]",
        "depends_on: [reporting/days, reporting/keys, reporting/plain]",
    ],
)
def test_what_follows_is_accepted(sql_folder: Path, write: Write, header: str) -> None:
    assert _problems(sql_folder, write, header) == {}


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (
            f"{DAYS}\ndepends_on: reporting/keys",
            "own.sql:2:1: Which partitions of reporting/keys those of this file come after cannot be told: one is "
            "partitioned by time, and the other by keys.\n"
            "Say it in the header: `partition_mapping: {reporting/keys: all}`, or `last`.",
        ),
        (
            "partition: {every: day, from: 2013-01-01, timezone: Asia/Tokyo}\ndepends_on: reporting/days",
            "own.sql:2:1: Which partitions of reporting/days those of this file come after cannot be told: its windows "
            "are of UTC, and those of this file of Asia/Tokyo.\n"
            "Say it in the header: `partition_mapping: {reporting/days: all}`, or `last`.",
        ),
        (
            "partition: {day: {every: day, from: 2013-01-01, timezone: Asia/Tokyo}, region: {keys: [eu, us]}}\n"
            "depends_on: reporting/both",
            "own.sql:2:1: Which partitions of reporting/both those of this file come after cannot be told: its windows "
            "are of UTC, and those of this file of Asia/Tokyo.\n"
            "Say it in the header: `partition_mapping: {reporting/both: all}`, or `last`.",
        ),
        (
            "partition: {day: {every: day, from: 2013-01-01}, region: {keys: [eu]}}\ndepends_on: [reporting/keys]",
            "own.sql:2:1: Which partitions of reporting/keys those of this file come after cannot be told: the keys of "
            "one are others than those of the other's second dimension.\n"
            "Say it in the header: `partition_mapping: {reporting/keys: all}`, or `last`.",
        ),
        (
            f"{DAYS}\ndepends_on: reporting/plain\npartition_mapping: {{reporting/plain: all}}",
            "own.sql:4:38: `partition_mapping`: all does not fit reporting/plain: it has no partitions.\n"
            "Write all, or last.",
        ),
        (
            f"{DAYS}\ndepends_on: reporting/keys\npartition_mapping: {{reporting/keys: {{offset: -1}}}}",
            "own.sql:4:37: `partition_mapping`: time_window does not fit reporting/keys: both need partitions by time, "
            "and no other dimension.\nWrite all, or last.",
        ),
        (
            "depends_on: reporting/days\npartition_mapping: {reporting/days: identity}",
            "own.sql:3:37: `partition_mapping`: identity does not fit reporting/days: this file has no partitions.\n"
            "Write all, or last.",
        ),
        (
            f"{DAYS}\npartition_mapping: {{reporting/days: yesterday}}",
            "own.sql:3:21: `partition_mapping`: reporting/own does not come after reporting/days.\n"
            "Add it to the header: `depends_on: [reporting/days]`.",
        ),
        (
            "after: reporting/dayz",
            "own.sql:2:8: `after`: there is no file 'reporting/dayz'.\nDid you mean 'reporting/days'?",
        ),
        ("after: [reporting/own]", "own.sql:2:9: `after`: a file cannot come after itself.\nRemove it."),
    ],
)  # fmt: skip
def test_what_does_not_follow_is_refused_at_its_place(
    sql_folder: Path, write: Write, header: str, problem: str
) -> None:
    assert _problems(sql_folder, write, header) == {"reporting/own": problem}
