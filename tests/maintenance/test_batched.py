"""Rows are deleted and updated batch by batch: every matching row once, and no other."""

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.database import CancelledError, StatementError
from cockroach_pipelines.execution import Order
from cockroach_pipelines.maintenance import BatchProgress, EndReason
from cockroach_pipelines.maintenance.clock import Clock
from tests.maintenance.conftest import Jobs

PURGE = "batch: {table: events, key: id, size: {start: 100, min: 10, max: 100}}"
DELETE = "DELETE FROM events WHERE kind = 'old'"
SLOWLY = """
    CREATE OR REPLACE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.005); RETURN OLD; END $$;
    CREATE TRIGGER slowly BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION slowly()
"""
KEPT = [str(n) for n in range(4, 1001, 4)]


def test_a_delete_is_narrowed_to_batches_and_every_matching_row_goes(events: Jobs) -> None:
    run = events.run(PURGE, DELETE)
    assert events.ids() == KEPT
    assert (run.reason, run.rows, run.batches) == (EndReason.DONE, 750, 8)
    batches = events.overseer().batches(run.order.query, 100)
    assert sum(batch.rows for batch in batches) == 750
    assert [batch.rows for batch in reversed(batches)] == [*[100] * 7, 50]


def test_the_last_row_goes_too(events: Jobs) -> None:
    """pt-archiver never archived the row with the highest key."""
    events.make("DELETE FROM events WHERE id > 300 OR id % 4 = 0")
    run = events.run(PURGE, "DELETE FROM events WHERE kind = 'old'")
    assert (run.rows, events.ids()) == (225, [])


def test_a_whole_number_of_batches_ends(events: Jobs) -> None:
    events.make("DELETE FROM events WHERE id > 400 OR id % 4 = 0")
    run = events.run(PURGE, DELETE)
    assert (run.rows, run.batches, events.ids()) == (300, 4, [])  # the fourth batch finds that nothing is left


def test_rows_of_equal_keys_are_never_parted(jobs: Jobs) -> None:
    """pt-archiver deleted wrong rows of a table without a unique key."""
    jobs.make(
        "CREATE TABLE events (day date NOT NULL, kind text, n int); CREATE INDEX ON events (day);"
        "INSERT INTO events SELECT date '2024-01-01' + n / 50, CASE WHEN n % 2 = 0 THEN 'old' ELSE 'keep' END, n "
        "FROM generate_series(0, 999) AS n; ANALYZE events"
    )
    run = jobs.run("batch: {table: events, key: day, size: {start: 10, min: 10, max: 10}}", DELETE)
    assert (run.reason, run.rows) == (EndReason.DONE, 500)
    assert jobs.ids(column="n") == sorted(jobs.ids(column="n"), key=int)
    assert [int(n) for n in jobs.ids(column="n")] == list(range(1, 1000, 2))


def test_an_update_goes_through_its_rows_once(events: Jobs) -> None:
    run = events.run(PURGE, "UPDATE events AS e SET amount = amount + 1000 WHERE e.kind = 'old'")
    assert run.rows == 750
    assert events.server.psql("SELECT count(*) FROM events WHERE amount > 1000 AND kind = 'old'") == "750"
    assert events.server.psql("SELECT count(*) FROM events WHERE amount > 1000 AND kind = 'keep'") == "0"
    assert events.server.psql("SELECT max(amount) < 2000 FROM events") == "t"


def test_a_statement_is_made_from_table_and_where(events: Jobs) -> None:
    run = events.run("batch: {table: events, key: id, where: kind = 'old' AND id < 101}")
    assert (run.rows, events.ids()[:2], len(events.ids())) == (75, ["4", "8"], 925)


def test_a_statement_may_page_by_itself(events: Jobs) -> None:
    run = events.run(
        PURGE,
        """DELETE FROM events WHERE id IN (
            SELECT id FROM events WHERE kind = 'old' AND id > :after_id ORDER BY id LIMIT :batch_size
        ) RETURNING id""",
    )
    assert (run.reason, run.rows, events.ids()) == (EndReason.DONE, 750, KEPT)


