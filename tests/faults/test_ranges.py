"""A statement for several partitions whose server goes away amid its rows runs again as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.execution import Order, PartitionSplitter, QueryExecutor, ResultProcessor, run_range
from cockroach_pipelines.queries import SQLRepository, partition_window
from tests.faults.conftest import Connect
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

ROWS, DAYS = 200_000, 5
STATEMENT = f"""/* @asset
partition: {{every: day, from: 2024-01-01, column: day}}
*/
SELECT n, :partition_start::date + n % {DAYS} AS day, repeat('x', 100) AS text FROM generate_series(1, {ROWS}) AS n"""
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


def test_every_partition_has_its_rows_once(
    connections: Connect, faulty_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project(tmp_path, {"main": faulty_server.config_of()}, {"reporting/rows.sql": STATEMENT})
    query = SQLRepository(tmp_path / "sql").get("rows")
    assert query.header.partition
    orders = [
        Order(query, {}, partition_window(query.header.partition, f"2024-01-{day + 1:02}")) for day in range(DAYS)
    ]
    add, done = PartitionSplitter.add, []

    def add_and_stop(self: PartitionSplitter, batch: Any) -> None:
        add(self, batch)
        if not done:
            done.append(faulty_server.psql(TERMINATE))

    monkeypatch.setattr(PartitionSplitter, "add", add_and_stop)
    processor = ResultProcessor(tmp_path / "results")
    with processor.staging() as folder:
        outcomes = run_range(QueryExecutor(connections(through=faulty_server.port)), processor, orders, folder)
        assert {outcome.attempts for outcome in outcomes} == {2}
        for number, outcome in enumerate(outcomes):
            assert outcome.staged
            found = pq.read_table(outcome.staged.path)["n"].to_pylist()
            assert found == [n for n in range(1, ROWS + 1) if n % DAYS == number]
