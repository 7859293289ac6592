"""Monitors on a real server: measured rows, checks with severity and sample, numbers over time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cockroach_pipelines.database import ConnectionManager, ReadOnlyError
from cockroach_pipelines.execution import CheckOutcome, Order, Outcome, QueryExecutor, TransactionalExecutor
from cockroach_pipelines.maintenance import MonitorError, run_maintenance
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.queries import Severity, SQLRepository
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

LAGS = "SELECT name, lag FROM (VALUES ('a', 10), ('b', 70), ('c', 700)) AS lags (name, lag)"


def watch(server: PostgresServer, folder: Path, header: str, sql: str, **values: object) -> Outcome:
    make_project(folder, {"main": server.config}, {"maintenance/m.sql": f"/* @asset\n{header}\n*/\n{sql}"})
    query = SQLRepository(folder / "sql").get("m")
    with ConnectionManager({"main": server.config}) as connections:
        reader, writer = QueryExecutor(connections), TransactionalExecutor(connections)
        return run_maintenance(writer, reader, Order(query, values))


def check(outcome: Outcome) -> CheckOutcome:
    (found,) = outcome.checks
    return found


@pytest.mark.parametrize(
    ("header", "passed", "severity"),
    [
        ("warn: {column: lag, below: 1000}", True, None),
        ("warn: {column: lag, below: 60}", False, Severity.WARN),
        ("warn: {column: lag, below: 60}\nerror: {column: lag, below: 1000}", False, Severity.WARN),
        ("warn: {column: lag, below: 60}\nerror: {column: lag, below: 700}", False, Severity.ERROR),
        ("expect: {column: lag, at_most: 700, above: 9}", True, None),
        ("expect: {column: name, equals: [a, b, c]}", True, None),
        ("expect: {column: name, equals: a}", False, Severity.ERROR),
        ("expect: {rows: 3}", True, None),
        ("expect: {rows: 0}", False, Severity.ERROR),
        ("warn: {rows: 0}\nerror: {rows: {at_most: 3}}", False, Severity.WARN),
    ],
)
def test_worst_rule_that_is_broken_is_the_severity(
    server: PostgresServer, tmp_path: Path, header: str, passed: bool, severity: Severity | None
) -> None:
    found = check(watch(server, tmp_path, header, LAGS))
    assert (found.passed, None if passed else found.severity) == (passed, severity)


def test_offending_rows_are_the_sample_and_the_rule_is_said(server: PostgresServer, tmp_path: Path) -> None:
    found = check(watch(server, tmp_path, "error: {column: lag, below: 1m}", LAGS))
    assert found.finding == "2 of 3 rows break the rule: lag below 60.0; the values reach from 10 to 700."
    assert found.sample is not None
    assert found.sample.to_pylist() == [{"name": "b", "lag": 70}, {"name": "c", "lag": 700}]
    assert found.figures == {"lag_max": 700.0, "lag_min": 10.0}


def test_sample_is_short_however_many_rows_are_wrong(server: PostgresServer, tmp_path: Path) -> None:
    found = check(
        watch(server, tmp_path, "error: {column: n, below: 5}", "SELECT n FROM generate_series(1, 50000) AS n")
    )
    assert found.sample is not None
    assert (found.wrong_rows, found.sample.num_rows, found.sample["n"][0].as_py()) == (49_996, 20, 5)


@pytest.mark.parametrize(
    ("expression", "rule", "passed"),
    [
        ("1.5::numeric", "below: 1.50", False),
        ("1.49999999999999999999::numeric", "below: 1.5", True),
        ("'NaN'::numeric", "below: 5", False),
        ("'Infinity'::float8", "below: 5", False),
        ("'-Infinity'::float8", "below: 5", True),
        ("9007199254740993::int8", "at_most: 9007199254740992", False),
        ("interval '61 seconds'", "below: 1m", False),
        ("interval '1 day -1 second'", "below: 1d", True),
        ("NULL::int", "below: 5", False),
        ("NULL::int", "below: 5, null: ok", True),
        ("true", "equals: true", True),
        ("false", "equals: true", False),
        ("NULL::text", "equals: x", False),
    ],
)
def test_values_of_every_kind_are_compared_exactly(
    server: PostgresServer, tmp_path: Path, expression: str, rule: str, passed: bool
) -> None:
    found = check(watch(server, tmp_path, f"error: {{column: v, {rule}}}", f"SELECT {expression} AS v"))
    assert found.passed is passed


def test_no_rows_break_no_rule_of_a_column(server: PostgresServer, tmp_path: Path) -> None:
    found = check(watch(server, tmp_path, "error: {column: n, below: 5}", "SELECT 1 AS n WHERE false"))
    assert (found.passed, found.figures) == (True, {})


def test_column_that_there_is_not_is_named_with_its_place_and_the_nearest(
    server: PostgresServer, tmp_path: Path
) -> None:
    with pytest.raises(MonitorError) as caught:
        watch(server, tmp_path, "error: {column: lagg, below: 5}", LAGS)
    assert str(caught.value).endswith("m.sql:2:17: The result has no column 'lagg'.\nDid you mean 'lag'?")


def test_numbers_are_not_sought_in_text(server: PostgresServer, tmp_path: Path) -> None:
    with pytest.raises(
        MonitorError, match=r"'name' is of type text, and the rule compares numbers(.|\n)*extract\(epoch"
    ):
        watch(server, tmp_path, "error: {column: name, below: 5}", LAGS)


def test_monitor_that_writes_is_refused_by_the_server(server: PostgresServer, tmp_path: Path) -> None:
    server.psql(
        "CREATE TABLE IF NOT EXISTS watched (n int); GRANT ALL ON watched TO PUBLIC; CREATE OR REPLACE FUNCTION creeping() "
        "RETURNS int LANGUAGE sql AS $$ INSERT INTO watched VALUES (1) RETURNING n $$"
    )
    with pytest.raises(ReadOnlyError):
        watch(server, tmp_path, "error: {rows: 1}", "SELECT creeping() AS n")
    assert server.psql("SELECT count(*) FROM watched") == "0"


def _run(folder: Path, server: PostgresServer, files: Mapping[str, str]) -> dg.ExecuteInProcessResult:
    config = make_project(folder, {"main": server.config}, files)
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(asset_selection=[dg.AssetKey(["maintenance", "m"])], raise_on_error=False)


def test_dagster_plots_its_numbers_and_shows_the_rows(server: PostgresServer, tmp_path: Path) -> None:
    header = "warn: {column: lag, below: 60}\nerror: {column: lag, below: 700}\nchecks: {named: SELECT * FROM result WHERE name IS NULL}"
    result = _run(tmp_path, server, {"maintenance/m.sql": f"/* @asset\n{header}\n*/\n{LAGS}"})
    assert result.success
    (event,) = result.get_asset_materialization_events()
    metadata: dict[str, Any] = {name: value.value for name, value in event.materialization.metadata.items()}
    assert (metadata["dagster/row_count"], metadata["lag_max"], metadata["lag_min"]) == (3, 700.0, 10.0)
    assert "rows_affected" not in metadata
    assert len(metadata["preview"].records) == 3
    checks = {each.check_name: each for each in result.get_asset_check_evaluations()}
    assert checks["named"].passed
    lag = checks["lag"]
    assert (lag.passed, lag.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert lag.description == "1 of 3 rows break the rule: lag below 700; the values reach from 10 to 700."
    assert lag.metadata["lag_max"].value == 700.0
    assert [record.data for record in lag.metadata["sample"].value.records] == [{"name": "c", "lag": 700}]


def test_dagster_tries_no_monitor_again_whose_rule_is_wrong(server: PostgresServer, tmp_path: Path) -> None:
    result = _run(tmp_path, server, {"maintenance/m.sql": f"/* @asset\nwarn: {{column: lagg, below: 1}}\n*/\n{LAGS}"})
    failure = result.failure_data_for_node("maintenance__m")
    assert failure is not None and failure.user_failure_data is not None
    assert "Did you mean 'lag'?" in str(failure.user_failure_data.description)


def test_each_partition_of_a_monitor_has_its_own_numbers(server: PostgresServer, tmp_path: Path) -> None:
    header = "partition: {every: day, from: 2024-01-01, to: 2024-01-03}\nwarn: {column: lag, below: 2}"
    sql = "SELECT extract(day FROM :partition_start::timestamptz)::int AS lag"
    config = make_project(tmp_path, {"main": server.config}, {"maintenance/m.sql": f"/* @asset\n{header}\n*/\n{sql}"})
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    for key, passed in (("2024-01-01", True), ("2024-01-02", False)):
        result = job.execute_in_process(asset_selection=[dg.AssetKey(["maintenance", "m"])], partition_key=key)
        (event,) = result.get_asset_materialization_events()
        metadata = {name: value.value for name, value in event.materialization.metadata.items()}
        assert (event.partition, metadata["lag_max"]) == (key, float(key[-2:]))
        (found,) = result.get_asset_check_evaluations()
        assert found.passed is passed
