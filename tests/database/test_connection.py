"""Connections to a real PostgreSQL, and what is said when there is none."""

from __future__ import annotations

import pickle
import socket

import pandas as pd
import pytest
from pydantic import SecretStr

from cockroach_pipelines.database import (
    AuthenticationError,
    ConnectionFailedError,
    Dialect,
    InvalidStatementError,
    ReadOnlyError,
    connect,
)
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")


def test_connects_and_tells_the_server(server: PostgresServer) -> None:
    with connect(server.config) as connection:
        assert connection.version.dialect is Dialect.POSTGRESQL
        assert connection.version.numbers[0] >= 15
        assert connection.query("SELECT 1, 'x', NULL") == [(1, "x", None)]


def test_nothing_is_kept_without_commit(server: PostgresServer) -> None:
    with connect(server.config) as connection:
        connection.execute("CREATE TABLE kept_by_commit (x int)")
        connection.commit()
        assert connection.execute("INSERT INTO kept_by_commit VALUES (?)", [1]) == 1
        connection.rollback()
        assert connection.query("SELECT count(*) FROM kept_by_commit") == [(0,)]


def test_session_prints_values_in_one_way_whatever_the_server_prefers(server: PostgresServer) -> None:
    server.psql("ALTER ROLE tester SET datestyle = 'German'; ALTER ROLE tester SET bytea_output = 'escape'")
    try:
        with connect(server.config) as connection:
            shown = connection.query(
                "SELECT left(current_setting('datestyle'), 3), current_setting('bytea_output'), current_setting('timezone')"
            )
            assert shown == [("ISO", "hex", "UTC")]
    finally:
        server.psql("ALTER ROLE tester RESET datestyle; ALTER ROLE tester RESET bytea_output")


def test_read_only_transaction_refuses_a_write(server: PostgresServer) -> None:
    with connect(server.config) as connection:
        connection.begin(["ISOLATION LEVEL REPEATABLE READ", "READ ONLY"])
        with pytest.raises(ReadOnlyError, match="cannot execute CREATE TABLE in a read-only transaction"):
            connection.execute("CREATE TABLE refused (x int)")


def test_statement_error_carries_sqlstate_position_and_hint(server: PostgresServer) -> None:
    with connect(server.config) as connection:
        with pytest.raises(InvalidStatementError) as caught:
            connection.query("SELECT datnme FROM pg_database")
        assert caught.value.sqlstate == "42703"
        assert caught.value.server.position == 8
        assert "datname" in caught.value.server.hint


def test_name_shows_in_the_servers_session_list(server: PostgresServer) -> None:
    with connect(server.config) as connection:
        connection.set_application_name("cockroach_pipelines/reporting/x/run")
        connection.commit()
        assert (
            server.psql(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cockroach_pipelines/reporting/x/run'"
            )
            == "1"
        )


def test_wrong_password_is_an_authentication_error_that_shows_no_password(server: PostgresServer) -> None:
    config = server.config.model_copy(update={"password": SecretStr("not-the-password")})
    with pytest.raises(AuthenticationError) as caught:
        connect(config, "warehouse")
    text = str(caught.value)
    assert caught.value.sqlstate == "28P01"
    assert "connection 'warehouse' (tester@localhost:" in text
    assert "COCKROACH_CONNECTIONS__" in text
    assert "not-the-password" not in text + repr(caught.value) + repr(config)


def test_missing_database_says_so(server: PostgresServer) -> None:
    with pytest.raises(ConnectionFailedError, match=r"\[3D000\].*does not exist") as caught:
        connect(server.config.model_copy(update={"database": "no such/database?"}))
    assert "correct `database`" in str(caught.value)


def test_nobody_listening_says_check_host_and_port(server: PostgresServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        config = server.config.model_copy(update={"port": unused.getsockname()[1]})
        with pytest.raises(ConnectionFailedError, match=r"\[08001\]") as caught:
            connect(config)
    assert "check host, port and network" in str(caught.value)


def test_server_without_tls_says_that_tls_failed(server: PostgresServer) -> None:
    with pytest.raises(ConnectionFailedError) as caught:
        connect(server.config.model_copy(update={"sslmode": "verify-full"}))
    assert "TLS failed: check sslmode" in str(caught.value)


def test_errors_pickle_across_processes(server: PostgresServer) -> None:
    with connect(server.config) as connection, pytest.raises(InvalidStatementError) as caught:
        connection.query("SELECT 1/0 FROM nowhere")
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - made here
    assert (type(copy), str(copy), copy.sqlstate) == (InvalidStatementError, str(caught.value), "42P01")


def test_arrow_and_pandas_go_in_and_come_out(server: PostgresServer) -> None:
    frame = pd.DataFrame({"name": ["a", "b", None], "n": [1, 2, 3]})
    with connect(server.config) as connection:
        connection.execute("CREATE TEMPORARY TABLE things (n int PRIMARY KEY, name text)")
        assert connection.write("things", frame).rows == 3
        assert connection.upsert("things", frame.assign(name="z").iloc[:1], key=["n"]).rows == 1
        with connection.read("SELECT * FROM things WHERE n < ? ORDER BY n", [3]) as stream:
            assert stream.reader.read_all().to_pylist() == [{"n": 1, "name": "z"}, {"n": 2, "name": "b"}]
        assert connection.read("SELECT name FROM things WHERE n = 3").to_pandas().isna().all().all()
