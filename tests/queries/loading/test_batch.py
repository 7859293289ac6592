"""Batch files: what their header says, and the exact words in which a file that would do harm is refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from cockroach_pipelines.database import Dialect
from cockroach_pipelines.queries import (
    Batch,
    BrokenQuery,
    MaintenanceHeader,
    NarrowedStatement,
    PagedStatement,
    Query,
    SQLRepository,
    ttl_proposal,
)
from tests.queries.conftest import Write

BATCH = "batch: {table: events, key: id}"
DELETE = "DELETE FROM events WHERE old"


def load(write: Write, sql_folder: Path, header: str, sql: str, path: str = "maintenance/f.sql") -> Query | BrokenQuery:
    write(path, f"/* @asset\n{header}\n*/\n{sql}")
    repository = SQLRepository(sql_folder)
    return {**repository.queries, **repository.broken}[path.removesuffix(".sql")]


def batch_of(query: Query | BrokenQuery) -> Batch:
    assert isinstance(query, Query), query.error
    assert query.batch
    return query.batch


def refusals(query: Query | BrokenQuery) -> list[str]:
    assert isinstance(query, BrokenQuery)
    return [f"f.sql{str(problem).partition('/f.sql')[2]}" for problem in query.error.problems]


def test_a_header_says_all_of_a_batch_job(write: Write, sql_folder: Path) -> None:
    header = """batch:
  table: public.events
  key: [tenant, id]
  size: {start: 500, min: 50, max: 5000, target: 250ms}
  pause: {ratio: 0.5, when: SELECT lag > 10 FROM lags, every: 2s, longest: 10m}
  limits: {runtime: 2h, rows: 1000000, share_of_table: 10%}
  window: 22:00-05:00
  archive: kept/events
  dry_run: true
  lease: 30s
