"""Live tables, servers that die, people who interrupt."""

from __future__ import annotations

import _thread
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database import ConnectionManager, DatabaseError
from cockroach_pipelines.reconciliation import (
    Care,
    Progress,
    Recheck,
    ReconciliationSpec,
    Relation,
    Strategy,
    checksums,
    engine,
    reconcile,
)
from tests.peers.kdc import Kdc
from tests.peers.postgres import PostgresServer
from tests.peers.processes import readable_folder
from tests.reconciliation.conftest import Databases, cells
from tests.reconciliation.test_truth import Case, cases, check, create
from tests.reconciliation.values import truth

ROWS = "SELECT g AS id, 'v' || g AS v FROM generate_series(1, 200000) AS g"


def at(phase: str, number: int, act: Callable[[], object]) -> Callable[[Progress], None]:
    """Give a listener that does something once, at the number-th time a phase is told."""
    seen = 0

    def listen(progress: Progress) -> None:
        nonlocal seen
        if progress.phase == phase:
            seen += 1
            if seen == number:
                act()

    return listen


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("strategy", [Strategy.ROWS, Strategy.HASHES])
def test_each_side_is_one_snapshot_however_many_connections_read_it(
    databases: Databases, workers: int, strategy: Strategy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "HASHES_EACH", 50_000)
    databases.tables("t", "id int PRIMARY KEY, v text", ROWS, ROWS)
    result = databases.reconcile(
        "t",
        strategy=strategy,
        care=Care(workers=workers),
        progress=at(
            "compare", 1, lambda: databases.target.execute("UPDATE t SET v = 'moved'; DELETE FROM t WHERE id > 100000")
        ),
    )
    assert result.equal
    assert result.target_rows == 200_000
    source, target = result.consistency
    assert source.moment.startswith("snapshot ")
    assert source.moment != target.moment
    assert source.server.startswith("PostgreSQL ")


