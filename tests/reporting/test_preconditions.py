"""What a header asks for and cannot have is told at its place before a statement runs.

Each statement divides by zero: it would fail if it ran.
"""

from __future__ import annotations

import pytest

from cockroach_pipelines.config import ConfigurationError, PipelinesError
from cockroach_pipelines.database import StatementError
from cockroach_pipelines.queries import QueryFileError
from cockroach_pipelines.reporting import ReportError
from tests.reporting.conftest import Make

SQL = "SELECT v.*, 1 / (n - n) AS x FROM (VALUES (1, 'x', 1.5)) AS v (n, t, d)"


def file(said: str, more: str = "") -> str:
    return f"/* @asset\n{more}report:\n        {said}\n*/\n{SQL}"


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ("chart: {type: bar, x: t, y: m}", QueryFileError, "r.sql:3:37: The result has no column 'm'."),
        ("columns: {m: {alert: {above: 1}}}", QueryFileError, "r.sql:3:19: The result has no column 'm'."),
        ("columns: {t: {alert: {above: 1}}}", ReportError, "r.sql:3:30: An alert needs numbers, and 't' is text."),
        ("kpis: {rows: count, total: sum(t)}", ReportError, "r.sql:3:36: sum(t) needs numbers, and 't' is text."),
        ("kpis: {rate: sum(d) / sum(t)}", ReportError, "r.sql:3:22: sum(t) needs numbers, and 't' is text."),
        ("deliver: gs://bucket/reports", ConfigurationError, "r.sql:3:18: gs://bucket/reports/file needs a package"),
    ],
)
def test_it_is_told_at_its_place(make: Make, said: str, error: type[PipelinesError], words: str) -> None:
    with pytest.raises(error) as raised:
        make(file(said))
    assert words in str(raised.value)


def test_rows_that_nothing_tells_apart_are_not_compared(make: Make) -> None:
    text = file("{compare: 1 day, columns: {n: {change: true}}}", "partition: {every: day, from: 2024-01-01}\n")
    with pytest.raises(ReportError, match="No column of text tells the rows apart that are compared") as raised:
        make(text.replace("'x'", "2"), "2024-01-02")
    assert "r.sql:4:19" in str(raised.value)


def test_what_can_be_done_is_tried(make: Make) -> None:
    with pytest.raises(StatementError, match="division by zero"):
        make(file("{kpis: {sum: sum(d)}, columns: {d: {alert: {above: 1}}}}"))
