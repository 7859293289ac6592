"""What holds batches back: a query, a pause flag, a ratio."""

from __future__ import annotations

from typing import ClassVar

import pytest

from cockroach_pipelines.database import StatementError
from cockroach_pipelines.execution import BatchFinished, Event, Order
from cockroach_pipelines.maintenance import BatchProgress, EndReason
from cockroach_pipelines.maintenance.clock import Clock
from tests.maintenance.conftest import Jobs
from tests.maintenance.test_batched import DELETE, KEPT, PURGE


def throttled(when: str, rest: str = "") -> str:
    return f"batch:\n  {{table: events, key: id, size: 100, pause: {{when: {when}, every: 20ms{rest}}}}}"


def test_the_throttle_holds_batches_back_and_lets_them_go(events: Jobs) -> None:
    events.make("CREATE TABLE copies AS SELECT 3 AS lag")
    waits: list[str] = []

    def note(at: BatchProgress) -> None:
        waits.append(at.waiting)
        if len(waits) == 3:
            assert len(events.ids()) == 1000, "a batch ran although it was held back"
            events.server.psql("UPDATE copies SET lag = 0")

    run = events.run(throttled("SELECT lag FROM copies"), DELETE, progress=note)
    assert waits[:3] == ["throttled: the throttle's query gives 3"] * 3
    assert (run.reason, events.ids()) == (EndReason.DONE, KEPT)


def test_a_throttle_that_never_lets_go_ends_the_run(events: Jobs) -> None:
    run = events.run(throttled("SELECT true", ", longest: 100ms"), DELETE)
    assert (run.reason, run.detail, run.rows) == (EndReason.THROTTLED, "the throttle's query gives true", 0)


@pytest.mark.parametrize("when", ["SELECT false", "SELECT 0", "SELECT NULL", "SELECT 1 WHERE false", "SELECT ''"])
def test_what_does_not_hold_batches_back(events: Jobs, when: str) -> None:
    assert events.run(throttled(f'"{when}"', ", longest: 10ms"), DELETE).reason is EndReason.DONE


def test_a_throttle_that_cannot_be_asked_ends_the_run_with_its_place(events: Jobs) -> None:
    with pytest.raises(StatementError, match=r"job\.sql:3:\d+: .*no_such_table"):
        events.run(throttled("SELECT 1 FROM no_such_table"), DELETE)
    assert len(events.ids()) == 1000


def test_a_paused_job_does_not_run_until_it_is_resumed(events: Jobs) -> None:
    query = events.query(PURGE, DELETE)
    events.overseer().pause(query, "month end")
    run = events.engine().run(Order(query), arm=True)
    assert (run.reason, run.rows) == (EndReason.PAUSED, 0)
    assert run.detail.startswith("the job is paused by a person since 20")
    assert run.detail.endswith(": month end")
    assert events.overseer().resume(query)
    assert not events.overseer().resume(query)
    assert events.engine().run(Order(query)).rows == 750


def test_all_jobs_are_paused_at_once_and_one_that_runs_ends_after_its_batch(events: Jobs) -> None:
    header = "batch: {table: events, key: id, size: {start: 10, max: 10, min: 10}, pause: 20}"
    query = events.query(header, DELETE)
    run = events.engine(progress=lambda at: events.overseer().pause(None, "") if at.batches == 2 else None).run(
        Order(query), arm=True
    )
    assert run.reason is EndReason.PAUSED
    assert 20 <= run.rows < 750
    assert run.detail.startswith("all jobs are paused by a person")
    assert events.overseer().state(query).headline == "paused"
    events.overseer().resume(None)
    assert events.overseer().state(query).headline == "unfinished"
    events.make("DELETE FROM events WHERE id > 200")
    again = events.engine().run(Order(query))
    assert (again.resumes, events.ids()) == (1, KEPT[:50])


class NotingRests(Clock):
    """A clock whose rests are noted, and no time is spent on them."""

    rests: ClassVar[list[float]] = []

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)


def test_a_ratio_rests_after_each_batch(events: Jobs) -> None:
    happened: list[Event] = []
    NotingRests.rests.clear()
    header = "batch: {table: events, key: id, size: {start: 100, min: 100, max: 100}, pause: 0.5}"
    run = events.run(header, DELETE, observe=happened.append, clock=NotingRests())
    worked = [event.seconds for event in happened if isinstance(event, BatchFinished)]
    assert (run.rows, len(worked)) == (750, 8)
    rested = NotingRests.rests
    assert min(rested) > 0
    assert sum(rested) > 0.5 * sum(worked[:-1]) - 0.001  # none after the last
