"""Alerts look at every row, and what they cannot judge is told."""

from __future__ import annotations

import pytest

from cockroach_pipelines.reporting import judging
from tests.reporting.conftest import Make

DAILY = """
    /* @asset
    partition: {{every: day, from: 2024-01-01}}
    report:
      rows: 1
      compare: {compare}
      columns: {{n: {{alert: {alert}, change: true}}}}
    */
    SELECT name, CASE WHEN :partition_key = '2024-01-02' THEN n ELSE old END AS n
    FROM (VALUES ('a', 10, 10), ('b', 5, 10), ('c', 30, 10), ('d', NULL, 10)) AS v (name, n, old)
"""


def daily(alert: str, compare: str = "previous partition") -> str:
    return DAILY.format(alert=alert, compare=compare)


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        ("{above: 9.5}", ["N is above 9.5 in 2 of 4 rows"]),
        ("{above: 30}", []),
        ("{below: 5}", []),
        ("{below: 5.01}", ["N is below 5.01 in 1 of 4 rows"]),
        ("{change_below: -20%}", ["N changed beyond its limit in 1 of 4 rows"]),
        ("{change_above: 199%, change_below: -51%}", ["N changed beyond its limit in 1 of 4 rows"]),
    ],
)
def test_rows_are_judged_whether_they_are_shown_or_not(make: Make, alert: str, said: list[str]) -> None:
    report = make(daily(alert), "2024-01-02")
    assert list(report.alerts) == said
    assert report.unjudged == ()
    assert any("no value in 1 of 4 rows" in note for note in report.notes)


def test_changes_without_anything_to_compare_with_are_told(make: Make) -> None:
    report = make(daily("{change_below: -20%}"), "2024-01-01")
    assert report.unjudged == ("the changes of N: there is no partition before 2024-01-01",)
    assert "There is no comparison: there is no partition before 2024-01-01." in report.notes


def test_rows_that_cannot_be_told_apart_are_told(make: Make) -> None:
    text = daily("{change_below: -20%}").replace("('b',", "('a',")
    report = make(text, "2024-01-02")
    assert report.unjudged == ("the changes of N: two rows have the same name; say what tells them apart in `by`",)


def test_more_rows_than_are_compared_are_told(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "MOST_ROWS_COMPARED", 3)
    report = make(daily("{change_below: -20%}"), "2024-01-02")
    assert "rows are compared one by one up to 3; compare figures" in report.unjudged[0]


def test_alert_of_a_column_that_has_numbers_in_another_statement_alone_is_told(make: Make) -> None:
    report = make(
        "/* @asset\nreport: {columns: {t: {alert: {above: 1}}}}\n*/\n"
        "-- name: a\nSELECT 'x' AS t;\n-- name: b\nSELECT 2 AS t"
    )
    assert report.unjudged == ("T holds no numbers, but string",)
    assert report.alerts == ("T is above 1 in the only row",)


def test_figures_are_judged_by_their_limits_and_changes(make: Make) -> None:
    text = """
        /* @asset
        partition: {every: day, from: 2024-01-01}
        report:
          compare: 1 day
          kpis:
            fell: {value: sum(a), alert: {change_below: -10%}}
            rose: {value: sum(b), alert: {change_above: 10%}}
            new: {value: sum(c), alert: {change_above: 10%}}
            none: {value: sum(d), alert: {above: 1}}
        */
        SELECT a, b, c, d::int AS d FROM (VALUES ('2024-01-01', 10, 10, 0, NULL), ('2024-01-02', 8, 11, 5, NULL)) AS v (day, a, b, c, d)
        WHERE day = :partition_key
    """
    report = make(text, "2024-01-02")
    assert report.alerts == ("Fell changed by -20.0%, below -10.0%",)
    assert report.unjudged == ("the change of New: it was 0 before", "None has no value")


def test_decimals_and_floats_are_judged_exactly(make: Make) -> None:
    report = make(
        "/* @asset\nreport: {columns: {a: {alert: {above: 0.3}}, b: {alert: {above: 9007199254740992}}, c: {alert: {below: 1.5}}}}\n*/\n"
        "SELECT 0.3::numeric(3, 1) AS a, 9007199254740993::int8 AS b, 1.5::float8 AS c"
    )
    assert report.alerts == ("B is above 9,007,199,254,740,992 in the only row",)
