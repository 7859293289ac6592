"""A comparison ends when enough differs or its time is over, in the middle of what it reads; what it says then is true."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.reconciliation import (
    Bound,
    Expectation,
    Reconciliation,
    Relation,
    Stop,
    Strategy,
    Tolerance,
    Verdict,
    engine,
    windows,
)
from tests.reconciliation.conftest import Databases, cells
from tests.reconciliation.test_moving_data import Halt, halt
from tests.reconciliation.test_truth import WAYS, Case, cases, check, create, indexed_cases
from tests.reconciliation.values import truth

ROWS = "SELECT g AS id, {} AS v, repeat('x', 50) AS w FROM generate_series(1, 60000) AS g"
ANYTHING = Expectation(error=Bound())


def busy(databases: Databases) -> int:
    """Count the statements that run, and the transactions that are open, on behalf of a comparison."""
    row = databases.source.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'tester' AND state <> 'idle' AND pid <> pg_backend_pid()"
    ).fetchone()
    assert row
    return int(row[0])


def found(result: Reconciliation) -> Counter[tuple[tuple[str, Any], ...]]:
    """Give the cells of the dataset without the numbers of their rows."""
    return Counter(tuple((name, value) for name, value in row.items() if name != "row") for row in cells(result))


def check_stopped(result: Reconciliation, whole: Reconciliation, case: Case, most: int) -> None:
    """Check that what a comparison found before it ended is among what is there."""
    assert result.counts.total >= most
    assert result.verdict is Verdict.FAIL
    assert not result.equal
    assert result.headline.startswith("At least ")
    for kind, number in result.counts.as_dict().items():
        assert number <= whole.counts.as_dict()[kind]
    assert found(result) <= found(whole)


def run_of(databases: Databases, case: Case, most: int, **spec: Any) -> None:
    key = tuple(f"c{number}" for number in range(case.key))
    for strategy, kind in WAYS:
        asked = {"key": key, "strategy": strategy, "hash": kind, "segments": 8, **spec}
        whole = databases.reconcile("random", **asked)
        expected = truth(case.source, case.target, case.key)
        check(whole, expected, case)
        result = databases.reconcile("random", stop=Stop(differences=most), expect=ANYTHING, **asked)
        if result.complete:
            check(result, expected, case)
        else:
            check_stopped(result, whole, case, most)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=cases(), most=st.integers(1, 6))
def test_what_was_found_before_the_end_is_true(both_databases: Databases, case: Case, most: int) -> None:
    create(both_databases, case)
    run_of(both_databases, case, most)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=indexed_cases(), most=st.integers(1, 6))
def test_what_was_found_by_a_unique_key_before_the_end_is_true(
    both_databases: Databases, case: Case, most: int
) -> None:
    create(both_databases, case)
    key = ", ".join(f"c{number}" for number in range(case.key))
    for connection in (both_databases.source, both_databases.target):
        connection.execute(f"ALTER TABLE random ADD PRIMARY KEY ({key})")
    run_of(both_databases, case, most)


@pytest.mark.parametrize(
    ("strategy", "key"),
    [
        *((strategy, key) for strategy in Strategy if strategy is not Strategy.JOIN for key in ("PRIMARY KEY", "")),
        *((strategy, None) for strategy in (Strategy.CHECKSUMS, Strategy.HASHES)),
    ],
)
def test_a_window_that_is_the_whole_table_is_left_as_soon_as_enough_differs(
    databases: Databases, strategy: Strategy, key: str | None
) -> None:
    databases.tables("t", f"id int {key or ''}, v text, w text", ROWS.format("'a'"), ROWS.format("'b'"))
    spec: dict[str, Any] = {"key": () if key is None else ("id",), "strategy": strategy, "segments": 1}
    result = databases.reconcile("t", stop=Stop(differences=10), expect=ANYTHING, **spec)
    assert result.verdict is Verdict.FAIL
    assert result.headline.startswith("At least ")
    assert 10 <= result.counts.total < 30_000
    assert busy(databases) == 0
    assert databases.reconcile("t", where="id = 7", key=spec["key"]).counts.total in (1, 2)


def test_a_join_is_left_as_soon_as_enough_differs(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text, w text", ROWS.format("'a'"), ROWS.format("'b'"))
    databases.source.execute(
        f"DROP TABLE IF EXISTS u; CREATE TABLE u AS {ROWS.format('1::text')}; ALTER TABLE u ADD PRIMARY KEY (id); ANALYZE u"
    )
    result = databases.reconcile("t", Relation("source", "u"), stop=Stop(differences=10), segments=1)
    assert result.choice.strategy is Strategy.JOIN
    assert 10 <= result.counts.changed < 30_000
    assert result.headline.startswith("At least ")
    assert busy(databases) == 0


def test_a_share_is_looked_at_within_a_window(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text, w text", ROWS.format("'a'"), ROWS.format("'b'"))
    result = databases.reconcile("t", stop=Stop(share=0.3), strategy=Strategy.ROWS, segments=1)
    assert 10_000 <= result.source_rows < 60_000
    assert "the limit is 30.0%" in result.stopped


def test_rows_in_another_order_are_no_differences(databases: Databases) -> None:
    rows = ROWS.format("'a'")
    shuffled = f"SELECT * FROM ({rows}) AS x ORDER BY md5(id::text)"
    for key in ("PRIMARY KEY", ""):
        databases.tables("t", f"id int {key}, v text, w text", rows, shuffled)
        for strategy in (Strategy.DIRECT, Strategy.HASHES, Strategy.ROWS):
            asked: dict[str, Any] = {"strategy": strategy, "segments": 1, "stop": Stop(differences=1)}
            assert databases.reconcile("t", key=("id",), **asked).equal
    assert databases.reconcile("t", key=(), strategy=Strategy.HASHES, segments=1, stop=Stop(differences=1)).equal


def test_what_a_tolerance_lets_pass_does_not_end_it(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text, w text", ROWS.format("'a'"), ROWS.format("'A'"))
    databases.target.execute("UPDATE t SET v = 'b' WHERE id = 59000")
    for strategy, segments in ((Strategy.CHECKSUMS, 64), (Strategy.HASHES, 1), (Strategy.ROWS, 64)):
        asked = {"strategy": strategy, "tolerance": {"v": Tolerance(ignore_case=True)}, "segments": segments}
        result = databases.reconcile("t", stop=Stop(differences=2), **asked)
        assert result.complete
        assert (result.counts.changed, result.source_rows, result.target_rows) == (1, 60_000, 60_000)


@pytest.mark.parametrize("strategy", [None, Strategy.CHECKSUMS, Strategy.HASHES, Strategy.ROWS, Strategy.JOIN])
def test_a_silent_server_is_not_waited_for(databases: Databases, strategy: Strategy | None) -> None:
    if strategy is Strategy.JOIN:
        rows = "SELECT g, 'v' FROM generate_series(1, 30000) AS g"
        databases.tables("t", "id int PRIMARY KEY, v text", rows, rows)
        databases.source.execute(f"DROP TABLE IF EXISTS u; CREATE TABLE u AS {rows}; ALTER TABLE u ADD PRIMARY KEY (g)")
        databases.source.execute("ALTER TABLE u RENAME g TO id; ANALYZE u")
        source, target = Relation("source", "t"), Relation("source", "u")
    else:
        source, target = (
            Relation(name, sql="SELECT g AS id, 'v' AS v FROM generate_series(1, 30000) AS g")
            for name in ("source", "target")
        )
    started = time.monotonic()
    slow = {"where": "pg_sleep(0.001) IS NOT NULL"}
    result = databases.reconcile(
        source, target, key=("id",), strategy=strategy, stop=Stop(seconds=0.7), expect=ANYTHING, **slow
    )
    assert time.monotonic() - started < 5
    assert result.stopped == "0.7 s are over"
    assert result.verdict is Verdict.FAIL
    assert result.counts.total == 0
    deadline = time.monotonic() + 5
    while busy(databases) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert busy(databases) == 0
    databases.tables("t", "id int PRIMARY KEY, v text", "SELECT 1, 'a'", "SELECT 1, 'a'")
    assert databases.reconcile("t").equal


def test_what_was_found_of_a_window_when_its_time_is_over_is_kept(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text, w text", ROWS.format("'a'"), ROWS.format("'b'"))
    monkeypatch.setattr(windows, "_SCATTERED_KEYS_EACH", 100)  # a scan for each hundred
    result = databases.reconcile("t", strategy=Strategy.HASHES, segments=1, stop=Stop(seconds=2))
    assert result.stopped == "2 s are over"
    assert 0 < result.counts.changed < 60_000
    assert len({row["id"] for row in cells(result)}) == len(cells(result)) == result.counts.total
    assert busy(databases) == 0


def test_windows_before_the_one_that_its_time_ran_out_in_are_kept(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "SELECT g, CASE WHEN g <= {} THEN 'b' ELSE 'a' END FROM generate_series(1, 60000) AS g"
    databases.tables("t", "id int PRIMARY KEY, v text", rows.format(0), rows.format(12000))
    # Said to be immutable, so that it runs for the rows that are asked for alone.
    databases.create(
        "CREATE VIEW silent AS SELECT id, v FROM t",
        "CREATE FUNCTION slow(id int, v text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS "
        "'BEGIN IF id > 30000 THEN PERFORM pg_sleep(30); END IF; RETURN v; END';"
        "CREATE VIEW silent AS SELECT id, slow(id, v) AS v FROM t",
    )
    monkeypatch.setattr(engine, "HASHES_EACH", 10_000)
    try:
        result = databases.reconcile("silent", key=("id",), strategy=Strategy.HASHES, stop=Stop(seconds=4))
    finally:
        databases.create("DROP VIEW silent", "DROP VIEW silent; DROP FUNCTION slow")
    assert result.stopped == "4 s are over"
    assert result.counts.changed == len(cells(result)) == 12_000
    assert result.source_rows == pytest.approx(25_000, abs=500)  # 1,000 and 4,000, then two of 10,000
    assert busy(databases) == 0


def test_a_run_that_is_broken_off_after_it_has_seen_enough_knows_no_half_window(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text, w text", ROWS.format("'a'"), ROWS.format("'b'"))
    asked: dict[str, Any] = {"strategy": Strategy.HASHES, "segments": 1, "stop": Stop(differences=10)}

    def breaks(*_: object) -> Callable[[], object]:
        halt()
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(engine, "surroundings", breaks)
        with pytest.raises(Halt):
            databases.reconcile("t", **asked)
    assert (databases.folder / "journal.jsonl").exists()
    result = databases.reconcile("t", **asked)
    assert result.headline.startswith("At least ")
    rows = Counter(row["id"] for row in cells(result))
    assert len(rows) == result.counts.total < 30_000
    assert set(rows.values()) == {1}
