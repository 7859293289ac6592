"""An embedded database becomes an ordinary connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cockroach_pipelines.config import DatabaseConfig, EmbeddedConfig, PoolConfig
from cockroach_pipelines.database.connection import connect
from cockroach_pipelines.embedded import connection_manager, embedded_config, sharing
from tests.embedded.conftest import is_running


@pytest.fixture
def without_sample(made_folder: Path) -> Iterator[DatabaseConfig]:
    """Settings of an embedded database without sample data."""
    yield DatabaseConfig(
        embedded=EmbeddedConfig(folder=made_folder, sample_data=False),
        connection_timeout=7,
        socket_timeout=77,
        statement_timeout=5,
        application_name="nightly",
        pool=PoolConfig(size=2),
        java_home=None,
    )


def test_it_has_the_servers_address_and_keeps_the_other_settings(without_sample: DatabaseConfig) -> None:
    connected = embedded_config(without_sample)
    assert connected.embedded is None
    assert (connected.host, connected.database, connected.user) == ("127.0.0.1", "defaultdb", "dev")
    assert (connected.sslmode, connected.dialect) == ("disable", "postgresql")
    kept = (
        "connection_timeout",
        "socket_timeout",
        "statement_timeout",
        "application_name",
        "pool",
        "pg_jar",
        "java_home",
    )
    assert [getattr(connected, name) for name in kept] == [getattr(without_sample, name) for name in kept]
    assert connected.password
    assert connected.password.get_secret_value() not in repr(connected)
    with connect(connected) as connection:
        assert connection.query("SHOW application_name") == [("nightly",)]
        assert connection.query("SHOW statement_timeout") == [("5s",)]


def test_it_is_the_same_at_every_call_while_the_server_runs(without_sample: DatabaseConfig) -> None:
    assert embedded_config(without_sample) == embedded_config(without_sample)


def test_a_server_that_was_stopped_meanwhile_is_started_again(
    without_sample: DatabaseConfig, made_folder: Path
) -> None:
    embedded_config(without_sample)
    sharing.stop_server(made_folder)
    assert not is_running(made_folder)
    with connect(embedded_config(without_sample)) as connection:
        assert connection.query("SELECT 1") == [(1,)]


def test_a_connection_to_a_server_is_given_back_as_it_is() -> None:
    config = DatabaseConfig(host="db.example.com", user="etl")
    assert embedded_config(config) is config


def test_a_manager_starts_it_when_a_connection_is_first_lent(without_sample: DatabaseConfig, made_folder: Path) -> None:
    manager = connection_manager({"main": without_sample})
    try:
        with manager.lend("main") as connection:
            assert is_running(made_folder)
            assert connection.query("SELECT current_database()") == [("defaultdb",)]
    finally:
        manager.close()