allow: destructive"""
    query = load(write, sql_folder, header, "DELETE FROM events AS e WHERE e.old")
    rules = batch_of(query).rules
    assert rules.key == ("tenant", "id")
    assert (rules.size.start, rules.size.least, rules.size.most, rules.size.target) == (500, 50, 5000, 0.25)
    assert (rules.pause.ratio, rules.pause.every, rules.pause.longest) == (Decimal("0.5"), 2, 600)
    assert (rules.limits.runtime, rules.limits.rows, rules.limits.share_of_table) == (7200, 1_000_000, Decimal("0.1"))
    assert str(rules.window) == "22:00-05:00"
    assert (rules.archive, rules.dry_run, rules.lease) == ("kept/events", True, 30)
    assert isinstance(query, Query)
    assert isinstance(query.header, MaintenanceHeader)
    assert query.header.allow == ("destructive",)


def test_a_header_is_short_where_it_can_be(write: Write, sql_folder: Path) -> None:
    rules = batch_of(load(write, sql_folder, "batch: {table: events, key: id, size: 20000, pause: 0.1}", DELETE)).rules
    assert (rules.size.start, rules.size.least, rules.size.most) == (20_000, 100, 20_000)
    assert rules.pause.ratio == Decimal("0.1")


def test_a_statement_is_taken_apart_where_it_is_narrowed(write: Write, sql_folder: Path) -> None:
    sql = "UPDATE ONLY events AS e\nSET a = (SELECT 1 WHERE true), b = :x\nWHERE e.c IS DISTINCT FROM :y OR e.d IN (SELECT d FROM f WHERE g) -- the end\n;"
    statement = batch_of(load(write, sql_folder, f"{BATCH}\nparams: {{x: text, y: text}}", sql)).statement_for(
        Dialect.COCKROACHDB
    )
    assert isinstance(statement, NarrowedStatement)
    assert (statement.deletes, statement.target) == (False, "ONLY events AS e")
    assert statement.head.text == "UPDATE ONLY events AS e\nSET a = (SELECT 1 WHERE true), b = ?\nWHERE"
    assert statement.condition.text == "e.c IS DISTINCT FROM ? OR e.d IN (SELECT d FROM f WHERE g)"
    assert statement.condition.names == ("y",)


def test_a_file_without_a_statement_deletes_where_its_header_says(write: Write, sql_folder: Path) -> None:
    header = 'batch: {table: "events", key: id, where: "at < :day"}\nparams: {day: date}'
    statement = batch_of(load(write, sql_folder, header, "")).statement_for(Dialect.POSTGRESQL)
    assert isinstance(statement, NarrowedStatement)
    assert (statement.target, statement.condition.text) == ("events", "at < ?")
    assert str(statement.condition.place(4)).endswith("f.sql:2:43")


def test_a_statement_with_after_and_batch_size_pages_by_itself(write: Write, sql_folder: Path) -> None:
    sql = "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE old AND id > :after_id ORDER BY id LIMIT :batch_size) RETURNING id"
    assert isinstance(batch_of(load(write, sql_folder, BATCH, sql)).statement_for(Dialect.POSTGRESQL), PagedStatement)


@pytest.mark.parametrize(
    ("header", "sql", "problems"),
    [
        (
            BATCH,
            "DELETE FROM events",
            [
                "f.sql:4:1: This DELETE has no WHERE: it touches every row of its table.\n"
                "Write a WHERE that keeps rows out, or `allow: destructive` in the header when every row is meant.",
                "f.sql:4:1: A batch narrows a WHERE, and this statement has none.\n"
                "Write one; WHERE true with `allow: destructive` in the header when every row is meant.",
            ],
        ),
        (
            BATCH,
            "DELETE FROM events\nWHERE 1 = 1",
            [
                "f.sql:4:1: This DELETE has a WHERE that is always true: it touches every row of its table.\n"
                "Write a WHERE that keeps rows out, or `allow: destructive` in the header when every row is meant.",
            ],
        ),
        (
            BATCH,
            f"{DELETE};\nDELETE FROM events WHERE id = 1",
            [
                "f.sql:5:1: A second of 2 statements begins here.\nOne file, one statement: move it to a file of its own.",
            ],
        ),
        (
            BATCH,
            "DELETE FROM orders WHERE old",
            [
                "f.sql:4:1: This statement writes orders, and `batch.table` declares events.\n"
                "Declare `table: orders`, or write to events alone.",
            ],
        ),
        (
            BATCH,
            "TRUNCATE events",
            [
                "f.sql:4:1: TRUNCATE takes data away at once, and for good.\nWrite `allow: destructive` in the header if that is meant.",
                "f.sql:4:1: A batch is a DELETE or an UPDATE, and this is a DDL.\n"
                "Write `DELETE FROM table WHERE …` or `UPDATE table SET … WHERE …`, which is narrowed to each batch, or page by "
                "yourself with :after_<column> and :batch_size.",
            ],
        ),
        (
            BATCH,
            "DELETE FROM events USING orders WHERE events.id = orders.id",
            [
                "f.sql:4:20: This statement joins other tables, so that it cannot be narrowed to a batch.\n"
                "Move it into a subquery of its WHERE. Write `DELETE FROM table WHERE …` or `UPDATE table SET … WHERE …`, "
                "which is narrowed to each batch, or page by yourself with :after_<column> and :batch_size.",
            ],
        ),
        (
            BATCH,
            "UPDATE events SET a = 1,\n  id = id + 1 WHERE old",
            [
                "f.sql:5:3: This UPDATE changes id, which is in the key of its batches.\n"
                "Take a key that stays as it is: a row would be met again, or never.",
            ],
        ),
        (
            BATCH,
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id > :after_id LIMIT 10) RETURNING id",
            [
                "f.sql:4:1: A batch that pages by itself binds :batch_size, :after_id, and :batch_size is missing.\n"
                "Write its WHERE as `(id) IN (SELECT … WHERE … ORDER BY … LIMIT :batch_size)`.",
            ],
        ),
        (
            BATCH,
            "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id > :after_id LIMIT :batch_size)",
            [
                "f.sql:4:94: A batch that pages by itself returns the keys of its rows.\nEnd it with RETURNING id.",
            ],
        ),
        (
            "batch: {table: events, key: id, archive: kept}",
            "UPDATE events SET a = 1 WHERE old",
            ["f.sql:2:33: `batch.archive` keeps deleted rows, and this is an UPDATE.\nRemove it."],
        ),
        (
            "batch: {table: events, key: id, where: old}",
            DELETE,
            ["f.sql:4:1: `batch.where` says what to delete, and a statement stands here.\nRemove one of them."],
        ),
        (
            'batch: {table: events, key: id, pause: {when: "DELETE FROM locks WHERE x RETURNING 1"}}',
            DELETE,
            ["f.sql:2:48: DELETE has no place in a throttle, which only reads.\nMove the file below sql/queries/maintenance if it is to write."],
        ),
        ("batch: {key: id}", DELETE, ["f.sql:2:1: `batch.table` is missing.\nAdd `table: …`."]),
        ("batch: {table: events, key: []}", DELETE, ["f.sql:2:24: `batch.key`: names no column.\nName those of an index, such as the primary key."]),
        ("batch:", DELETE, ["f.sql:2:1: `batch`: has no value.\nGive it one, or remove the key."]),
        (
            "batch: {table: events, key: id, siez: 5}",
            DELETE,
            ["f.sql:2:33: Unknown key 'siez' of batch.\nDid you mean 'size'?"],
        ),
        (
            "batch: {table: events, key: id, window: 25:00-05:00}",
            DELETE,
            ["f.sql:2:41: `batch.window`: '25:00-05:00' is no window of a day.\nWrite one such as 22:00-05:00."],
        ),
        (
            "batch: {table: events, key: id, size: {start: 10, min: 20}}",
            DELETE,
            ["f.sql:2:51: `batch.size.min`: 20 is above the `start` of 10.\nLower it."],
        ),
        (
            "batch: {table: events, key: id, archive: 's3://bucket/x'}",
            DELETE,
            [
                "f.sql:2:42: `batch.archive`: a URL cannot be made safe before a COMMIT.\n"
                "Write a local folder, and copy its files from there.",
            ],
        ),
        (
            f"autocommit: true\n{BATCH}",
            DELETE,
            ["f.sql:2:1: `autocommit`: is for a single statement: a batch is committed with its cursor, once.\nRemove it."],
        ),
        (
            f"{BATCH}\nparams: {{after_id: integer}}",
            "DELETE FROM events WHERE id > :after_id",
            ["f.sql:3:1: `params`: 'after_id' is what `batch` itself provides.\nGive the parameter another name."],
        ),
    ],
)  # fmt: skip
def test_a_batch_file_that_would_do_harm_is_refused_with_its_place(
    write: Write, sql_folder: Path, header: str, sql: str, problems: list[str]
) -> None:
    assert refusals(load(write, sql_folder, header, sql)) == problems


def test_batches_are_for_maintenance(write: Write, sql_folder: Path) -> None:
    assert refusals(load(write, sql_folder, BATCH, "SELECT 1", "reporting/f.sql")) == [
        "f.sql:2:1: `batch` is for maintenance.\nRemove it, or move the file below sql/queries/maintenance."
    ]


@pytest.mark.parametrize(
    "where",
    [
        "true", "1 = 1", "'a' = 'a'", "id = id", "(id = id)", "NOT false", "id IS NULL OR id IS NOT NULL", "a > 1 OR a <= 1",
        "id = 1 OR true", "true AND 2 > 1", "1 < 2", "id IN (id, 3)", "name LIKE '%'", "EXISTS (SELECT 1)", ":x = :x",
        "id BETWEEN id AND id", "NOT (1 = 2)", "1 IN (1, 2)", "(1 = 1) IS TRUE", "2 >= 2 AND (old OR NOT old)",
    ],
)  # fmt: skip
@pytest.mark.parametrize("statement", ["DELETE FROM events", "UPDATE events SET a = 1"])
def test_a_where_that_is_always_true_is_seen(write: Write, sql_folder: Path, statement: str, where: str) -> None:
    header = "params: {x: integer}" if ":x" in where else "description: x"
    (problem,) = refusals(load(write, sql_folder, header, f"{statement}\nWHERE {where}"))
    assert "has a WHERE that is always true: it touches every row of its table." in problem
    assert "f.sql:4:1" in problem
    allowed = load(write, sql_folder, f"{header}\nallow: destructive", f"{statement}\nWHERE {where}")
    assert isinstance(allowed, Query)


@pytest.mark.parametrize(
    "where",
    [
        "id = 1", "a = b", "id > 0", "false", "1 = 2", "id IS NOT NULL", "a > 1 OR b <= 1", "name LIKE 'a%'", "NOT true",
        "id IN (SELECT id FROM events LIMIT 10)", "EXISTS (SELECT 1 FROM f WHERE f.id = events.id)", "a = 1 OR a = 2",
        "pg_sleep(0.01)::text = ''", "id = 1 AND true",
    ],
)  # fmt: skip
def test_a_where_that_keeps_rows_out_is_left_alone(write: Write, sql_folder: Path, where: str) -> None:
    assert isinstance(load(write, sql_folder, "description: x", f"DELETE FROM events WHERE {where}"), Query)


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        ("DROP TABLE events", "4:1"),
        ("TRUNCATE events", "4:1"),
        ("ALTER TABLE events DROP COLUMN a", "4:20"),
        ("WITH gone AS (DELETE FROM events RETURNING id)\nINSERT INTO log SELECT id FROM gone", "4:15"),
        ("DELETE FROM events USING f", "4:1"),
    ],
)
def test_what_destroys_needs_permission(write: Write, sql_folder: Path, sql: str, place: str) -> None:
    (problem,) = refusals(load(write, sql_folder, "description: x", sql))
    assert problem.startswith(f"f.sql:{place}: ")
    assert "allow: destructive" in problem
    assert isinstance(load(write, sql_folder, "description: x\nallow: destructive", sql), Query)


def test_what_takes_no_data_away_needs_none(write: Write, sql_folder: Path) -> None:
    for sql in ("ALTER TABLE events ALTER COLUMN a DROP NOT NULL", "ANALYZE events", "CREATE INDEX i ON events (a)"):
        assert isinstance(load(write, sql_folder, "description: x", sql), Query)


@pytest.mark.parametrize(
    ("header", "sql", "proposal"),
    [
        (
            BATCH,
            "DELETE FROM events WHERE at < now() - INTERVAL '30 days'",
            "ALTER TABLE events SET (ttl_expiration_expression = 'at + INTERVAL ''30 DAYS''', ttl_job_cron = '@daily').",
        ),
        ("params: {day: date}", "DELETE FROM events WHERE at <= :day", "'at + INTERVAL ''…''', ttl_job_cron"),
        (BATCH, "DELETE FROM events WHERE timestamptz '2020-01-01' > at", "ttl_expiration_expression"),
        (BATCH, "DELETE FROM events WHERE at < now() - INTERVAL '30 days' AND kind = 'x'", ""),
        (BATCH, "DELETE FROM events WHERE amount < 10", ""),
        (BATCH, "DELETE FROM events WHERE at < other", ""),
        (BATCH, "UPDATE events SET a = 1 WHERE at < now()", ""),
    ],
)
def test_a_purge_that_is_only_older_than_could_be_the_databases_own(
    write: Write, sql_folder: Path, header: str, sql: str, proposal: str
) -> None:
    query = load(write, sql_folder, header, sql)
    assert isinstance(query, Query), query.error
    said = ttl_proposal(query)
    assert proposal in said
    assert bool(said) is bool(proposal)


@pytest.mark.parametrize(
    ("hour", "holds"),
    [((21, 59), False), ((22, 0), True), ((23, 59), True), ((0, 0), True), ((4, 59), True), ((5, 0), False)],
)
def test_a_window_may_reach_over_midnight(write: Write, sql_folder: Path, hour: tuple[int, int], holds: bool) -> None:
    window = batch_of(load(write, sql_folder, f"{BATCH[:-1]}, window: 22:00-05:00}}", DELETE)).rules.window
    assert window
    assert window.holds(dt.datetime(2024, 1, 1, *hour, tzinfo=dt.UTC)) is holds
