"""Migrations whose connections are cut at any byte are applied once, each of their rows exactly once."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

from cockroach_pipelines.database import DatabaseError
from cockroach_pipelines.execution import CommitInDoubt, Event, RetryScheduled
from cockroach_pipelines.execution.schema_changes import HistoryTables, SchemaChanges
from cockroach_pipelines.migrations import Migrator
from cockroach_pipelines.queries import MigrationVersion
from tests.faults.conftest import Connect
from tests.peers.postgres import PostgresServer
from tests.peers.proxy import End, Fault, Proxy, Side

SEED = 20130101
FILES = 8


def test_cut_at_any_byte_applies_each_file_once(
    connections: Connect, proxy: Proxy, faulty_server: PostgresServer, tmp_path: Path
) -> None:
    faulty_server.psql(
        "DROP SCHEMA IF EXISTS cut CASCADE; CREATE SCHEMA cut AUTHORIZATION trusted; CREATE TABLE cut.written (id int); "
        "ALTER TABLE cut.written OWNER TO trusted"
    )
    for number in range(1, FILES + 1):
        alone = "-- transaction: false\n" if number % 2 else ""
        rows = "".join(f"INSERT INTO cut.written VALUES ({10 * number + each});\n" for each in range(3))
        (tmp_path / f"V{number}__rows.sql").write_text(alone + rows)
    events: list[Event] = []
    changes = SchemaChanges(connections(), "main", HistoryTables("cut"), observe=events.append, lease_seconds=1)
    migrator = Migrator(tmp_path, changes)
    migrator.baseline(MigrationVersion.parse("0"))
    chance = random.Random(SEED)  # noqa: S311 - the same faults at each run
    errors = 0
    for number in range(1, FILES + 1):
        while True:
            # Each run opens a few connections for itself, and one or two for the file.
            proxy.faults.extend(
                Fault(chance.choice(list(Side)), chance.randrange(300, 4000), chance.choice([End.CLOSE, End.RESET]))
                for _ in range(8)
            )
            try:
                migrator.apply(target=MigrationVersion.parse(str(number)))
            except DatabaseError:
                errors += 1
                assert errors < 300  # of cuts; how many depends on how busy the machine is
                time.sleep(0.1)  # a lease that could not be given back expires
            else:
                break
            finally:
                proxy.faults.clear()
    faulty_server.psql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'trusted'")
    written = Counter(int(line) for line in faulty_server.psql("SELECT id FROM cut.written").splitlines())
    assert written == Counter(10 * number + each for number in range(1, FILES + 1) for each in range(3))
    history = faulty_server.psql("SELECT version FROM cut.flyway_schema_history WHERE success ORDER BY installed_rank")
    assert history.split() == [str(number) for number in range(FILES + 1)]
    retried = sum(isinstance(event, RetryScheduled | CommitInDoubt) for event in events)
    print(f"{retried} transactions were cut, and {errors} runs ended with an error")
    assert retried > FILES, "the faults miss the work"
