"""Headers of monitors: what is expected of rows and values."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from cockroach_pipelines.queries import BrokenQuery, Query, Severity, SQLRepository
from tests.queries.conftest import Write


def load(
    sql_folder: Path, write: Write, header: str, sql: str = "SELECT 1 AS lag", kind: str = "maintenance"
) -> Query | BrokenQuery:
    write(f"{kind}/m.sql", f"/* @asset\n{header}\n*/\n{sql}")
    repository = SQLRepository(sql_folder)
    return {**repository.queries, **repository.broken}[f"{kind}/m"]


def rules(query: Query | BrokenQuery) -> dict[str, list[str]]:
    assert isinstance(query, Query), str(query.error)
    return {watch.name: [f"{severity}: {rule}" for severity, rule in watch.rules] for watch in query.watches}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("expect: {rows: 0}", {"rows": ["error: rows 0"]}),
        ("expect: {rows: {at_least: 1, at_most: 10}}", {"rows": ["error: rows at most 10 and at least 1"]}),
        (
            "warn: {column: lag, below: 1m}\nerror: {column: lag, below: 600}",
            {"lag": ["error: lag below 600", "warn: lag below 60.0"]},
        ),
        (
            "expect:\n- {rows: {at_least: 1}}\n- {column: status, equals: [running, paused]}",
            {"rows": ["error: rows at least 1"], "status": ["error: status running or paused"]},
        ),
        ("warn: {column: Odd-Name, above: 0.5}", {"Odd_Name": ["warn: Odd-Name above 0.5"]}),
        ("expect: {column: active, equals: true}", {"active": ["error: active true"]}),
    ],
)
def test_rules_on_one_subject_are_one_check(
    sql_folder: Path, write: Write, header: str, expected: dict[str, list[str]]
) -> None:
    assert rules(load(sql_folder, write, header)) == expected


def test_limits_hold_for_numbers_as_they_are_written(sql_folder: Path, write: Write) -> None:
    query = load(sql_folder, write, "error: {column: lag, at_least: 0.1, below: 0.3}")
    assert isinstance(query, Query)
    ((severity, rule),) = query.watches[0].rules
    assert severity is Severity.ERROR
    assert [rule.allow(Decimal(text)) for text in ("0.09", "0.1", "0.29", "0.3")] == [False, True, True, False]


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("expect:", "2:1: `expect`: has no value.\nGive it one, such as {rows: 0}, or remove the key."),
        ("expect: {below: 60}", "2:9: `expect`: says nothing to look at."),
        ("expect: {column: lag}", "2:9: `expect`: has no limit."),
        ("expect: {rows: 0, column: lag, below: 1}", "2:9: `expect`: says nothing to look at."),
        ("expect: {column: lag, belw: 1}", "2:23: Unknown key 'belw' of expect.\nDid you mean 'below'?"),
        (
            "warn:\n- {column: lag, below: soon}",
            "3:24: `warn.0.below`: 'soon' is no number, and no span of time such as 5m.",
        ),
        ("expect: {rows: 0}\nautocommit: true", "`autocommit` is for maintenance that writes"),
        (
            "expect: {rows: 0}\nchecks: {rows: SELECT 1 AS a}",
            "3:1: `checks`: 'rows' names the check of a monitor's rule already.",
        ),
        ("source: flights", "2:1: `source` is for reconciliations."),
    ],
)
def test_what_is_wrong_has_its_place(sql_folder: Path, write: Write, header: str, problem: str) -> None:
    broken = load(sql_folder, write, header)
    assert isinstance(broken, BrokenQuery)
    assert problem in str(broken.error)


def test_monitor_only_reads(sql_folder: Path, write: Write) -> None:
    broken = load(sql_folder, write, "expect: {rows: 0}", "DELETE FROM flights WHERE id = 1 RETURNING id")
    assert isinstance(broken, BrokenQuery)
    assert "4:1: DELETE has no place in a monitor, which only reads." in str(broken.error)


def test_rules_belong_to_maintenance(sql_folder: Path, write: Write) -> None:
    broken = load(sql_folder, write, "warn: {rows: 0}", kind="reporting")
    assert isinstance(broken, BrokenQuery)
    assert "`warn` is for monitors.\nRemove it, or move the file below sql/queries/maintenance." in str(broken.error)


def test_monitor_may_read_as_of_the_past_and_maintenance_that_writes_may_not(sql_folder: Path, write: Write) -> None:
    assert isinstance(load(sql_folder, write, "expect: {rows: 0}\nas_of: -10s"), Query)
    assert isinstance(load(sql_folder, write, "as_of: -10s", "DELETE FROM t WHERE a = 1"), BrokenQuery)


def test_rules_are_part_of_the_version(sql_folder: Path, write: Write) -> None:
    one = load(sql_folder, write, "expect: {column: lag, below: 60}")
    same = load(sql_folder, write, "expect: {below: 1m, column: lag}")
    other = load(sql_folder, write, "expect: {column: lag, below: 61}")
    assert isinstance(one, Query) and isinstance(same, Query) and isinstance(other, Query)
    assert one.code_version != other.code_version
