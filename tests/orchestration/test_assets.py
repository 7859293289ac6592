"""A SQL file is an asset: it runs on a real server, with metadata, checks, partitions and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

ORDERS = """
    CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, placed timestamptz, customer text, amount numeric(10, 2));
    GRANT ALL ON orders TO PUBLIC;
    TRUNCATE orders;
    INSERT INTO orders VALUES
        (1, '2024-01-01 10:00Z', 'ann', 10.50), (2, '2024-01-01 23:59:59Z', 'bob', 2), (3, '2024-01-02 00:00Z', NULL, 7.25),
        (4, '2024-01-03 12:00Z', 'ann', 1)
"""


@pytest.fixture
def orders(server: PostgresServer) -> PostgresServer:
    server.psql(ORDERS)
    return server


def _run(
    config: ConfigManager, name: str, *, run_config: Mapping[str, Any] | None = None, **options: Any
) -> dg.ExecuteInProcessResult:
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        asset_selection=[dg.AssetKey(name.split("/"))], run_config=run_config, raise_on_error=False, **options
    )


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event, *_) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def _checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def test_report_is_kept_as_parquet_with_its_metadata(orders: PostgresServer, tmp_path: Path) -> None:
    config = make_project(
        tmp_path,
        {"main": orders.config},
        {
            "reporting/customers.sql": "-- Orders per customer.\nSELECT customer, count(*) AS n, avg(amount) AS mean FROM orders GROUP BY 1 ORDER BY 1"
        },
    )
    result = _run(config, "reporting/customers")
    assert result.success
    metadata = _metadata(result)
    assert metadata["dagster/row_count"] == 3
    columns = {column.name: column.type for column in metadata["dagster/column_schema"].columns}
    assert columns == {"customer": "text", "n": "int8", "mean": "numeric"}
    assert metadata["connection"].startswith("main (PostgreSQL 15")
    assert "FROM orders" in metadata["statement"]
    assert [record.data["customer"] for record in metadata["preview"].records] == ["ann", "bob", None]
    table = pq.read_table(config.settings.results_folder / "reporting" / "customers.parquet")
    assert table.num_rows == 3
    assert pa.types.is_decimal(table.schema.field("mean").type)
    assert [str(mean.normalize()) for mean in table["mean"].to_pylist()] == ["5.75", "2", "7.25"]


def test_report_that_writes_is_refused_by_the_database(orders: PostgresServer, tmp_path: Path) -> None:
    orders.psql(
        "CREATE OR REPLACE FUNCTION sneaky() RETURNS int LANGUAGE sql AS $$ DELETE FROM orders; SELECT 1 $$;"
        "GRANT EXECUTE ON FUNCTION sneaky() TO PUBLIC"
    )
    config = make_project(tmp_path, {"main": orders.config}, {"reporting/sneaky.sql": "SELECT sneaky()"})
    result = _run(config, "reporting/sneaky")
    assert not result.success
    failure = result.failure_data_for_node("reporting__sneaky")
    assert failure is not None and failure.user_failure_data is not None
    assert "[25006] cannot execute DELETE in a read-only transaction" in str(failure.user_failure_data.description)
    assert "maintenance" in str(failure.user_failure_data.description)
    assert orders.psql("SELECT count(*) FROM orders") == "4"


def test_reconciliation_succeeds_and_its_check_fails_with_a_sample(orders: PostgresServer, tmp_path: Path) -> None:
    config = make_project(
        tmp_path,
        {"main": orders.config},
        {"reconciliation/no_customer.sql": "SELECT id FROM orders WHERE customer IS NULL"},
    )
    result = _run(config, "reconciliation/no_customer")
    assert result.success
    check = _checks(result)["no_differences"]
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.description == "1 row is wrong."
    assert check.metadata["wrong_rows"].value == 1
    assert [record.data for record in check.metadata["sample"].value.records] == [{"id": 3}]


def test_reconciliation_without_differences_passes(orders: PostgresServer, tmp_path: Path) -> None:
    config = make_project(
        tmp_path, {"main": orders.config}, {"reconciliation/none.sql": "SELECT id FROM orders WHERE amount < 0"}
    )
    result = _run(config, "reconciliation/none")
    assert _checks(result)["no_differences"].passed
    assert _metadata(result)["dagster/row_count"] == 0


def test_maintenance_commits_and_says_how_many_rows(orders: PostgresServer, tmp_path: Path) -> None:
    config = make_project(
        tmp_path,
        {"main": orders.config},
        {
            "maintenance/purge.sql": "/* @asset\nparams: {below: {type: decimal, default: 5}}\n*/\nDELETE FROM orders WHERE amount < :below"
        },
    )
    result = _run(config, "maintenance/purge")
    assert result.success
    assert _metadata(result)["rows_affected"] == 2
    assert orders.psql("SELECT string_agg(id::text, ',' ORDER BY id) FROM orders") == "1,3"
    assert not (config.settings.results_folder / "maintenance").exists()


def test_maintenance_that_refuses_a_transaction_runs_outside_one(orders: PostgresServer, tmp_path: Path) -> None:
    files = {
        "maintenance/vacuum.sql": "/* @asset\nautocommit: true\ntimeout: 30s\n*/\nVACUUM orders",
        "maintenance/refused.sql": "VACUUM orders",
    }
    config = make_project(tmp_path, {"main": orders.config}, files)
    assert _run(config, "maintenance/vacuum").success
    refused = _run(config, "maintenance/refused").failure_data_for_node("maintenance__refused")
    assert refused is not None and refused.user_failure_data is not None
    assert "VACUUM cannot run inside a transaction block" in str(refused.user_failure_data.description)
    assert "autocommit: true" in str(refused.user_failure_data.description)


def test_parameter_is_set_in_the_runs_configuration(orders: PostgresServer, tmp_path: Path) -> None:
    config = make_project(
        tmp_path,
        {"main": orders.config},
        {
            "reporting/of.sql": "/* @asset\nparams: {who: {type: 'text[]', default: [nobody]}}\n*/\nSELECT id FROM orders WHERE customer = ANY(:who)"
        },
    )
    run_config = {"ops": {"reporting__of": {"config": {"who": ["ann", 'it\'s \\ a "quote"']}}}}
    assert _metadata(_run(config, "reporting/of", run_config=run_config))["dagster/row_count"] == 2
    assert _metadata(_run(config, "reporting/of"))["dagster/row_count"] == 0


DAILY = """
    /* @asset
    partition: {every: day, from: 2024-01-01, to: 2024-01-04}
    checks:
      customers_are_known: SELECT id FROM result WHERE customer IS NULL
    */
    SELECT id, customer, :partition_key AS day FROM orders WHERE placed >= :partition_start AND placed < :partition_end ORDER BY id
