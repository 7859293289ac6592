"""A run that fails says what the server said, where in the file, and asks for another try only where that can help."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigManager, DatabaseConfig, RetryConfig
from cockroach_pipelines.database import (
    ConnectionFailedError,
    DatabaseError,
    KerberosCause,
    KerberosError,
    PoolTimeoutError,
    ServerMessage,
    statement_error,
)
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.orchestration.failures import failure
from tests.peers.postgres import PostgresServer
from tests.peers.processes import inherited
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    folder = tmp_path / "instance"
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder), overrides={"telemetry": {"enabled": False}}) as instance:
        yield instance


@pytest.fixture
def ledger(server: PostgresServer) -> PostgresServer:
    server.psql(
        "DROP TABLE IF EXISTS ledger; CREATE TABLE ledger (id int PRIMARY KEY, note text); GRANT ALL ON ledger TO PUBLIC;"
        "INSERT INTO ledger VALUES (1, 'first')"
    )
    return server


def config_of(server: PostgresServer, **retry: Any) -> DatabaseConfig:
    return server.config.model_copy(update={"retry": RetryConfig.model_validate({"first_wait": 0.01, **retry})})


def run(
    config: ConfigManager, instance: dg.DagsterInstance, name: str, run_config: Mapping[str, Any] | None = None
) -> dg.ExecuteInProcessResult:
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(name.split("/"))],
        run_config=run_config,
        raise_on_error=False,
    )


def failure_of(result: dg.ExecuteInProcessResult, node: str) -> Any:
    failure = result.failure_data_for_node(node)
    assert failure is not None and failure.user_failure_data is not None
    return failure.user_failure_data


def test_failed_run_shows_sqlstate_message_hint_and_a_caret_below_the_place_in_the_file(
    ledger: PostgresServer, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    text = "/* @asset\ndescription: A wrong name.\n*/\n\nSELECT id,\n\tnoet\nFROM ledger"
    config = make_project(tmp_path, {"main": ledger.config}, {"reporting/typo.sql": text})
    result = run(config, instance, "reporting/typo")
    said = str(failure_of(result, "reporting__typo").description)
    assert said.splitlines()[:3] == [
        f'{tmp_path / "sql/queries/reporting/typo.sql"}:6:2: [42703] column "noet" does not exist',
        "  6 | \tnoet",
        "    | \t^",
    ]
    assert 'Hint: Perhaps you meant to reference the column "ledger.note".' in said
    assert failure_of(result, "reporting__typo").metadata["sqlstate"].value == "42703"
    assert any("\t^" in entry.user_message for entry in instance.all_logs(result.run_id) if entry.level == 40)


def test_no_value_that_a_statement_binds_is_kept_in_the_log_of_a_failed_run(
    ledger: PostgresServer, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    text = "/* @asset\nparams: {word: {type: text}}\n*/\nSELECT cast(:word::text AS integer) AS number"
    config = make_project(tmp_path, {"main": ledger.config}, {"reporting/cast.sql": text})
    # The run's own configuration is the user's to keep; it is not what is looked at here.
    result = run(config, instance, "reporting/cast", {"ops": {"reporting__cast": {"config": {"word": "s3cret"}}}})
    assert "invalid input syntax for type integer: …" in str(failure_of(result, "reporting__cast").description)
    kept = [str(entry) for entry in instance.all_logs(result.run_id)]
    assert [entry for entry in kept if "s3cret" in entry] == []


def test_report_that_deletes_or_changes_the_schema_fails_in_the_database_and_names_file_and_rule(
    ledger: PostgresServer, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    ledger.psql(
        "CREATE OR REPLACE FUNCTION sly_delete() RETURNS int LANGUAGE sql AS 'DELETE FROM ledger; SELECT 1';"
        "CREATE OR REPLACE FUNCTION sly_ddl() RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE sly (n int); RETURN 1; END $$"
    )
    files = {
        "reporting/deletes.sql": "SELECT sly_delete()",
        "reconciliation/defines.sql": "SELECT sly_ddl() AS made",
    }
    config = make_project(tmp_path, {"main": ledger.config}, files)
    for name, what in (("reporting/deletes", "DELETE"), ("reconciliation/defines", "CREATE TABLE")):
        said = str(failure_of(run(config, instance, name), name.replace("/", "__")).description)
        assert f"{name}.sql:1:" in said
        assert f"[25006] cannot execute {what} in a read-only transaction" in said
        assert "Reports and reconciliations run read-only" in said
    assert ledger.psql("SELECT count(*) FROM ledger") == "1"


def test_executor_tries_again_before_dagster_does_and_the_run_tells_of_it(
    ledger: PostgresServer, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    ledger.psql(
        "CREATE SEQUENCE IF NOT EXISTS tries; SELECT setval('tries', 1, false); GRANT ALL ON SEQUENCE tries TO PUBLIC;"
        "CREATE OR REPLACE FUNCTION twice_in_vain() RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('tries') < 3 THEN RAISE SQLSTATE '40001' USING MESSAGE = 'restart transaction: in vain'; END IF; RETURN 1; END $$"
    )
    files = {"maintenance/tries.sql": "UPDATE ledger SET note = 'done' WHERE id = twice_in_vain()"}
    config = make_project(tmp_path, {"main": config_of(ledger)}, files)
    result = run(config, instance, "maintenance/tries")
    assert result.success
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["retries"].value == 2
    assert ledger.psql("SELECT note FROM ledger") == "done"
    warnings = [entry.user_message for entry in instance.all_logs(result.run_id) if entry.level == 30]
    assert len([text for text in warnings if "restart transaction: in vain" in text]) == 2
    assert _steps_tried_again(instance, result) == 0


def _steps_tried_again(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> int:
    return sum(
        entry.dagster_event is not None and entry.dagster_event.event_type is dg.DagsterEventType.STEP_UP_FOR_RETRY
        for entry in instance.all_logs(result.run_id)
    )


def test_dagster_tries_again_only_what_outlives_the_executors_attempts_and_can_pass(
    ledger: PostgresServer, instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = dg.RetryPolicy(max_retries=2, delay=0.01)
    monkeypatch.setattr("cockroach_pipelines.orchestration.failures.RETRY_POLICY", quick)
    ledger.psql(
        "CREATE OR REPLACE FUNCTION always(state text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION USING ERRCODE = state, MESSAGE = 'always'; END $$"
    )
    files = {
        "maintenance/passing.sql": "UPDATE ledger SET note = '' WHERE id = always('40001')",
        "maintenance/refusing.sql": "/* @asset\nretries: 0\n*/\nUPDATE ledger SET note = '' WHERE id = always('40001')",
    }
    config = make_project(tmp_path, {"main": config_of(ledger, retries=1)}, files)
    for name, steps, attempts in (("passing", 2, 3), ("refusing", 0, 0)):
        result = run(config, instance, f"maintenance/{name}")
        assert not result.success
        assert _steps_tried_again(instance, result) == steps, name
        logged = [entry.user_message for entry in instance.all_logs(result.run_id)]
        assert sum("attempt 1 failed" in text for text in logged) == attempts, name


@pytest.mark.parametrize("sqlstate", ["40003", "XXA00", "57014", "22012", "42501", "25006", "23505"])
def test_what_cannot_pass_or_would_do_harm_is_a_failure_without_another_try(sqlstate: str) -> None:
    raised = failure(statement_error(ServerMessage(sqlstate, "said the server")), 0)
    assert isinstance(raised, dg.Failure)
    assert raised.allow_retries is False


@pytest.mark.parametrize(
    "error",
    [
        statement_error(ServerMessage("40001", "restart transaction")),
        statement_error(ServerMessage("55P03", "lock timeout")),
        statement_error(ServerMessage("08006", "gone")),
        ConnectionFailedError("refused", sqlstate="08001"),
        PoolTimeoutError("all in use"),
        KerberosError("no KDC", cause=KerberosCause.KDC_REFUSED),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_can_pass_is_tried_twice_more_and_later_each_time(error: DatabaseError) -> None:
    waits = []
    for number in range(2):
        raised = failure(error, number)
        assert isinstance(raised, dg.RetryRequested)
        waits.append(raised.seconds_to_wait or 0)
    assert 0 < waits[0] < waits[1] * 2
    assert isinstance(failure(error, 2), dg.Failure)
    assert isinstance(failure(error, 0, retries=False), dg.Failure)


_RUN = """
import sys
from pathlib import Path
import dagster as dg
from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions

