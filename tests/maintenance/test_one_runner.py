"""One runner per job: who holds it is said, a silent holder loses it, and what it still does is rolled back."""

from __future__ import annotations

import threading
import time

import pytest

from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.execution import Order
from cockroach_pipelines.execution.lease import LeaseHeldError, LeaseLostError
from cockroach_pipelines.maintenance import BatchedMaintenance, BatchProgress, EndReason
from tests.maintenance.conftest import Jobs
from tests.maintenance.test_batched import DELETE, KEPT, PURGE


def test_a_second_runner_is_told_who_holds_the_job_and_until_when(events: Jobs) -> None:
    query = events.query(PURGE, DELETE)
    refused: list[LeaseHeldError] = []

    def begin_a_second_one(at: BatchProgress) -> None:
        if at.batches == 2:
            with pytest.raises(LeaseHeldError) as caught:
                events.engine().run(Order(query), arm=True)
            refused.append(caught.value)
            assert events.overseer().state(query).headline == "running"

    run = events.engine(progress=begin_a_second_one).run(Order(query), arm=True)
    (error,) = refused
    assert "process" in error.holder.owner
    assert f"maintenance/job is held by {error.holder.owner} since 20" in str(error)
    assert f"until {error.holder.until:%Y-%m-%d %H:%M:%S} UTC unless renewed; this run did nothing." in str(error)
    assert (run.reason, run.rows, events.ids()) == (EndReason.DONE, 750, KEPT)
    assert events.overseer().state(query).headline == "idle"


def test_two_that_start_at_once_are_one(events: Jobs) -> None:
    query = events.query(PURGE, DELETE)
    events.engine().run(Order(query), dry_run=True)  # makes the tables
    ended: list[object] = []

    def run() -> None:
        with ConnectionManager({"main": events.server.config}) as connections:
            try:
                ended.append(BatchedMaintenance(connections, events.folder).run(Order(query), arm=True).rows)
            except LeaseHeldError as error:
                ended.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(each for each in ended if isinstance(each, int)) == 750
    assert events.ids() == KEPT


def test_a_silent_holder_loses_the_job_and_cannot_commit_any_more(events: Jobs) -> None:
    query = events.query(f"timeout: 400ms\n{PURGE[:-1]}, lease: 1s, archive: kept}}", DELETE)
    others: list[int] = []

    def fall_silent(at: BatchProgress) -> None:
        if at.batches == 2 and not others:
            time.sleep(1.2)
            others.append(events.engine().run(Order(query), arm=True).rows)

    with pytest.raises(LeaseLostError, match="The lease of maintenance/job was not renewed in time"):
        events.engine(progress=fall_silent).run(Order(query), arm=True)
    assert others == [550]
    assert events.ids() == KEPT
    assert (
        events.server.psql(
            "SELECT sum(row_count), count(*) FROM cockroach_pipelines.maintenance_batches WHERE row_count > 0"
        )
        == "750|8"
    )


def test_a_holder_that_only_waits_keeps_the_job(events: Jobs) -> None:
    events.make("CREATE TABLE copies AS SELECT 1 AS held")
    query = events.query(
        "timeout: 400ms\nbatch: {table: events, key: id, lease: 1s, "
        "pause: {when: SELECT 'somebody copies' FROM copies, every: 100ms}}",
        DELETE,
    )
    tried: list[object] = []

    def try_another(at: BatchProgress) -> None:
        if at.seconds > 2 and not tried:
            with pytest.raises(LeaseHeldError):
                events.engine().run(Order(query), arm=True)
            tried.append(at.waiting)
            events.server.psql("DELETE FROM copies")

    run = events.engine(progress=try_another).run(Order(query), arm=True)
    assert tried == ["throttled: somebody copies"]
    assert (run.reason, events.ids()) == (EndReason.DONE, KEPT)
