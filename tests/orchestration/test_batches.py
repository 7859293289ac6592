"""A batch file is an asset: dry until armed, its end reason and progress told, checks evaluated, held by whoever has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.execution.lease import Lease
from cockroach_pipelines.maintenance import Overseer
from cockroach_pipelines.maintenance.own_tables import OwnTables
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.queries import SQLRepository
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

KEY = "maintenance/purge"
HEADER = "batch: {table: visits, key: id, size: {start: 100, min: 100, max: 100}, archive: kept}"
CHECK = "checks: {nothing_old: SELECT id FROM visits WHERE old}"
DELETE = "DELETE FROM visits WHERE old"


@pytest.fixture
def visits(server: PostgresServer) -> Iterator[PostgresServer]:
    server.psql(
        "DROP TABLE IF EXISTS visits; DROP SCHEMA IF EXISTS cockroach_pipelines CASCADE;"
        "CREATE TABLE visits (id int PRIMARY KEY, old boolean, day date);"
        "INSERT INTO visits SELECT n, n % 2 = 0, date '2024-01-01' + n % 3 FROM generate_series(1, 1000) AS n;"
        "ALTER TABLE visits OWNER TO tester; ANALYZE visits"
    )
    yield server
    server.psql("DROP TABLE IF EXISTS visits; DROP SCHEMA IF EXISTS cockroach_pipelines CASCADE")


@pytest.fixture
def project(visits: PostgresServer, tmp_path: Path) -> Any:
    def make(header: str = f"{HEADER}\n{CHECK}", sql: str = DELETE) -> ConfigManager:
        return make_project(tmp_path, {"main": visits.config}, {f"{KEY}.sql": f"/* @asset\n{header}\n*/\n{sql}"})

    return make


def run(config: ConfigManager, given: Mapping[str, Any] | None = None, **options: Any) -> dg.ExecuteInProcessResult:
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    run_config = {"ops": {KEY.replace("/", "__"): {"config": dict(given)}}} if given else None
    return job.execute_in_process(
        asset_selection=[dg.AssetKey(KEY.split("/"))], run_config=run_config, raise_on_error=False, **options
    )


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event, *_) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    failure = result.failure_data_for_node(KEY.replace("/", "__"))
    assert failure is not None and failure.user_failure_data is not None
    return str(failure.user_failure_data.description)


def left(server: PostgresServer) -> str:
    return server.psql("SELECT count(*) FROM visits")


def test_the_first_run_is_dry_and_says_what_it_would_do(project: Any, visits: PostgresServer) -> None:
    result = run(project())
    assert result.success
    metadata = metadata_of(result)
    assert (metadata["dry_run"], metadata["end_reason"], metadata["estimated_rows"]) == (True, "done", 500)
    assert metadata["would_do"] == "would touch about 500 rows of 1,000 (50.0%)"
    assert "Index Scan using visits_pkey" in metadata["plan"]
    assert len(metadata["sample"].records) == 10
    (check,) = result.get_asset_check_evaluations()
    assert not check.passed
    assert left(visits) == "1000"


def test_an_armed_run_works_and_later_ones_do_by_themselves(project: Any, visits: PostgresServer) -> None:
    config = project()
    result = run(config, {"arm": True})
    assert result.success
    metadata = metadata_of(result)
    told = ("dry_run", "end_reason", "rows_affected", "batches", "resumes")
    assert [metadata[name] for name in told] == [False, "done", 500, 6, 0]
    assert metadata["rows_per_second"] > 0
    assert metadata["archive"] == str(config.settings.results_folder / "kept")
    assert pq.read_table(metadata["archive"]).num_rows == 500
    (check,) = result.get_asset_check_evaluations()
    assert check.passed
    visits.psql("INSERT INTO visits VALUES (2, true, now())")
    assert metadata_of(run(config))["rows_affected"] == 1
    assert left(visits) == "500"


def test_a_dry_run_can_be_asked_for(project: Any, visits: PostgresServer) -> None:
    config = project()
    assert metadata_of(run(config, {"arm": True, "dry_run": True}))["dry_run"]
    assert left(visits) == "1000"


def test_limits_leave_the_rest_for_the_next_run(project: Any, visits: PostgresServer) -> None:
    config = project(f"{HEADER[:-1]}, limits: {{rows: 300}}}}")
    first, second = run(config, {"arm": True}), run(config)
    assert [metadata_of(each)["end_reason"] for each in (first, second)] == ["rows", "done"]
    assert (metadata_of(second)["resumes"], metadata_of(second)["rows_of_pass"], left(visits)) == (1, 500, "500")


def test_a_paused_job_fails_and_says_why(project: Any, visits: PostgresServer) -> None:
    config = project()
    query = SQLRepository(config.settings.sql_folder).get(KEY)
    with ConnectionManager({"main": visits.config}) as connections:
        Overseer(connections, "main", "a person").pause(query, "month end")
        result = run(config, {"arm": True})
    assert not result.success
    assert "ended: paused (the job is paused by a person since" in failure_of(result)
    assert "month end" in failure_of(result)
    assert left(visits) == "1000"


def test_a_job_that_another_process_runs_is_refused(project: Any, visits: PostgresServer) -> None:
    config = project()
    run(config)
    with ConnectionManager({"main": visits.config}) as connections, connections.lend() as connection:
        Lease(OwnTables().holders, KEY, "somebody@elsewhere").take(connection)
        connection.commit()
        result = run(config, {"arm": True})
    assert failure_of(result).startswith(f"{KEY} is held by somebody@elsewhere since 20")
    assert "unless renewed; this run did nothing.\n" in failure_of(result)
    assert left(visits) == "1000"


def test_a_refused_file_fails_with_its_place(project: Any) -> None:
    result = run(project(HEADER.replace("key: id", "key: day")), {"arm": True})
    assert "purge.sql:2:24: No index of visits begins with day" in failure_of(result)


def test_a_partition_is_a_job_of_its_own(project: Any, visits: PostgresServer) -> None:
    header = f"{HEADER}\npartition: {{every: day, from: 2024-01-01}}"
    sql = "DELETE FROM visits WHERE old AND day = CAST(:partition_key AS date)"
    result = run(project(header, sql), {"arm": True}, partition_key="2024-01-02")
    assert result.success
    deleted = metadata_of(result)["rows_affected"]
    assert (deleted, left(visits)) == (167, "833")
    jobs = visits.psql("SELECT job, finished FROM cockroach_pipelines.maintenance_cursors")
    assert jobs == f"{KEY}@2024-01-02|t"


def test_parameters_are_set_beside_arm(project: Any, visits: PostgresServer) -> None:
    config = project(f"{HEADER}\nparams: {{below: integer}}", "DELETE FROM visits WHERE old AND id < :below")
    assert metadata_of(run(config, {"arm": True, "below": 101}))["rows_affected"] == 50
    assert left(visits) == "950"