def test_parameters_are_bound_in_every_part(events: Jobs) -> None:
    header = f"{PURGE}\nparams: {{kind: text, below: {{type: decimal, default: 100}}, note: text}}"
    sql = "UPDATE events SET kind = :note -- a comment with :nothing\nWHERE kind = :kind AND amount < :below -- and another"
    run = events.run(header, sql, values={"kind": "old", "note": "it's old"})
    assert events.server.psql("SELECT count(*) FROM events WHERE kind = 'it''s old'") == str(run.rows) == "225"


KEYS = {
    "composite": ("a int, b text", "n / 7, 'k' || (n % 7)", "[a, b]"),
    "text of a language": (
        'a text COLLATE "en-x-icu"',
        "CASE n % 3 WHEN 0 THEN 'Ä' WHEN 1 THEN 'z' ELSE 'a' END || n",
        "a",
    ),
    "text of bytes": ("a text", "chr(65 + n % 50) || n", "a"),
    "uuid": ("a uuid", "md5(n::text)::uuid", "a"),
    "timestamp with zone": ("a timestamptz", "timestamptz '2024-03-30 23:00Z' + n * interval '0.000001 s'", "a"),
    "infinite timestamp": (
        "a timestamp",
        "CASE n WHEN 1 THEN '-infinity'::timestamp WHEN 2 THEN 'infinity' ELSE now() + n * interval '1 s' END",
        "a",
    ),
    "numeric": ("a numeric", "CASE n WHEN 1 THEN 'NaN'::numeric ELSE n / 7.0 END", "a"),
    "float": ("a float8", "CASE n WHEN 1 THEN '-Infinity'::float8 ELSE sqrt(n) END", "a"),
    "bytes": ("a bytea", "decode(md5(n::text), 'hex')", "a"),
    "descending": ("a int", "-n", "a"),
    "char": ("a char(8)", "'c' || n", "a"),
    "varchar": ("a varchar(10)", "'v' || n", "a"),
    "date before Christ": ("a date", "date '0001-01-01' - 150 + n", "a"),
    "unusual name": ('"a B" int', "n", "a B"),
}


@pytest.mark.parametrize(("columns", "values", "key"), KEYS.values(), ids=KEYS)
def test_keys_of_every_type_reach_every_row(jobs: Jobs, columns: str, values: str, key: str) -> None:
    names = ", ".join(f'"{name.strip()}"' for name in key.strip("[]").split(","))
    jobs.make(
        f"CREATE TABLE events ({columns}, n int NOT NULL, PRIMARY KEY ({names}));"
        f"INSERT INTO events SELECT {values}, n FROM generate_series(1, 300) AS n; ANALYZE events"
    )
    run = jobs.run(
        f"batch: {{table: events, key: {key}, size: {{start: 16, min: 16, max: 16}}}}",
        "DELETE FROM events WHERE n % 3 > 0",
    )
    assert (run.reason, run.rows) == (EndReason.DONE, 200)
    assert [int(n) for n in jobs.ids(column="n")] == list(range(3, 301, 3))


PAGED_KEYS = {
    name: KEYS[name] for name in ("composite", "text of bytes", "uuid", "timestamp with zone", "descending", "varchar")
}


@pytest.mark.parametrize(("columns", "values", "key"), PAGED_KEYS.values(), ids=PAGED_KEYS)
def test_a_statement_pages_by_keys_of_its_types(jobs: Jobs, columns: str, values: str, key: str) -> None:
    names = key.strip("[]")
    after = ", ".join(f":after_{name.strip()}" for name in names.split(","))
    jobs.make(
        f"CREATE TABLE events ({columns}, n int NOT NULL, PRIMARY KEY ({names}));"
        f"INSERT INTO events SELECT {values}, n FROM generate_series(1, 300) AS n; ANALYZE events"
    )
    run = jobs.run(
        f"batch: {{table: events, key: {key}, size: {{start: 16, min: 16, max: 16}}}}",
        f"DELETE FROM events WHERE ({names}) IN (SELECT {names} FROM events WHERE n % 3 > 0 AND ({names}) > ({after}) "
        f"ORDER BY {names} LIMIT :batch_size) RETURNING {names}",
    )
    assert (run.reason, run.rows) == (EndReason.DONE, 200)
    assert [int(n) for n in jobs.ids(column="n")] == list(range(3, 301, 3))


