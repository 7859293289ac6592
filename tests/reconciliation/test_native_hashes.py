"""Hashes that PostgreSQL 18 brought tell values apart as well as the older ones; the embedded server has them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.database import ConnectionManager, Dialect
from cockroach_pipelines.embedded import EmbeddedServer
from cockroach_pipelines.reconciliation import HashKind, ReconciliationSpec, Relation, Strategy, reconcile
from cockroach_pipelines.reconciliation.columns import Column, Pair, literal
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.families import family_of
from cockroach_pipelines.reconciliation.hashing import hash_sql
from tests.peers.processes import readable_folder
from tests.peers.second_driver import connect_by_psycopg
from tests.reconciliation.values import POOLS, Pool

HASHED = tuple(
    pool for pool in POOLS if pool.types[0] in {"bool", "date", "timestamp", "timestamptz", "bytea", "int8", "numeric"}
)
FOLD = dt.timedelta(microseconds=2**32)


@dataclass(frozen=True)
class Newest:
    """The embedded server."""

    manager: ConnectionManager
    connection: psycopg.Connection[Any]

    def hashes(self, pg_type: str, texts: list[str | None], kind: HashKind = HashKind.NATIVE18) -> list[int]:
        """Give the hash of each value in a row by itself."""
        column = Column("v", pg_type, pg_type, nullable=True)
        pair = Pair(column, column, family_of(pg_type))
        hashed = hash_sql(kind, [pair], SideSQL(Dialect.POSTGRESQL, is_source=True))
        rows = ", ".join(
            f"({number}, {'NULL' if text is None else literal(text)}::{pg_type})" for number, text in enumerate(texts)
        )
        found = self.connection.execute(f"SELECT {hashed} FROM (VALUES {rows}) AS r (n, v) ORDER BY n")
        return [int(value) for (value,) in found]


@pytest.fixture(scope="module")
def newest(jvm: object) -> Iterator[Newest]:
    with readable_folder("newest") as parent, EmbeddedServer(parent / "embedded") as server:
        end = server.endpoint
        config = DatabaseConfig(
            host=end.host, port=end.port, database=end.database, user=end.user, password=end.password, sslmode="disable"
        )
        with (
            ConnectionManager({"source": config, "target": config}) as manager,
            connect_by_psycopg(end) as connection,
        ):
            connection.execute("SET TIME ZONE 'UTC'")
            yield Newest(manager, connection)


@pytest.mark.parametrize("pool", HASHED, ids=lambda pool: pool.types[0])
def test_values_have_the_same_hash_exactly_if_they_mean_the_same(newest: Newest, pool: Pool) -> None:
    meanings = [*(meaning for _, meaning in pool.values), None]
    hashes = newest.hashes(pool.types[0], [*(text for text, _ in pool.values), None])
    assert len({*zip(meanings, hashes, strict=True)}) == len({*meanings}) == len({*hashes})


@pytest.mark.parametrize("pg_type", ["timestamp", "timestamptz"])
def test_moments_that_the_server_folds_together_are_told_apart(newest: Newest, pg_type: str) -> None:
    """Those whose halves of 32 bits are the same in another order, on both sides of where microseconds count from."""
    start = dt.datetime(2000, 1, 1)
    steps = (-3 * 2**16, -(2**16), -2, -1, 0, 1, 2, 3, 2**10, 3 * 2**15)
    moments = [
        start + step * FOLD + dt.timedelta(microseconds=within)
        for step in steps
        for within in (0, 1, 2, 3, 2**10, 2**31, 2**32 - 2, 2**32 - 1, abs(step), abs(step) ^ 1)
    ]
    texts: list[str | None] = [f"{moment}{'+00' if pg_type == 'timestamptz' else ''}" for moment in sorted({*moments})]
    assert len({*newest.hashes(pg_type, texts)}) == len(texts)


def test_rows_of_them_are_compared_by_these_hashes(newest: Newest, tmp_path: Path) -> None:
    row = "SELECT g, g % 2 = 0, '2024-01-01'::timestamptz + g * interval '1 h', '1990-01-01'::date + g, int4send(g)"
    newest.connection.execute("DROP TABLE IF EXISTS ours, theirs")
    for name, where in (("ours", "g <> 7"), ("theirs", "g <> 9")):
        newest.connection.execute(
            f"CREATE TABLE {name} (id int PRIMARY KEY, a bool, b timestamptz, c date, d bytea); "
            f"INSERT INTO {name} {row} FROM generate_series(1, 30000) AS g WHERE {where}; ANALYZE {name}"
        )
    newest.connection.execute(
        "UPDATE theirs SET a = NOT a WHERE id = 100; UPDATE theirs SET b = b + interval '1 us' WHERE id = 200; "
        "UPDATE theirs SET c = 'infinity' WHERE id = 300; UPDATE theirs SET d = NULL WHERE id = 400"
    )
    result = reconcile(
        Relation("source", "ours"),
        Relation("target", "theirs"),
        ReconciliationSpec(strategy=Strategy.CHECKSUMS),
        connections=newest.manager,
        folder=tmp_path,
    )
    assert result.choice.hash is HashKind.NATIVE18
    assert (result.counts.missing, result.counts.extra, result.counts.changed) == (1, 1, 4)
    assert {each.column: each.rows for each in result.by_column} == dict.fromkeys("abcd", 1)


@pytest.mark.parametrize("strategy", [Strategy.CHECKSUMS, Strategy.HASHES, Strategy.ROWS])
def test_null_under_a_constraint_that_was_not_validated_is_a_difference(
    newest: Newest, tmp_path: Path, strategy: Strategy
) -> None:
    for table, value in (("ours", "NULL"), ("theirs", "'v'")):
        newest.connection.execute(
            f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (id int PRIMARY KEY, v text);"
            f"INSERT INTO {table} SELECT g, CASE WHEN g = 7 THEN {value} ELSE 'v' END FROM generate_series(1, 1000) AS g;"
            f"ALTER TABLE {table} ADD CONSTRAINT there NOT NULL v NOT VALID"
        )
    result = reconcile(
        Relation("source", "ours"),
        Relation("target", "theirs"),
        ReconciliationSpec(strategy=strategy),
        connections=newest.manager,
        folder=tmp_path,
    )
    assert (result.counts.changed, result.counts.total) == (1, 1)
