"""What would do harm is refused before anything runs, with file and line; and the first run of a file changes nothing."""

from __future__ import annotations

import pytest

from cockroach_pipelines.execution import Order
from cockroach_pipelines.maintenance import GuardError, MaintenanceError
from tests.maintenance.conftest import Jobs
from tests.maintenance.test_batched import DELETE, KEPT, PURGE


@pytest.mark.parametrize(
    ("batch", "sql", "message"),
    [
        (
            "{table: events, key: idd}",
            DELETE,
            "job.sql:4:3: events has no column 'idd'.\nDid you mean 'id'?",
        ),
        (
            "{table: events, key: kind}",
            DELETE,
            "job.sql:4:3: No index of events begins with kind: every batch would read the whole table.\n"
            "Name the first columns of one of [id], or CREATE INDEX ON events (kind).",
        ),
        (
            "{table: events, key: [at, id]}",
            DELETE,
            "No index of events begins with at, id: every batch would read the whole table.\n"
            "events_at_id_idx does not give that order, since its columns have different directions: name another key, or "
            "CREATE INDEX ON events (at, id).",
        ),
        (
            "{table: events, key: at}",
            "DELETE FROM events WHERE at > :after_at AND id IN (SELECT id FROM events ORDER BY at LIMIT :batch_size) RETURNING at",
            "A statement cannot page by this key: several rows may have the same at, and some of them would be left behind.",
        ),
        (
            "{table: events, key: id, limits: {share_of_table: 0.5}}",
            DELETE,
            "job.sql:5:3: This is about 750 of 1,000 rows of events, 75%, and `share_of_table` allows 50%.",
        ),
    ],
)
def test_what_would_do_harm_is_refused(events: Jobs, batch: str, sql: str, message: str) -> None:
    events.make("CREATE INDEX ON events (at DESC, id); CREATE INDEX events_at ON events (at)")
    if ("[at, id]" not in batch and "at}" not in batch) or "[at, id]" in batch:
        events.make("DROP INDEX events_at")
    lines = batch[1:-1].replace(", key", "\n  key").replace(", limits", "\n  limits")
    with pytest.raises(GuardError) as caught:
        events.run(f"batch:\n  {lines}", sql)
    assert message in str(caught.value)
    assert len(events.ids()) == 1000


def test_rows_without_a_key_are_refused_and_not_left_behind(jobs: Jobs) -> None:
    jobs.make(
        "CREATE TABLE events (id int UNIQUE, kind text); INSERT INTO events SELECT nullif(n, 7), 'old' FROM generate_series(1, 20) AS n"
    )
    with pytest.raises(
        GuardError, match="Rows that the condition is true for have NULL in id: no batch would find them"
    ):
        jobs.run(PURGE, DELETE)
    run = jobs.run(PURGE, "DELETE FROM events WHERE kind = 'old' AND id IS NOT NULL")
    assert (run.rows, jobs.server.psql("SELECT count(*) FROM events")) == (19, "1")


def test_a_table_of_unknown_size_has_no_share(jobs: Jobs) -> None:
    jobs.make("CREATE TABLE events (id int PRIMARY KEY, kind text)")
    with pytest.raises(GuardError, match=r"(?s)the server has no statistics of it.*Run ANALYZE events"):
        jobs.run("batch: {table: events, key: id, limits: {share_of_table: 10%}}", DELETE)


def test_the_first_run_of_a_file_looks_and_changes_nothing(events: Jobs) -> None:
    run = events.run(PURGE, DELETE, arm=False)
    assert run.dry_run is not None
    assert (run.dry_run.estimated, run.dry_run.table_rows, run.dry_run.index) == (750, 1000, "events_pkey")
    assert "Index Scan using events_pkey" in run.dry_run.plan
    assert run.dry_run.sample["id"].to_pylist() == [1, 2, 3, 5, 6, 7, 9, 10, 11, 13]
    assert run.headline == "dry run: would touch about 750 rows of 1,000 (75.0%); nothing was changed"
    assert len(events.ids()) == 1000


def test_a_statement_that_pages_by_itself_is_looked_at_too(events: Jobs) -> None:
    run = events.run(
        PURGE,
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE kind = 'old' AND id > :after_id ORDER BY id "
        "LIMIT :batch_size) RETURNING *",
        arm=False,
    )
    assert run.dry_run is not None
    assert sorted(run.dry_run.sample["id"].to_pylist()) == [1, 2, 3, 5, 6, 7, 9, 10, 11, 13]
    assert "Delete on events" in run.dry_run.plan
    assert run.dry_run.estimated == 750
    assert len(events.ids()) == 1000


def test_a_statement_that_pages_by_itself_is_refused_for_its_share_of_the_table(events: Jobs) -> None:
    with pytest.raises(
        GuardError, match=r"This is about 750 of 1,000 rows of events, 75%, and `share_of_table` allows 20%"
    ):
        events.run(
            f"{PURGE[:-1]}, limits: {{share_of_table: 20%}}}}",
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE kind = 'old' AND id > :after_id ORDER BY id "
            "LIMIT :batch_size) RETURNING *",
            arm=False,
        )


def test_a_file_is_armed_after_its_dry_run_and_disarmed_by_a_change(events: Jobs) -> None:
    query = events.query(PURGE, DELETE)
    with pytest.raises(MaintenanceError, match="has had no dry run as it is now"):
        events.overseer().arm(query)
    assert events.engine().run(Order(query)).dry_run
    events.overseer().arm(query)
    assert events.overseer().state(query).armed
    changed = events.query(PURGE, "DELETE FROM events WHERE kind = 'keep'")
    assert events.engine().run(Order(changed)).dry_run
    assert len(events.ids()) == 1000
    assert events.engine().run(Order(events.query(PURGE, DELETE))).dry_run is None
    assert events.ids() == KEPT


def test_a_file_that_is_always_dry_is_never_armed(events: Jobs) -> None:
    assert events.run(f"{PURGE[:-1]}, dry_run: true}}", DELETE, arm=True).dry_run
    assert len(events.ids()) == 1000