def test_limits_end_a_run_and_the_next_one_goes_on(events: Jobs) -> None:
    header = "batch: {table: events, key: id, size: {start: 100, min: 10, max: 100}, limits: {rows: 250}}"
    runs = [events.run(header, DELETE) for _ in range(3)]
    assert [(run.reason, run.rows, run.pass_rows, run.resumes) for run in runs] == [
        (EndReason.ROWS, 250, 250, 0),
        (EndReason.ROWS, 250, 500, 1),
        (EndReason.ROWS, 250, 750, 2),
    ]
    assert events.ids() == KEPT
    last = events.run(header, DELETE)
    assert (last.reason, last.rows, last.resumes) == (EndReason.DONE, 0, 3)


def test_a_pass_that_ended_begins_anew(events: Jobs) -> None:
    events.run(PURGE, DELETE)
    events.make("INSERT INTO events VALUES (1, 'old', 1, now())")
    again = events.run(PURGE, DELETE)
    assert (again.rows, again.resumes, events.ids()) == (1, 0, KEPT)


def test_other_parameters_are_another_pass(events: Jobs) -> None:
    header = f"{PURGE[:-1]}, limits: {{rows: 100}}}}\nparams: {{below: integer}}"
    sql = "DELETE FROM events WHERE id <= :below AND kind = 'old'"
    events.run(header, sql, values={"below": 900})
    events.make("INSERT INTO events VALUES (1, 'old', 1, now())")
    other = events.run(header, sql, values={"below": 10})
    assert (other.rows, other.resumes) == (1, 0), "the cursor of another question passed a row over"


def test_a_share_of_the_table_is_not_exceeded_while_it_runs(events: Jobs) -> None:
    events.make("ALTER TABLE events ALTER kind SET STATISTICS 0; ANALYZE events")  # the planner guesses too low
    header = "batch: {table: events, key: id, size: {start: 100, min: 10, max: 100}, limits: {share_of_table: 20%}}"
    run = events.run(header, "DELETE FROM events WHERE kind || 'x' = 'oldx'")
    assert (run.reason, run.rows, len(events.ids())) == (EndReason.SHARE, 200, 800)
    assert run.detail == "share_of_table allows 200 rows"


def test_time_ends_a_run(events: Jobs) -> None:
    run = events.run("batch: {table: events, key: id, size: 10, limits: {runtime: 1ms}}", DELETE)
    assert (run.reason, run.rows) == (EndReason.TIME, 0)


class AtNight(Clock):
    """A clock that says what a test wants."""

    def now(self) -> dt.datetime:
        return dt.datetime(2024, 7, 1, 21, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("window", "zone", "runs"),
    [
        ("22:00-05:00", "UTC", False),
        ("22:00-05:00", "Europe/Berlin", True),
        ("20:00-21:30", "UTC", False),
        ("21:30-22:00", "UTC", True),
    ],
)
def test_a_window_of_the_day_is_kept(events: Jobs, window: str, zone: str, runs: bool) -> None:
    header = f"timezone: {zone}\nbatch: {{table: events, key: id, window: {window}}}"
    run = events.run(header, DELETE, clock=AtNight(threading.Event()))
    assert run.reason is (EndReason.DONE if runs else EndReason.WINDOW)
    assert len(events.ids()) == (250 if runs else 1000)


def test_deleted_rows_are_kept_as_parquet_first(events: Jobs) -> None:
    before = events.server.psql(
        "SELECT id, kind, amount, extract(epoch FROM at)::int8 FROM events WHERE kind = 'old' ORDER BY id"
    )
    run = events.run(f"{PURGE[:-1]}, archive: kept/events}}", DELETE)
    assert run.archive == events.folder / "kept" / "events"
    table = pq.read_table(run.archive).sort_by("id")
    rows = [(row["id"], row["kind"], row["amount"], int(row["at"].timestamp())) for row in table.to_pylist()]
    assert ["|".join(map(str, row)) for row in rows] == before.splitlines()
    assert [path.name for path in run.archive.iterdir() if path.name.startswith(".")] == []


def test_a_statement_that_pages_by_itself_keeps_its_rows_too(events: Jobs) -> None:
    run = events.run(
        f"{PURGE[:-1]}, archive: kept}}",
        "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE kind = 'old' AND id > :after_id ORDER BY id "
        "LIMIT :batch_size) RETURNING *",
    )
    assert run.archive
    assert sorted(pq.read_table(run.archive)["id"].to_pylist()) == [n for n in range(1, 1001) if n % 4]