"""


def test_backfill_of_a_range_is_one_run_with_a_file_and_a_count_per_partition(
    orders: PostgresServer, tmp_path: Path
) -> None:
    config = make_project(tmp_path, {"main": orders.config}, {"reporting/daily.sql": DAILY})
    tags = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-01-03"}
    result = _run(config, "reporting/daily", tags=tags)
    assert result.success
    events = result.get_asset_materialization_events()
    assert not any("dagster/row_count" in event.materialization.metadata for event in events)
    counts = {event.partition: event.materialization.metadata["dagster/partition_row_count"].value for event in events}
    assert counts == {"2024-01-01": 2, "2024-01-02": 1, "2024-01-03": 1}
    folder = config.settings.results_folder / "reporting" / "daily"
    ids = {path.stem: pq.read_table(path)["id"].to_pylist() for path in sorted(folder.glob("*.parquet"))}
    assert ids == {"2024-01-01": [1, 2], "2024-01-02": [3], "2024-01-03": [4]}
    check = _checks(result)["customers_are_known"]
    assert not check.passed
    assert check.metadata["failed_partitions"].value == "2024-01-02"


def test_days_begin_where_the_files_time_zone_says(orders: PostgresServer, tmp_path: Path) -> None:
    text = DAILY.replace("partition:", "timezone: Asia/Tokyo\n    partition:").replace(
        "id, customer", "id, placed::date AS local_day, customer"
    )
    config = make_project(tmp_path, {"main": orders.config}, {"reporting/daily.sql": text})
    assert _run(config, "reporting/daily", partition_key="2024-01-02").success
    table = pq.read_table(config.settings.results_folder / "reporting" / "daily" / "2024-01-02.parquet")
    assert table["id"].to_pylist() == [2, 3]
    assert {str(day) for day in table["local_day"].to_pylist()} == {"2024-01-02"}


def test_blocking_check_keeps_the_last_good_result(orders: PostgresServer, tmp_path: Path) -> None:
    header = "/* @asset\nchecks: {no_null: {sql: SELECT * FROM result WHERE customer IS NULL, blocking: true}}\n*/\n"
    files = {"reporting/strict.sql": header + "SELECT customer FROM orders WHERE customer IS NOT NULL"}
    config = make_project(tmp_path, {"main": orders.config}, files)
    assert _run(config, "reporting/strict").success
    make_project(tmp_path, {"main": orders.config}, {"reporting/strict.sql": header + "SELECT customer FROM orders"})
    result = _run(config, "reporting/strict")
    assert not result.success
    assert not _checks(result)["no_null"].passed
    assert pq.read_table(config.settings.results_folder / "reporting" / "strict.parquet").num_rows == 3


def test_maintenance_cannot_be_blocked_by_a_check_after_the_fact(orders: PostgresServer, tmp_path: Path) -> None:
    text = "/* @asset\nchecks:\n  none: {sql: SELECT 1 AS x, blocking: true}\n*/\nDELETE FROM orders WHERE id = 1"
    config = make_project(tmp_path, {"main": orders.config}, {"maintenance/purge.sql": text})
    assert not _run(config, "maintenance/purge").success
    assert orders.psql("SELECT count(*) FROM orders") == "4"


def test_backfill_of_maintenance_is_a_run_per_partition(orders: PostgresServer, tmp_path: Path) -> None:
    text = DAILY.replace("SELECT id, customer, :partition_key AS day FROM", "DELETE FROM").replace(" ORDER BY id", "")
    text = text.replace(
        "SELECT id FROM result WHERE customer IS NULL", "SELECT id FROM orders WHERE false AND placed < :partition_end"
    )
    config = make_project(tmp_path, {"main": orders.config}, {"maintenance/daily.sql": text})
    node = build_definitions(config).resolve_asset_graph().get(dg.AssetKey(["maintenance", "daily"]))
    assert node.backfill_policy == dg.BackfillPolicy.multi_run(1)
    assert _run(config, "maintenance/daily", partition_key="2024-01-01").success
    assert orders.psql("SELECT count(*) FROM orders") == "2"


def test_check_that_cannot_be_evaluated_has_failed_and_the_others_are_evaluated(
    orders: PostgresServer, tmp_path: Path
) -> None:
    text = """
        /* @asset
        checks:
          broken: SELECT * FROM result WHERE no_such_column = 1
          endless: SELECT 'infinity'::timestamptz AS moment FROM result
          sound: {sql: SELECT * FROM result WHERE id > 3, severity: warn}
        */
        SELECT id FROM orders
    """
    config = make_project(tmp_path, {"main": orders.config}, {"reporting/checked.sql": text})
    result = _run(config, "reporting/checked")
    assert result.success
    checks = _checks(result)
    assert "could not be evaluated" in str(checks["broken"].description)
    assert "no_such_column" in str(checks["broken"].description)
    assert "checked.sql:3:38" in str(checks["broken"].description)
    assert checks["endless"].description == "4 rows are wrong."
    assert checks["sound"].severity is dg.AssetCheckSeverity.WARN
    assert checks["sound"].metadata["wrong_rows"].value == 1


def test_error_of_the_server_has_the_files_own_line(orders: PostgresServer, tmp_path: Path) -> None:
    config = make_project(
        tmp_path,
        {"main": orders.config},
        {
            "reporting/typo.sql": "/* @asset\ndescription: A column that is not there.\n*/\n\nSELECT id,\n       amuont\nFROM orders"
        },
    )
    result = _run(config, "reporting/typo")
    failure = result.failure_data_for_node("reporting__typo")
    assert failure is not None and failure.user_failure_data is not None
    said = str(failure.user_failure_data.description)
    assert f'{tmp_path / "sql/queries/reporting/typo.sql"}:6:8: [42703] column "amuont" does not exist' in said


def test_broken_file_is_an_asset_that_says_why_and_hides_no_other(orders: PostgresServer, tmp_path: Path) -> None:
    config = make_project(
        tmp_path,
        {"main": orders.config},
        {
            "reporting/good.sql": "SELECT id FROM orders",
            "reporting/bad.sql": "/* @asset\ndescripton: A misspelt key.\n*/\nSELECT 1",
        },
    )
    assert _run(config, "reporting/good").success
    result = _run(config, "reporting/bad")
    assert not result.success
    check = _checks(result)["file_is_valid"]
    assert not check.passed
    assert "bad.sql:2:1" in str(check.description)
    assert "Did you mean 'description'" in str(check.description)


def test_downstream_asset_reads_a_report_in_the_type_it_asks_for(orders: PostgresServer, tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": orders.config}, {"reporting/ids.sql": "SELECT id FROM orders ORDER BY id"})
    seen: dict[str, Any] = {}
    ids = dg.AssetIn(key=["reporting", "ids"], input_manager_key="parquet_io_manager")

    @dg.asset(ins={"ids": ids})
    def as_frame(ids: pd.DataFrame) -> None:
        seen["frame"] = ids

    @dg.asset(ins={"ids": ids})
    def as_table(ids: pa.Table) -> None:
        seen["table"] = ids

    definitions = dg.Definitions.merge(build_definitions(config), dg.Definitions(assets=[as_frame, as_table]))
    job = definitions.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process().success
    assert isinstance(seen["frame"], pd.DataFrame)
    assert isinstance(seen["table"], pa.Table)
    assert seen["frame"]["id"].tolist() == seen["table"]["id"].to_pylist() == [1, 2, 3, 4]


def test_report_runs_with_a_kerberos_ticket_and_nothing_else(server: PostgresServer, tmp_path: Path) -> None:
    config = make_project(
        tmp_path,
        {"main": server.kerberos_config()},
        {
            "reporting/who.sql": "SELECT current_user AS role, g.principal FROM pg_stat_gssapi AS g WHERE g.pid = pg_backend_pid()"
        },
    )
    assert _run(config, "reporting/who").success
    table = pq.read_table(config.settings.results_folder / "reporting" / "who.parquet")
    assert table.to_pylist() == [{"role": "etl", "principal": server.kdc.principal}]


def test_kerberos_error_of_a_run_has_its_own_advice(server: PostgresServer, tmp_path: Path) -> None:
    missing = tmp_path / "absent.keytab"
    config = make_project(
        tmp_path,
        {"main": server.kerberos_config(keytab=missing, principal=server.kdc.principal)},
        {"reporting/who.sql": "SELECT 1 AS one"},
    )
    failure = _run(config, "reporting/who").failure_data_for_node("reporting__who")
    assert failure is not None and failure.user_failure_data is not None
    assert str(missing) in str(failure.user_failure_data.description)
    assert "does not exist" in str(failure.user_failure_data.description)
