"""Checks that need no SQL: their forms in a header, their names, and the words of each refusal."""

from __future__ import annotations

import decimal

import pytest

from cockroach_pipelines.queries import (
    AcceptedValues,
    BrokenQuery,
    FreshColumn,
    NoChangeBeyond,
    NotNull,
    Query,
    Rule,
    Severity,
    Unique,
)
from tests.queries.conftest import Load, Write
from tests.queries.headers.test_reading import header_of, problems_of


def rules_of(yaml: str) -> dict[str, Rule]:
    return header_of(f"checks: {{{yaml}}}").checks.rules


def test_every_check_in_short() -> None:
    rules = header_of(
        """
checks:
  not_null: carrier
  unique: [origin, day]
  accepted_values: {carrier: [AA, UA, null]}
  row_count: ">= 1"
  freshness: {column: updated_at, within: 2h}
  no_change_beyond: 20%
  mine: SELECT 1
"""
    ).checks.rules
    assert list(rules) == ["not_null", "unique", "accepted_values", "row_count", "freshness", "no_change_beyond"]
    assert rules["not_null"] == NotNull(columns=("carrier",))
    assert rules["unique"] == Unique(columns=("origin", "day"))
    assert rules["accepted_values"] == AcceptedValues(column="carrier", values=("AA", "UA", None))
    assert rules["freshness"] == FreshColumn(column="updated_at", within=7200.0)
    assert rules["no_change_beyond"] == NoChangeBeyond(limits={"rows": decimal.Decimal("0.2")})


def test_every_check_at_length() -> None:
    header = header_of(
        """
checks:
  not_null: {columns: [a, b], severity: warn, blocking: true, description: Always there.}
  unique: [{columns: [a], severity: warn}, {columns: [b, c]}]
  accepted_values: {a: {values: [1], severity: warn}, b: [2]}
  row_count: {min: 1, max: 10, blocking: true}
  freshness: [{column: a, within: 1d}, {column: b, within: 90}]
  no_change_beyond: {rows: 20%, sum(amount): 5%, severity: warn}
"""
    )
    rules = header.checks.rules
    assert list(rules) == [
        "not_null__a",
        "not_null__b",
        "unique__a",
        "unique__b_c",
        "accepted_values__a",
        "accepted_values__b",
        "row_count",
        "freshness__a",
        "freshness__b",
        "no_change_beyond",
    ]
    assert {name for name, rule in rules.items() if rule.severity is Severity.WARN} == {
        "not_null__a",
        "not_null__b",
        "unique__a",
        "accepted_values__a",
        "no_change_beyond",
    }
    assert {name for name, rule in rules.items() if rule.blocking} == {"not_null__a", "not_null__b", "row_count"}
    assert rules["not_null__a"].description == "Always there."
    assert rules["no_change_beyond"].columns_used == ("amount",)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('">= 1"', "at least 1"),
        ('"> 0"', "at least 1"),
        ('"<= 9"', "at most 9"),
        ('"< 10"', "at most 9"),
        ("10", "exactly 10"),
        ('"= 10"', "exactly 10"),
        ("1..1000", "1 to 1,000"),
        ('"1,000 to 2_000"', "1,000 to 2,000"),
        ("{max: 5}", "at most 5"),
    ],
)
def test_number_of_rows_is_written_in_many_ways(written: str, said: str) -> None:
    assert rules_of(f"row_count: {written}")["row_count"].said == f"The result has {said} rows."


def test_checks_say_what_holds() -> None:
    rules = rules_of(
        "not_null: [a, b], unique: [a, b], accepted_values: {c: [1, x, true]}, no_change_beyond: {rows: 12.5%}"
    )
    assert [rule.said for rule in rules.values()] == [
        "'a' is never NULL.",
        "'b' is never NULL.",
        "No two rows have the same 'a', 'b'.",
        "'c' is one of 1, 'x', true.",
        "Since the previous materialization rows changed by at most 12.5%.",
    ]


def test_names_of_odd_columns_are_valid_and_differ() -> None:
    assert list(rules_of('not_null: ["a b", "a-b", größe], not_null__a_b: SELECT 1')) == [
        "not_null__a_b_2",
        "not_null__a_b_3",
        "not_null__gr__e",
    ]