def test_a_row_that_arrow_cannot_hold_is_kept_in_the_table_and_named(events: Jobs) -> None:
    events.make("UPDATE events SET at = 'infinity' WHERE id = 501")
    with pytest.raises(Exception, match="at"):
        events.run(f"{PURGE[:-1]}, archive: kept}}", DELETE)
    assert "501" in events.ids()
    run = events.run(f"special: text\n{PURGE[:-1]}, archive: kept2}}", DELETE)
    assert run.archive
    held = {row["id"]: row["at"] for row in pq.read_table(run.archive).to_pylist()}
    assert held[501] == "infinity"


def test_batches_grow_towards_their_time(events: Jobs) -> None:
    seen: list[BatchProgress] = []
    events.run(
        "batch: {table: events, key: id, size: {start: 10, min: 10, max: 400, target: 10s}}",
        DELETE,
        progress=seen.append,
    )
    assert [at.size for at in seen][:5] == [20, 40, 80, 160, 320]


def test_progress_says_how_far_it_is(events: Jobs) -> None:
    seen: list[BatchProgress] = []
    run = events.run(PURGE, DELETE, progress=seen.append)
    assert run.estimated == 750
    assert [at.rows for at in seen] == [100, 200, 300, 400, 500, 600, 700, 750]
    assert seen[2].share == pytest.approx(0.4)
    assert seen[2].seconds_left is not None
    assert str(seen[2]).startswith("300 rows of about 750 (40%), ")


def test_a_batch_that_takes_too_long_is_halved(events: Jobs) -> None:
    seen: list[BatchProgress] = []
    header = "timeout: 300ms\nbatch: {table: events, key: id, size: {start: 80, min: 10, max: 80}, limits: {rows: 60}}"
    events.make(SLOWLY)
    run = events.run(header, DELETE, progress=seen.append)
    assert (run.reason, run.rows) == (EndReason.ROWS, 60)
    assert any("half as many" in at.waiting for at in seen)


def test_a_batch_that_takes_too_long_although_it_is_small_is_an_error(events: Jobs) -> None:
    header = "timeout: 100ms\nbatch: {table: events, key: id, size: {start: 100, min: 50}}"
    events.make(SLOWLY)
    with pytest.raises(CancelledError, match="Even 50 rows take longer than the timeout"):
        events.run(header, DELETE)
    assert len(events.ids()) == 1000


def test_errors_of_the_server_name_the_line_of_the_file(events: Jobs) -> None:
    with pytest.raises(StatementError, match=r"job\.sql:6:7: .*kid") as caught:
        events.run("batch:\n  {table: events, key: id}", "DELETE FROM events\nWHERE kid = 'old'")
    assert "WHERE kid" in str(caught.value)


def test_cancelling_ends_the_run_and_the_next_one_goes_on_exactly_there(events: Jobs) -> None:
    engine = events.engine(progress=lambda at: engine.cancel() if at.batches == 3 else None)
    query = events.query(PURGE, DELETE)
    with pytest.raises(CancelledError):
        engine.run(Order(query), arm=True)
    (record,) = events.overseer().runs(query, 10)
    assert (record.reason, record.rows, record.batches) == ("cancelled", 300, 3)
    again = events.engine().run(Order(query))
    assert (again.rows, again.pass_rows, again.resumes) == (450, 750, 1)
    assert events.ids() == KEPT


def test_numbers_without_scale_have_one_type_in_every_file(jobs: Jobs) -> None:
    jobs.make(
        "CREATE TABLE events (id int PRIMARY KEY, n numeric);"
        "INSERT INTO events VALUES (1, 1.5), (2, 12345678901234567890.123456789), (3, NULL); ANALYZE events"
    )
    run = jobs.run(
        "batch: {table: events, key: id, size: {start: 1, min: 1, max: 1}, archive: kept}",
        "DELETE FROM events WHERE id > 0",
    )
    assert run.archive
    values = pq.read_table(run.archive).sort_by("id")["n"].to_pylist()
    assert [None if each is None else Decimal(each) for each in values] == [
        Decimal("1.5"),
        Decimal("12345678901234567890.123456789"),
        None,
    ]
