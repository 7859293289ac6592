"""The sample data is loaded as a whole, once, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cockroach_pipelines.config import DatabaseConfig, EmbeddedConfig
from cockroach_pipelines.database.connection import CockroachDBConnection, connect
from cockroach_pipelines.embedded import SampleDataError, embedded_config
from cockroach_pipelines.embedded.sample import load_sample_data
from tests.embedded.conftest import SAMPLE_ROWS as ROWS
from tests.embedded.conftest import stop_whatever_runs
from tests.peers.processes import readable_folder


@pytest.fixture(scope="module")
def empty_config() -> Iterator[DatabaseConfig]:
    with readable_folder("empty") as parent:
        folder = parent / "embedded"
        yield embedded_config(DatabaseConfig(embedded=EmbeddedConfig(folder=folder, sample_data=False)))
        stop_whatever_runs(folder)


@pytest.fixture
def empty(empty_config: DatabaseConfig) -> Iterator[CockroachDBConnection]:
    with connect(empty_config) as connection:
        yield connection
        connection.rollback()
        for (name,) in connection.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
            connection.execute(f'DROP TABLE "{name}"')
        connection.commit()


def test_without_sample_data_the_database_is_empty(empty: CockroachDBConnection) -> None:
    assert empty.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_load_that_fails_leaves_nothing(empty: CockroachDBConnection) -> None:
    def interrupt(table: str, done: int, rows: int) -> None:
        if table == "flights" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_sample_data(empty, interrupt)
    assert empty.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == []


def test_a_table_of_the_same_name_is_not_touched(empty: CockroachDBConnection) -> None:
    empty.execute("CREATE TABLE planes (mine integer)")
    empty.commit()
    with pytest.raises(SampleDataError, match=r"has a table planes that is not the sample's.\nRename it"):
        load_sample_data(empty)
    assert empty.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [("planes",)]
    assert empty.query("SELECT * FROM planes") == []


def test_two_that_load_at_once_load_once_and_progress_is_told(
    empty_config: DatabaseConfig, empty: CockroachDBConnection
) -> None:
    told: list[tuple[str, int, int]] = []
    together = threading.Barrier(2)

    def load() -> bool:
        with connect(empty_config) as connection:
            together.wait()
            return load_sample_data(connection, lambda *step: told.append(step))

    with ThreadPoolExecutor(2) as pool:
        loaded = [future.result() for future in [pool.submit(load), pool.submit(load)]]
    assert sorted(loaded) == [False, True]
    assert empty.query("SELECT count(*) FROM flights") == [(ROWS["flights"],)]
    empty.rollback()
    for name, rows in ROWS.items():
        steps = [(done, total) for table, done, total in told if table == name]
        assert steps[-1] == (rows, rows)
        assert [done for done, _ in steps] == sorted({done for done, _ in steps})
    assert len([table for table, _, _ in told if table == "flights"]) > 10
