"""Checks that need no SQL, in Dagster: what they show, and that nothing bad is published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")


@pytest.fixture
def parcels(server: PostgresServer) -> PostgresServer:
    server.psql(
        "CREATE TABLE IF NOT EXISTS parcels (id int, sent timestamptz, town text, weight numeric(10, 3));"
        "GRANT ALL ON parcels TO PUBLIC; TRUNCATE parcels;"
        "INSERT INTO parcels VALUES (1, '2024-01-01 10:00Z', 'Bern', 1.5), (2, '2024-01-01 11:00Z', 'Lyon', 2),"
        "(3, '2024-01-02 10:00Z', NULL, 0.25), (3, '2024-01-02 11:00Z', 'Rome', 4)"
    )
    return server


def _run(config: ConfigManager, name: str, **options: Any) -> dg.ExecuteInProcessResult:
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(asset_selection=[dg.AssetKey(name.split("/"))], raise_on_error=False, **options)


def _checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def test_each_check_says_what_it_found(parcels: PostgresServer, tmp_path: Path) -> None:
    text = """
        /* @asset
        checks:
          not_null: [id, town]
          unique: {columns: id, severity: warn}
          accepted_values: {town: [Bern, Lyon]}
          row_count: ">= 100"
          freshness: {column: sent, within: 2h}
          query: SELECT id FROM result WHERE weight > 3
        */
        SELECT * FROM parcels ORDER BY sent
    """
    config = make_project(tmp_path, {"main": parcels.config}, {"reporting/parcels.sql": text})
    result = _run(config, "reporting/parcels")
    assert result.success
    checks = _checks(result)
    assert {name for name, check in checks.items() if check.passed} == {"not_null__id"}
    assert checks["not_null__town"].description == "1 row is wrong."
    assert checks["unique"].severity is dg.AssetCheckSeverity.WARN
    assert checks["unique"].description == "1 value is shared by 2 rows."
    assert [row.data for row in checks["unique"].metadata["sample"].value.records] == [{"id": 3, "rows": 2}]
    assert [row.data["town"] for row in checks["accepted_values"].metadata["sample"].value.records] == ["Rome"]
    assert checks["row_count"].metadata["rows"].value == 4
    assert str(checks["freshness"].description).startswith("The newest 'sent' is 2024-01-02 11:00:00")
    assert checks["query"].description == "1 row is wrong."


def test_blocking_check_keeps_the_last_good_result(parcels: PostgresServer, tmp_path: Path) -> None:
    text = "/* @asset\nchecks: {unique: {columns: id, blocking: true}}\n*/\nSELECT id FROM parcels"
    config = make_project(tmp_path, {"main": parcels.config}, {"reporting/ids.sql": f"{text} WHERE id < 3"})
    assert _run(config, "reporting/ids").success
    make_project(tmp_path, {"main": parcels.config}, {"reporting/ids.sql": text})
    result = _run(config, "reporting/ids")
    assert not result.success
    assert not _checks(result)["unique"].passed
    assert not result.get_asset_materialization_events()
    assert pq.read_table(config.settings.results_folder / "reporting" / "ids.parquet")["id"].to_pylist() == [1, 2]


DAILY = """
    /* @asset
    partition: {every: day, from: 2024-01-01, to: 2024-01-03}
    checks:
      not_null: town
      no_change_beyond: {rows: 50%, sum(weight): 50%}
    */
    SELECT id, town, weight FROM parcels WHERE sent >= :partition_start AND sent < :partition_end
"""


def test_result_is_compared_with_the_previous_one_of_the_same_partition(
    parcels: PostgresServer, tmp_path: Path
) -> None:
    config = make_project(tmp_path, {"main": parcels.config}, {"reporting/daily.sql": DAILY})
    both = {
        "dagster/asset_partition_range_start": "2024-01-01",
        "dagster/asset_partition_range_end": "2024-01-02",
    }
    with dg.DagsterInstance.ephemeral() as instance:
        first = _checks(_run(config, "reporting/daily", instance=instance, tags=both))
        assert first["no_change_beyond"].description == "Nothing to compare with: this is the first materialization."
        assert first["not_null"].metadata["failed_partitions"].value == "2024-01-02"
        parcels.psql("UPDATE parcels SET weight = weight * 10 WHERE sent < '2024-01-02Z'")
        second = _checks(_run(config, "reporting/daily", instance=instance, tags=both))["no_change_beyond"]
        assert not second.passed
        assert second.description == (
            "2024-01-01: sum(weight) changed by 900%, from 3.500 to 35.000; at most 50% is wanted."
        )
        assert second.metadata["failed_partitions"].value == "2024-01-01"
        third = _checks(_run(config, "reporting/daily", instance=instance, partition_key="2024-01-01"))
        assert third["no_change_beyond"].passed


def test_check_that_cannot_be_evaluated_says_why_without_values(parcels: PostgresServer, tmp_path: Path) -> None:
    text = """
        /* @asset
        params: {word: {type: text}}
        checks:
          bound: SELECT 1 FROM result WHERE id = cast(:word::text AS integer)
          of_rows: SELECT 1 FROM result WHERE cast(town AS integer) = id
        */
        SELECT id, town, :word::text AS word FROM parcels
    """
    config = make_project(tmp_path, {"main": parcels.config}, {"reporting/x.sql": text})
    given = {"ops": {"reporting__x": {"config": {"word": "s3cret"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        result = _run(config, "reporting/x", instance=instance, run_config=given)
        kept = [
            str(entry.dagster_event.event_specific_data) + entry.user_message
            for entry in instance.all_logs(result.run_id)
            if entry.dagster_event and entry.dagster_event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ]
    checks = _checks(result)
    assert not checks["bound"].passed
    said = "The check could not be evaluated: "
    assert str(checks["bound"].description).startswith(said)
    assert "[22P02] invalid input syntax for type integer: …" in str(checks["bound"].metadata["error"].value)
    assert "[22P02] invalid input syntax for type integer: …" in str(checks["of_rows"].description)
    assert len(kept) == 2
    assert not [each for each in kept if "s3cret" in each or "Rome" in each]


def test_check_added_later_knows_the_rows_of_before(parcels: PostgresServer, tmp_path: Path) -> None:
    text = "/* @asset\ndescription: All.\n*/\nSELECT * FROM parcels"
    config = make_project(tmp_path, {"main": parcels.config}, {"reporting/all.sql": text})
    with dg.DagsterInstance.ephemeral() as instance:
        assert _run(config, "reporting/all", instance=instance).success
        parcels.psql("DELETE FROM parcels WHERE id > 1")
        with_check = text.replace("description: All.", "checks: {no_change_beyond: 50%}")
        make_project(tmp_path, {"main": parcels.config}, {"reporting/all.sql": with_check})
        check = _checks(_run(config, "reporting/all", instance=instance))["no_change_beyond"]
        assert check.description == "rows changed by -75%, from 4 to 1; at most 50% is wanted."


def test_reconciliation_may_check_its_differences(parcels: PostgresServer, tmp_path: Path) -> None:
    text = "/* @asset\nchecks: {not_null: id}\n*/\nSELECT id FROM parcels WHERE town IS NULL"
    config = make_project(tmp_path, {"main": parcels.config}, {"reconciliation/lost.sql": text})
    assert {name: check.passed for name, check in _checks(_run(config, "reconciliation/lost")).items()} == {
        "no_differences": False,
        "not_null": True,
    }