if __name__ == "__main__":
    job = build_definitions(ConfigManager.load(Path(sys.argv[1]))).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(sys.argv[2].split("/"))], raise_on_error=False
        )
    print(result.run_id, result.success)
"""


def test_of_two_runs_of_the_same_maintenance_at_once_one_is_refused_and_names_the_other(
    ledger: PostgresServer, tmp_path: Path
) -> None:
    text = "UPDATE ledger SET note = note || '.' WHERE id = 1 AND pg_sleep(6) IS NOT NULL"
    config = make_project(tmp_path, {"main": ledger.config}, {"maintenance/at_once.sql": text})
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}")
    with dg.DagsterInstance.from_config(str(home)) as instance:  # two that make its tables at once would meet there
        assert instance.get_run_records() == []
        command = [sys.executable, "-c", _RUN, str(config.path), "maintenance/at_once"]
        env = inherited(DAGSTER_HOME=str(home), PYTHONPATH=str(Path(__file__).parents[2]))
        runs = [subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        printed = [run.communicate(timeout=120)[0].split() for run in runs]
        ended = {succeeded: run_id for run_id, succeeded in printed}
        assert set(ended) == {"True", "False"}
        said = "\n".join(str(entry) for entry in instance.all_logs(ended["False"]))
        assert f"maintenance/at_once is being run by {ended['True']}; this run did nothing." in said
        assert instance.event_log_storage.get_concurrency_info("maintenance/at_once").active_slot_count == 0
    assert ledger.psql("SELECT note FROM ledger") == "first."


def test_partitions_of_one_maintenance_run_beside_each_other_and_a_taken_one_is_refused(
    ledger: PostgresServer, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    text = (
        "/* @asset\npartition: {every: day, from: 2024-01-01, to: 2024-01-04}\n*/\n"
        "DELETE FROM ledger WHERE note = :partition_key"
    )
    config = make_project(tmp_path, {"main": ledger.config}, {"maintenance/days.sql": text})
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    key = dg.AssetKey(["maintenance", "days"])
    storage = instance.event_log_storage
    storage.set_concurrency_slots("maintenance/days:2024-01-01", 1)
    assert storage.claim_concurrency_slot("maintenance/days:2024-01-01", "the-other-run", "its step").is_claimed

    def start(day: str) -> bool:
        return job.execute_in_process(
            instance=instance, asset_selection=[key], partition_key=day, raise_on_error=False
        ).success

    assert [start("2024-01-01"), start("2024-01-02")] == [False, True]
    storage.free_concurrency_slots_for_run("the-other-run")
    assert start("2024-01-01")
    assert storage.get_concurrency_keys() <= {"main"}


def test_moment_that_postgresql_cannot_read_as_of_is_told_in_the_metadata(
    ledger: PostgresServer, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    files = {"reporting/past.sql": "/* @asset\nas_of: -10s\n*/\nSELECT id FROM ledger"}
    config = make_project(tmp_path, {"main": ledger.config}, files)
    (event,) = run(config, instance, "reporting/past").get_asset_materialization_events()
    assert "PostgreSQL keeps no history to read as of -10s" in event.materialization.metadata["as_of"].value
