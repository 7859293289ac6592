"""`special` in a file's header says what becomes of values that Arrow's types cannot hold."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.database.arrow import UnrepresentableInArrowError
from cockroach_pipelines.execution import (
    Order,
    Outcome,
    QueryExecutor,
    ResultProcessor,
    TransactionalExecutor,
    run_reading,
)
from cockroach_pipelines.maintenance import run_maintenance
from cockroach_pipelines.queries import SQLRepository
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")

STATEMENT = "SELECT d::date AS d FROM unnest(ARRAY['2024-01-01', 'infinity', '-infinity']) AS d"


@pytest.fixture
def connections(server: PostgresServer) -> Iterator[ConnectionManager]:
    with ConnectionManager({"main": server.config}) as connections:
        yield connections


def _order(folder: Path, header: str, statement: str = STATEMENT, kind: str = "reporting") -> Order:
    file = folder / "queries" / kind / "ends.sql"
    file.parent.mkdir(parents=True)
    file.write_text(f"/* @asset\n{header}\n*/\n{statement}")
    return Order(SQLRepository(folder).get(f"{kind}/ends"))


def _run(connections: ConnectionManager, folder: Path, header: str) -> Outcome:
    path = folder / "result.parquet"
    return run_reading(QueryExecutor(connections), ResultProcessor(folder), _order(folder, header), path)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("null", [dt.date(2024, 1, 1), None, None]),
        ("text", ["2024-01-01", "infinity", "-infinity"]),
    ],
)
def test_result_follows_the_header(
    connections: ConnectionManager, tmp_path: Path, policy: str, expected: list[Any]
) -> None:
    _run(connections, tmp_path, f"special: {policy}")
    assert pq.read_table(tmp_path / "result.parquet")["d"].to_pylist() == expected


def test_error_names_the_header_key(connections: ConnectionManager, tmp_path: Path) -> None:
    with pytest.raises(UnrepresentableInArrowError) as caught:
        _run(connections, tmp_path, "description: silent")
    assert "`special: null`" in caught.value.advice
    assert "special='null' in Python" in caught.value.advice


def test_numeric_stays_the_servers_text_where_the_header_says_text(
    connections: ConnectionManager, tmp_path: Path
) -> None:
    order = _order(
        tmp_path, "special: text", "SELECT avg(n) AS mean, 1.50::numeric(5, 2) AS price FROM generate_series(1, 2) n"
    )
    run_reading(QueryExecutor(connections), ResultProcessor(tmp_path), order, tmp_path / "r.parquet")
    assert pq.read_table(tmp_path / "r.parquet").to_pylist() == [{"mean": "1.5000000000000000", "price": "1.50"}]


def test_check_shows_such_values_as_the_server_writes_them(connections: ConnectionManager, tmp_path: Path) -> None:
    outcome = _run(connections, tmp_path, "special: null\nchecks: {finite: SELECT d FROM result WHERE NOT isfinite(d)}")
    (check,) = outcome.checks
    assert check.sample is not None
    assert check.sample["d"].to_pylist() == ["infinity", "-infinity"]


def test_rows_returned_by_maintenance_follow_the_header(
    connections: ConnectionManager, server: PostgresServer, tmp_path: Path
) -> None:
    server.psql("CREATE TABLE IF NOT EXISTS open_ends (d date); GRANT ALL ON open_ends TO PUBLIC")
    order = _order(tmp_path, "special: text", "INSERT INTO open_ends VALUES ('infinity') RETURNING d", "maintenance")
    outcome = run_maintenance(TransactionalExecutor(connections), QueryExecutor(connections), order)
    assert outcome.preview is not None
    assert outcome.preview["d"].to_pylist() == ["infinity"]
