"""An error of the server has the line and column of the SQL file, whichever way the statement ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cockroach_pipelines.database import ConnectionManager, StatementError
from cockroach_pipelines.execution import Order, QueryExecutor, ResultProcessor, TransactionalExecutor, run_reading
from cockroach_pipelines.maintenance import run_maintenance
from cockroach_pipelines.queries import SQLRepository
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

HEADER = "/* @asset\nparams: {a: {type: integer, default: 1}, b: {type: text, default: x}}\n*/\n"
FILES = {
    "reporting/copied.sql": HEADER + "SELECT :a AS a, :b AS b, nowhere AS c",
    "reporting/at_run_time.sql": HEADER + "SELECT :a AS a, :b AS b, 1 / (n - 2)\nFROM generate_series(1, 3) AS n",
    "maintenance/deleted.sql": HEADER + "DELETE FROM pg_class WHERE oid = :a AND relname = :b AND nowhere = 1",
    "maintenance/returned.sql": HEADER + "DELETE FROM pg_class WHERE oid = :a AND relname = :b\nRETURNING nowhere",
}


@pytest.fixture
def connections(server: PostgresServer) -> Iterator[ConnectionManager]:
    with ConnectionManager({"main": server.config}) as connections:
        yield connections


@pytest.mark.parametrize(
    ("name", "line", "column"),
    [
        ("reporting/copied", 4, 26),
        ("maintenance/deleted", 4, 58),
        ("maintenance/returned", 5, 11),
    ],
)
def test_place_is_that_of_the_wrong_word(
    connections: ConnectionManager, server: PostgresServer, tmp_path: Path, name: str, line: int, column: int
) -> None:
    make_project(tmp_path, {"main": server.config}, FILES)
    query = SQLRepository(tmp_path / "sql").get(name)
    reader, writer = QueryExecutor(connections), TransactionalExecutor(connections)
    with pytest.raises(StatementError) as caught:
        if name.startswith("reporting"):
            run_reading(reader, ResultProcessor(tmp_path), Order(query), tmp_path / "result.parquet")
        else:
            run_maintenance(writer, reader, Order(query))
    place = caught.value.place
    assert place is not None
    assert (place.source, place.line, place.column) == (query.path, line, column)


def test_error_in_mid_stream_leaves_no_file_and_a_usable_connection(
    connections: ConnectionManager, server: PostgresServer, tmp_path: Path
) -> None:
    make_project(tmp_path, {"main": server.config}, FILES)
    query = SQLRepository(tmp_path / "sql").get("at_run_time")
    processor = ResultProcessor(tmp_path / "results")
    with (
        pytest.raises(StatementError, match=r"at_run_time.sql:4:1: \[22012\] division by zero"),
        processor.staging() as folder,
    ):
        run_reading(QueryExecutor(connections), processor, Order(query), folder / "result.parquet")
    assert not list((tmp_path / "results").rglob("*.parquet"))
    with connections.lend() as connection:
        assert connection.query("SELECT 1") == [(1,)]
