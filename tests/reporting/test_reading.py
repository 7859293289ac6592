"""Reading a report: all of its statements, and what they are compared with, in one snapshot."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.database import DatabaseError, Recovery
from cockroach_pipelines.reporting import report
from tests.reporting.conftest import Read

SECTIONS = """
    /* @asset
    partition: {every: day, from: 2024-01-01}
    report:
      formats: [csv]
      compare: 1 day
      kpis: {rows: count, others: {value: sum(n), of: second}}
    */
    -- name: first
    SELECT :partition_key AS day, pg_current_snapshot()::text AS snapshot
    -- name: second
    SELECT extract(day FROM :partition_key::date)::int8 AS n, pg_current_snapshot()::text AS snapshot
    -- name: third
    SELECT 3 AS n, pg_current_snapshot()::text AS snapshot
"""


def test_everything_is_read_in_one_snapshot(read: Read) -> None:
    outcome = read(SECTIONS, "2024-01-03")
    assert outcome.staged is not None and outcome.earlier is not None
    assert list(outcome.further) == ["second", "third"]
    assert (outcome.earlier.label, set(outcome.earlier.files)) == ("2024-01-02", {"first", "second"})
    paths = [outcome.staged.path, *(each.path for each in outcome.further.values()), *outcome.earlier.files.values()]
    assert len({row["snapshot"] for path in paths for row in pq.read_table(path).to_pylist()}) == 1
    assert pq.read_table(outcome.earlier.files["second"])["n"].to_pylist() == [2]
    assert outcome.csv is not None and outcome.csv.read_text().startswith('"day","snapshot"\n"2024-01-03",')


def test_all_of_it_is_read_again_after_an_error_that_may_pass(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    stage = report.stage_in

    def fail_once(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments[3].name)
        if len(calls) == 2:
            error = DatabaseError("restart transaction")
            error.recovery = Recovery.AGAIN
            raise error
        return stage(*arguments, **named)

    monkeypatch.setattr(report, "stage_in", fail_once)
    outcome = read(SECTIONS, "2024-01-03")
    assert calls == ["second", "third", "second", "third", "first", "second"]
    assert outcome.attempts == 2
    assert outcome.further["third"].rows == 1