def test_no_transaction_is_left_open(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text", ROWS, ROWS)
    databases.reconcile("t")
    left = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'tester' AND state LIKE 'idle in transaction%'"
    assert databases.source.execute(left).fetchone() == (0,)


def test_recheck_drops_what_was_in_flight_and_keeps_what_is_real(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text", ROWS, ROWS)
    databases.target.execute(
        "UPDATE t SET v = 'late' WHERE id BETWEEN 1 AND 30; DELETE FROM t WHERE id BETWEEN 101 AND 110;"
        "INSERT INTO t VALUES (-1, 'extra'), (-2, 'extra')"
    )

    def catch_up() -> None:
        databases.target.execute(
            "UPDATE t SET v = 'v' || id WHERE id BETWEEN 1 AND 20; UPDATE t SET v = 'later' WHERE id = 21;"
            "INSERT INTO t VALUES (101, 'v101'); DELETE FROM t WHERE id = -1"
        )

    result = databases.reconcile("t", recheck=Recheck(after=0.01, times=2), progress=at("recheck", 1, catch_up))
    assert result.recheck is not None
    assert (result.recheck.healed, result.recheck.moving, result.recheck.confirmed) == (22, 1, 19)
    assert (result.counts.missing, result.counts.extra, result.counts.changed) == (9, 1, 10)
    assert {row["id"] for row in cells(result)} == {-2, *range(21, 31), *range(102, 111)}
    assert len(result.recheck.moments) >= 2


def test_recheck_of_what_has_healed_altogether_passes(databases: Databases) -> None:
    databases.tables(
        "t",
        "a text, b numeric, v int, PRIMARY KEY (a, b)",
        "VALUES ('x''y', 1.0, 1), ('z', 2, 2)",
        "VALUES ('z', 2.00, 2)",
    )
    heal = at("recheck", 1, lambda: databases.target.execute("INSERT INTO t VALUES ('x''y', 1.000, 1)"))
    result = databases.reconcile("t", recheck=Recheck(after=0), progress=heal)
    assert result.equal
    assert cells(result) == []


@pytest.mark.parametrize("key", ["text COLLATE blind", "char(8)", "bytea", "timestamptz", "float8", "int"])
def test_recheck_finds_rows_by_keys_of_any_type(databases: Databases, key: str) -> None:
    values = {
        "text COLLATE blind": ("a", "A", "it's"),
        "char(8)": ("a", "A", "b'"),
        "bytea": ("\\x00", "\\xff00", "\\x"),
        "timestamptz": ("infinity", "2024-10-27 02:30:00.5+02", "0044-03-15 00:00:00+00 BC"),
        "float8": ("NaN", "-0.1", "1e300"),
        "int": ("-1", "0", "1"),
    }[key]
    rows = (
        ", ".join(f"('{value.replace(chr(39), chr(39) * 2)}'::{key.split()[0]}, '{{}}')" for value in (*values,))
        + ", (NULL, '{0}')"
    )
    rows = "VALUES " + rows.replace("{}", "{0}")
    databases.tables("t", f"k {key}, v text", rows.format("x"), rows.format("y"))
    result = databases.reconcile("t", key=("k",), recheck=Recheck(after=0), timezone="Europe/Berlin")
    assert result.recheck is not None
    assert (result.recheck.confirmed, result.recheck.healed) == (4, 0)
    assert result.counts.changed == 4


def test_recheck_of_rows_without_a_key_counts_their_copies(databases: Databases) -> None:
    rows = "SELECT g % 3000 AS a, CASE WHEN g % 7 = 0 THEN NULL ELSE 'v' || g % 3000 END AS v, '{\"x\": 1}'::json AS j"
    rows += " FROM generate_series(1, 60000) AS g"
    databases.tables("t", "a int, v text, j json", rows, rows)
    databases.target.execute(
        "DELETE FROM t WHERE a = 1; INSERT INTO t SELECT -1, 'extra', '1' FROM generate_series(1, 4);"
        "UPDATE t SET v = 'late' WHERE a = 2"
    )

    def catch_up() -> None:
        databases.target.execute(
            "INSERT INTO t SELECT 1, 'v1', '{\"x\": 1.0}' FROM generate_series(1, 12);"
            "DELETE FROM t WHERE ctid IN (SELECT ctid FROM t WHERE a = -1 LIMIT 1);"
            "INSERT INTO t VALUES (-2, 'came in meanwhile', '2')"
        )

    before = databases.reconcile("t")
    assert (before.counts.missing, before.counts.extra) == (20 + 20, 4 + 20)
    result = databases.reconcile("t", recheck=Recheck(after=0, times=2), progress=at("recheck", 1, catch_up))
    assert result.recheck is not None
    copies = [row for row in cells(result) if '"a": "1"' in (row["source"] or "")]
    healed = 20 - len(copies) + 1
    assert 0 < len(copies) < 20
    assert (result.recheck.times, result.recheck.healed, result.recheck.moving) == (2, healed, 0)
    assert (result.counts.missing, result.counts.extra) == (20 + len(copies), 3 + 20)
    assert result.recheck.confirmed == result.counts.total
    assert not any("came in meanwhile" in (row["target"] or "") for row in cells(result))


def test_recheck_of_rows_without_a_key_tells_what_moves(databases: Databases) -> None:
    databases.tables("t", "v text", "SELECT 'a' FROM generate_series(1, 2)", "SELECT 'b'")
    move = at("recheck", 2, lambda: databases.source.execute("INSERT INTO t VALUES ('a')"))
    result = databases.reconcile("t", recheck=Recheck(after=0, times=2), progress=move)
    assert result.recheck is not None
    assert (result.recheck.confirmed, result.recheck.healed, result.recheck.moving) == (3, 0, 1)
    assert (result.counts.missing, result.counts.extra) == (3, 1)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=cases(), timezone=st.sampled_from(["UTC", "Europe/Berlin"]))
def test_recheck_of_what_stands_still_changes_nothing(both_databases: Databases, case: Case, timezone: str) -> None:
    create(both_databases, case)
    key = tuple(f"c{number}" for number in range(case.key))
    result = both_databases.reconcile("random", key=key, recheck=Recheck(after=0), timezone=timezone)
    check(result, truth(case.source, case.target, case.key), case)
    if result.recheck is not None:
        assert (result.recheck.healed, result.recheck.moving) == (0, 0)


def test_throttle_pauses_until_it_says_go(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text", ROWS, ROWS)
    databases.source.execute("DROP TABLE IF EXISTS busy; CREATE TABLE busy AS SELECT true AS is_so")
    go = at("pause", 2, lambda: databases.source.execute("UPDATE busy SET is_so = false"))
    phases: list[str] = []

    def listen(progress: Progress) -> None:
        phases.append(progress.phase)
        go(progress)

    care = Care(throttle="SELECT is_so FROM busy", throttle_pause=0.01)
    assert databases.reconcile("t", strategy=Strategy.ROWS, care=care, progress=listen).equal
    assert phases.count("pause") == 2
    assert phases[-1] == "compare"


def test_interrupt_ends_the_statements_on_both_servers(databases: Databases) -> None:
    nap = "pg_sleep(0.0501)"  # other tests on this server sleep, too
    slow = f"SELECT g AS id, {nap}::text AS v FROM generate_series(1, 100000) AS g"
    timer = threading.Timer(1.0, _thread.interrupt_main)
    timer.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        databases.reconcile(
            Relation("source", sql=slow), Relation("target", sql=slow), key=("id",), strategy=Strategy.CHECKSUMS
        )
    assert time.monotonic() - started < 15
    busy = f"SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%{nap}%' AND pid <> pg_backend_pid()"
    deadline = time.monotonic() + 10
    while databases.source.execute(busy).fetchone() != (0,) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert databases.source.execute(busy).fetchone() == (0,)
    databases.tables("t", "id int PRIMARY KEY, v text", "SELECT 1, 'a'", "SELECT 1, 'a'")
    assert databases.reconcile("t").equal


@pytest.fixture(scope="module")
def mortal(kdc: Kdc) -> Iterator[PostgresServer]:
    """A server that tests may kill."""
    with readable_folder("mortal") as folder:
        server = PostgresServer(folder, kdc)
        try:
            server.create()
            server.start()
            server.create_roles()
            server.psql(
                f"CREATE TABLE ours AS {ROWS}; CREATE TABLE theirs AS {ROWS}; UPDATE theirs SET v = 'other' WHERE id % 1000 = 0;"
                "DELETE FROM theirs WHERE id % 1000 = 1; ALTER TABLE ours ADD PRIMARY KEY (id); ALTER TABLE theirs ADD PRIMARY KEY (id);"
                "ANALYZE ours; ANALYZE theirs; GRANT SELECT ON ours, theirs TO PUBLIC"
            )
            # By itself: within one text it would come before their COMMIT, which a crash may undo.
            server.psql("CHECKPOINT")
            yield server
        finally:
            server.stop()


@pytest.mark.parametrize(
    ("phase", "spec"),
    [
        ("compare", {"strategy": Strategy.ROWS}),
        ("compare", {"strategy": Strategy.HASHES}),
        ("compare", {"strategy": Strategy.CHECKSUMS}),
        ("checksums", {"strategy": Strategy.CHECKSUMS}),
        ("compare", {"strategy": Strategy.JOIN}),
    ],
)
def test_server_killed_in_the_middle_and_resumed_gives_the_same_answer(
    mortal: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    phase: str,
    spec: dict[str, Any],
    jvm: object,
) -> None:
    for name in ("HASHES_EACH", "ROWS_EACH", "JOINED_EACH"):
        monkeypatch.setattr(engine, name, 20_000)
    monkeypatch.setattr(checksums, "_BYTES_AT_FIRST", 1_000_000)
    question = ReconciliationSpec(care=Care(statement_seconds=0.01), **spec)
    source = Relation("main", "ours")
    target = Relation("main" if spec["strategy"] is Strategy.JOIN else "other", "theirs")
    told: list[Progress] = []

    def run(connections: ConnectionManager, **options: Any) -> Any:
        return reconcile(source, target, question, connections=connections, folder=tmp_path, **options)

    def manager() -> ConnectionManager:
        return ConnectionManager({"main": mortal.config, "other": mortal.config})

    with manager() as connections, pytest.raises(DatabaseError):
        run(connections, progress=at(phase, 3, lambda: mortal.stop(signal.SIGQUIT)))
    mortal.start()
    with manager() as connections:
        resumed = run(connections, progress=told.append)
        shutil.rmtree(tmp_path)
        whole = run(connections, resume=False)
    steps = [each for each in told if each.phase == phase]
    assert steps[0].done > 1  # not from the beginning
    assert resumed.counts == whole.counts
    assert (whole.counts.missing, whole.counts.changed, whole.counts.extra) == (200, 200, 0)
    assert (resumed.source_rows, resumed.target_rows) == (200_000, 199_800)
    assert resumed.by_column == whole.by_column
    assert len(resumed.consistency) == 4  # two moments of each side
    assert len(whole.consistency) == 2


class Halt(Exception):  # noqa: N818 - no error
    """Ends a comparison from within."""


def halt() -> None:
    raise Halt


def test_recheck_that_was_broken_off_and_resumed_knows_nothing_of_what_it_had_read(databases: Databases) -> None:
    rows = "SELECT g, {} FROM generate_series(1, 2500) AS g"
    databases.tables("t", "id int PRIMARY KEY, v text", rows.format("'a'"), rows.format("'b'"))
    asked = {"recheck": Recheck(after=0, times=3), "strategy": Strategy.ROWS}
    with pytest.raises(Halt):
        databases.reconcile("t", **asked, progress=at("recheck", 3, halt))
    databases.target.execute("UPDATE t SET v = 'a' WHERE id > 10")
    result = databases.reconcile("t", **asked)
    assert result.recheck is not None
    assert (result.recheck.healed, result.recheck.confirmed, result.counts.changed) == (2490, 10, 10)
    assert [row["id"] for row in cells(result)] == list(range(1, 11))


def test_another_question_in_the_same_folder_starts_anew(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text", ROWS, ROWS)
    with pytest.raises(Halt):
        databases.reconcile("t", strategy=Strategy.ROWS, progress=at("compare", 2, halt))
    assert {path.name for path in databases.folder.iterdir()} == {"journal.jsonl", "parts"}
    databases.target.execute("UPDATE t SET v = 'x' WHERE id = 1")
    assert databases.reconcile("t", strategy=Strategy.ROWS, where="id > 0").counts.changed == 1
