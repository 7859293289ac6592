"""The resource checks its name at set-up, and touches Java and the server only in the step."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigurationError, DatabaseConfig
from cockroach_pipelines.orchestration import CockroachDBResource
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project


def test_own_assets_reach_the_database_through_it(server: PostgresServer, tmp_path: Path) -> None:
    make_project(tmp_path, {"main": server.config}, {})

    @dg.asset
    def roles(database: CockroachDBResource) -> dg.MaterializeResult[None]:
        with database.connection() as connection:
            ((role,),) = connection.query("SELECT current_user")
        return dg.MaterializeResult(metadata={"role": role})

    resource = CockroachDBResource(config_file=str(tmp_path / "config.yaml"))
    result = dg.materialize([roles], resources={"database": resource})
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["role"].value == "tester"


def test_sessions_end_with_the_run(server: PostgresServer, tmp_path: Path) -> None:
    config = server.config.model_copy(update={"application_name": "ends-with-the-run"})
    make_project(tmp_path, {"main": config}, {})

    @dg.asset
    def touch(database: CockroachDBResource) -> None:
        with database.connection() as connection:
            connection.query("SELECT 1")

    dg.materialize([touch], resources={"database": CockroachDBResource(config_file=str(tmp_path / "config.yaml"))})
    assert server.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ends-with-the-run'") == "0"


def test_unknown_connection_fails_at_set_up_with_a_proposal(tmp_path: Path) -> None:
    make_project(tmp_path, {"main": DatabaseConfig(host="db.example.com", user="etl")}, {})

    @dg.asset
    def untouched(database: CockroachDBResource) -> None:
        raise AssertionError("the step must not start")

    resource = CockroachDBResource(connection_name="mian", config_file=str(tmp_path / "config.yaml"))
    with pytest.raises(dg.DagsterResourceFunctionError) as caught:
        dg.materialize([untouched], resources={"database": resource})
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert "Did you mean 'main'?" in str(caught.value.__cause__)


def test_it_holds_no_secret(server: PostgresServer, tmp_path: Path) -> None:
    make_project(tmp_path, {"main": server.config}, {})
    resource = CockroachDBResource(config_file=str(tmp_path / "config.yaml"))
    assert server.config.password is not None
    assert server.config.password.get_secret_value() not in repr(resource) + str(resource.model_dump())