@pytest.mark.parametrize(
    ("checks", "problem"),
    [
        (
            "not_nul: [a]",
            "f.sql:2:10: `checks.not_nul`: this is no query, and no check of that name is built in.\nDid you mean 'not_null'?",
        ),
        (
            "not_null: SELECT a FROM result",
            "f.sql:2:20: `checks.not_null.columns`: is built in and takes columns.\nA query of your own needs another name.",
        ),
        ("not_null: []", "f.sql:2:20: `checks.not_null.columns`: names no column.\nWrite one, or remove the key."),
        ("not_null:", "f.sql:2:10: `checks.not_null`: has no value.\nWrite one, or remove the key."),
        ("unique: [a, a]", "f.sql:2:18: `checks.unique.columns`: 'a' stands in it twice.\nRemove one of them."),
        ("unique: {columns: 3}", "f.sql:2:28: `checks.unique.columns`: expected a list, found the number 3."),
        (
            "not_null: {columns: [a], severty: warn}",
            "f.sql:2:35: Unknown key 'severty' of checks.not_null.\nDid you mean 'severity'?",
        ),
        (
            "mine: {sql: SELECT 1, severty: warn}",
            "f.sql:2:32: Unknown key 'severty' of checks.mine.\nDid you mean 'severity'?",
        ),
        (
            "accepted_values: [AA]",
            "f.sql:2:27: `checks.accepted_values`: expected a mapping of columns to lists of values.\n"
            "Write accepted_values: {carrier: [AA, UA]}.",
        ),
        (
            "accepted_values: {a: []}",
            "f.sql:2:27: `checks.accepted_values.values`: accepts nothing.\nList the values.",
        ),
        (
            "row_count: many",
            "f.sql:2:21: `checks.row_count`: 'many' is no number of rows.\nWrite \">= 1\", 1..100, 10 or {min: 1, max: 100}.",
        ),
        (
            "row_count: {min: 5, max: 1}",
            "f.sql:2:30: `checks.row_count.max`: 1 is less than `min`, 5.\nNo result is both.",
        ),
        ("freshness: {column: a}", "f.sql:2:10: `checks.freshness.within` is missing.\nAdd `within: …`."),
        (
            "freshness: {column: a, within: soon}",
            "f.sql:2:41: `checks.freshness.within`: 'soon' is no span of time: write a number of seconds, or 500ms, 20s, 5m, 2h, 1d.",
        ),
        (
            "no_change_beyond: much",
            "f.sql:2:28: `checks.no_change_beyond.rows`: 'much' is no share.\nWrite a percentage such as 20%.",
        ),
        (
            "no_change_beyond: 20",
            "f.sql:2:28: `checks.no_change_beyond.rows`: 20 would be 2000%.\nWrite 20% if that is meant.",
        ),
        (
            "no_change_beyond: {rows: 1%, total: 2%}",
            "f.sql:2:39: `checks.no_change_beyond`: 'total' cannot be measured.\nWrite rows, sum(column) or avg(column).",
        ),
    ],
)
def test_wrong_checks_are_refused_at_their_place(checks: str, problem: str) -> None:
    assert problems_of(f"checks: {{{checks}}}" if not checks.endswith(":") else f"checks: {{{checks} }}") == [problem]


def test_column_that_the_statement_does_not_have_is_refused_where_it_is_written(load: Load) -> None:
    broken = load(
        "/* @asset\nchecks:\n  not_null: [origin, carier]\n*/\nSELECT f.carrier, Origin, count(*) AS n FROM f GROUP BY 1, 2"
    )
    assert isinstance(broken, BrokenQuery)
    assert str(broken.error).endswith(
        "report.sql:3:22: The check 'not_null__carier' looks at 'carier', and the result has no such column.\n"
        "Did you mean 'carrier'? The columns are carrier, origin, n."
    )


@pytest.mark.parametrize("select", ["SELECT * FROM f", "SELECT count(*) FROM f", "SELECT f.*, 1 AS a FROM f"])
def test_columns_that_only_the_server_knows_are_left_to_it(load: Load, select: str) -> None:
    assert isinstance(load(f"/* @asset\nchecks: {{not_null: anything}}\n*/\n{select}"), Query)


def test_maintenance_has_no_result_to_check(write: Write, sql_folder: object) -> None:
    from cockroach_pipelines.queries import SQLRepository

    write("maintenance/purge.sql", "/* @asset\nchecks: {not_null: [a, b]}\n*/\nDELETE FROM t WHERE a = 1")
    broken = SQLRepository(sql_folder).broken["maintenance/purge"]  # type: ignore[arg-type]
    assert str(broken.error).endswith(
        "purge.sql:2:10: `not_null` looks at the rows of a result, and maintenance has none.\n"
        "Write the check as a query of the table that the statement changes."
    )
