"""A report's result as a table: made, replaced, upserted; all of it or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cockroach_pipelines.database import DatabaseError
from cockroach_pipelines.embedded import connection_manager
from cockroach_pipelines.execution import TransactionalExecutor
from cockroach_pipelines.reporting import PublishError
from cockroach_pipelines.reporting.publishing import Published, publish_table
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project
from tests.reporting.conftest import Read

Publish = Callable[..., Published]

DAYS = "{every: day, from: 2024-01-01}"


@pytest.fixture
def publish(server: PostgresServer, read: Read, tmp_path: Path) -> Iterator[Publish]:
    server.psql("DROP SCHEMA IF EXISTS marts CASCADE; CREATE SCHEMA marts; GRANT ALL ON SCHEMA marts TO PUBLIC")
    config = make_project(tmp_path, {"main": server.config}, {})
    with connection_manager(config.settings.connections) as connections:

        def publish(into: str, sql: str, partition: str | None = None, of: str = DAYS) -> Published:
            header = f"partition: {of}\n" if partition else ""
            outcome = read(f"/* @asset\n{header}report: {{into: {into}}}\n*/\n{sql}", partition)
            rules, staged = outcome.order.query.report, outcome.staged
            assert rules and rules.into and staged
            return publish_table(TransactionalExecutor(connections), outcome.order, rules.into, staged.path)

        yield publish


def rows(server: PostgresServer, table: str = "marts.t", what: str = "*") -> list[str]:
    return server.psql(f"SELECT {what} FROM {table} ORDER BY 1").splitlines()


def test_a_table_is_made_with_the_types_of_the_result(server: PostgresServer, publish: Publish) -> None:
    sql = (
        "SELECT 1::int4 AS id, 1.50::numeric(10, 2) AS amount, now() AS at, 'x'::text AS \"Odd name\", ARRAY[1] AS list"
    )
    assert str(publish("marts.t", sql)) == "1 rows in marts.t, which was made"
    types = server.psql(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'marts' ORDER BY ordinal_position"
    ).splitlines()
    assert types == ["id|integer", "amount|numeric", "at|timestamp with time zone", "Odd name|text", "list|ARRAY"]
    assert rows(server, what="id, amount") == ["1|1.50"]


def test_all_rows_are_replaced_and_grants_and_views_stay(server: PostgresServer, publish: Publish) -> None:
    publish("marts.t", "SELECT n FROM generate_series(1, 3) AS n")
    server.psql("CREATE VIEW marts.seen AS SELECT n FROM marts.t")
    assert publish("marts.t", "SELECT n FROM generate_series(5, 6) AS n").rows == 2
    assert rows(server, "marts.seen") == ["5", "6"]


def test_rows_are_upserted_by_their_key(server: PostgresServer, publish: Publish) -> None:
    into = "{table: marts.t, key: [id]}"
    publish(into, "SELECT n AS id, 'old' AS v FROM generate_series(1, 2) AS n")
    publish(into, "SELECT n AS id, 'new' AS v FROM generate_series(2, 3) AS n")
    assert rows(server) == ["1|old", "2|new", "3|new"]


DAY = "SELECT :partition_key::date AS day, n FROM generate_series(1, {rows}) AS n"


def test_a_partition_replaces_its_own_rows(server: PostgresServer, publish: Publish) -> None:
    into = "{table: marts.t, partition: day}"
    publish(into, DAY.format(rows=2), "2024-01-01")
    publish(into, DAY.format(rows=3), "2024-01-02")
    publish(into, DAY.format(rows=1), "2024-01-01")
    assert server.psql("SELECT day, count(*) FROM marts.t GROUP BY day ORDER BY day").splitlines() == [
        "2024-01-01|1",
        "2024-01-02|3",
    ]


def test_a_key_replaces_its_own_rows(server: PostgresServer, publish: Publish) -> None:
    into, keys = "{table: marts.t, partition: region}", "{keys: ['1', '2']}"
    sql = "SELECT :partition_key::int AS region, n FROM generate_series(1, {rows}) AS n"
    for key, count in (("1", 2), ("2", 3), ("1", 1)):
        publish(into, sql.format(rows=count), key, keys)
    assert server.psql("SELECT region, count(*) FROM marts.t GROUP BY 1 ORDER BY 1").splitlines() == ["1|1", "2|3"]
    with pytest.raises(PublishError) as raised:
        publish(into, "SELECT 7 AS region, 1 AS n WHERE :partition_key <> ''", "1", keys)
    assert "1 of 1 rows lie outside of the partition by 'region'" in raised.value.message
    assert raised.value.advice == "Name the column that is :partition_key in every row."
    assert len(rows(server)) == 4


def test_rows_outside_of_the_partition_are_refused_and_nothing_changes(
    server: PostgresServer, publish: Publish
) -> None:
    into = "{table: marts.t, partition: day}"
    publish(into, DAY.format(rows=2), "2024-01-01")
    with pytest.raises(PublishError) as raised:
        publish(into, "SELECT :partition_key::date + n AS day, n FROM generate_series(0, 1) AS n", "2024-01-01")
    assert "1 of 2 rows lie outside of the partition by 'day'" in raised.value.message
    assert raised.value.place is not None and raised.value.place.line == 3
    assert len(rows(server)) == 2


def test_what_the_server_refuses_leaves_the_table_as_it_was(server: PostgresServer, publish: Publish) -> None:
    publish("marts.t", "SELECT n FROM generate_series(1, 3) AS n")
    server.psql("ALTER TABLE marts.t ADD CHECK (n < 10)")
    with pytest.raises(DatabaseError):
        publish("marts.t", "SELECT n FROM generate_series(8, 12) AS n")
    with pytest.raises(DatabaseError, match="m"):
        publish("marts.t", "SELECT 1 AS m")
    assert rows(server) == ["1", "2", "3"]
