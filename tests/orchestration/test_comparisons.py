"""A file that compares two relations is an asset: its check, its metadata, its dataset, and what would mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.config import ConfigManager, DatabaseConfig
from cockroach_pipelines.database import ServerMessage, statement_error
from cockroach_pipelines.orchestration import build_definitions, comparisons
from cockroach_pipelines.reconciliation import Progress
from cockroach_pipelines.reconciliation.files import Comparing
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

TABLES = """
    DROP SCHEMA IF EXISTS assets CASCADE;
    CREATE SCHEMA assets;
    CREATE TABLE assets.orders (id int PRIMARY KEY, placed timestamptz NOT NULL, customer text, amount numeric(10, 2));
    INSERT INTO assets.orders
        SELECT n, '2024-01-01Z'::timestamptz + n * interval '1 hour', 'c' || n % 7, n FROM generate_series(1, 71) AS n;
    CREATE TABLE assets.copy AS TABLE assets.orders;
    ALTER TABLE assets.copy ADD PRIMARY KEY (id);
    ALTER TABLE assets.copy ADD COLUMN loaded timestamptz DEFAULT now();
    UPDATE assets.copy SET amount = amount + 1 WHERE id IN (30, 31);
    DELETE FROM assets.copy WHERE id = 50;
    GRANT ALL ON SCHEMA assets TO PUBLIC;
    GRANT ALL ON ALL TABLES IN SCHEMA assets TO PUBLIC
"""
SIDES = "source: {connection: main, table: assets.orders}\ntarget: {connection: replica, table: assets.copy}"
KEY = "reconciliation/compared"


@pytest.fixture
def tables(server: PostgresServer) -> PostgresServer:
    server.psql(TABLES)
    return server


@pytest.fixture
def project(tables: PostgresServer, tmp_path: Path) -> Any:
    def make(header: str = "", sql: str = "", sides: str = SIDES) -> ConfigManager:
        text = f"/* @asset\n{sides}\n{header}\n*/\n{sql}"
        return make_project(tmp_path, {"main": tables.config, "replica": tables.config}, {f"{KEY}.sql": text})

    return make


def run(
    config: ConfigManager, *, run_config: Mapping[str, Any] | None = None, **options: Any
) -> dg.ExecuteInProcessResult:
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        asset_selection=[dg.AssetKey(KEY.split("/"))], run_config=run_config, raise_on_error=False, **options
    )


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.materialization.metadata.items()}


def check_of(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (check,) = result.get_asset_check_evaluations()
    return check


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    failure = result.failure_data_for_node(KEY.replace("/", "__"))
    assert failure is not None and failure.user_failure_data is not None
    return str(failure.user_failure_data.description)


def records(value: Any) -> list[dict[str, Any]]:
    return [dict(record.data) for record in value.records]


def test_differences_fail_the_check_and_are_told_in_full(project: Any) -> None:
    result = run(project())
    assert result.success
    check = check_of(result)
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.description == "3 rows differ (1 missing, 2 changed) in 71 against 70 rows."
    metadata = metadata_of(result)
    names = list(metadata)
    assert names[:2] == ["found", "schema_differences"]
    assert [row["column"] for row in records(metadata["schema_differences"]) if row["what"] == "extra"] == ["loaded"]
    numbers = ("differences", "missing", "extra", "changed", "source_rows", "target_rows", "dagster/row_count")
    assert [metadata[name] for name in numbers] == [3, 1, 0, 2, 71, 70, 3]
    assert metadata["share_percent"] == pytest.approx(100 * 3 / 71, abs=1e-5)
    assert records(metadata["by_column"]) == [{"column": "amount", "changed_rows": 2, "share_of_rows": "2.8169%"}]
    assert "amount: the target differs by +1" in metadata["patterns"]
    assert {"id": 30, "kind": "changed", "column": "amount", "source": "30.00", "target": "31.00"} in records(
        metadata["sample"]
    )
    assert metadata["where"].startswith("![where along the key](<data:image/svg+xml,")
    assert len(metadata["where"]) < 1000  # what Dagster shows without a button
    assert "source: snapshot" in metadata["consistency"]
    assert metadata["strategy"]
    assert (metadata["source"], metadata["target"]) == ("main:assets.orders", "replica:assets.copy")


def test_equal_relations_pass_and_publish_an_empty_dataset(project: Any, tables: PostgresServer) -> None:
    tables.psql("DELETE FROM assets.copy; INSERT INTO assets.copy SELECT * FROM assets.orders")
    config = project()
    result = run(config)
    check = check_of(result)
    assert (check.passed, check.description) == (True, "No differences in 71 against 71 rows.")
    assert pq.read_table(config.settings.results_folder / f"{KEY}.parquet").num_rows == 0


def test_mending_sql_lies_beside_the_dataset_and_goes_with_the_differences(
    project: Any, tables: PostgresServer
) -> None:
    config = project()
    metadata = metadata_of(run(config))
    folder = config.settings.results_folder / "reconciliation"
    for direction, table in (("target", "assets.copy"), ("source", "assets.orders")):
        path = folder / f"compared.mend_{direction}.sql"
        assert str(path) in metadata[f"mending_{direction}"]
        assert f"UPDATE {table}" in path.read_text()
        assert path.stat().st_mode & 0o077 == 0
    assert tables.psql("SELECT count(*) FROM assets.copy") == "70"  # nothing was run
    tables.psql((folder / "compared.mend_target.sql").read_text())
    assert check_of(run(config)).passed
    assert [path.name for path in folder.iterdir()] == ["compared.parquet"]


def test_nothing_is_left_of_what_a_run_worked_with(project: Any) -> None:
    config = project()
    assert run(config).success
    assert sorted(path.name for path in config.settings.results_folder.iterdir()) == ["reconciliation"]


@pytest.mark.parametrize(
    ("expect", "passed", "severity"),
    [
        ("3", True, dg.AssetCheckSeverity.ERROR),
        ("2", False, dg.AssetCheckSeverity.ERROR),
        ("{warn: 2, error: 3}", False, dg.AssetCheckSeverity.WARN),
        ("{warn: 0}", False, dg.AssetCheckSeverity.WARN),
        ("{max_share: 5%}", True, dg.AssetCheckSeverity.ERROR),
        ("{max_share: 4%}", False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_severity_is_what_the_header_expects(
    project: Any, expect: str, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    check = check_of(run(project(f"expect: {expect}")))
    assert (check.passed, check.severity) == (passed, severity)


def test_blocking_keeps_the_last_good_dataset_and_the_check_says_why(project: Any, tables: PostgresServer) -> None:
    config = project("expect: {max_differences: 3, blocking: true}")
    assert run(config).success
    published = (config.settings.results_folder / f"{KEY}.parquet").read_bytes()
    tables.psql("DELETE FROM assets.copy WHERE id < 5")
    result = run(config)
    assert not result.success
    assert "the differences are not published" in failure_of(result)
    check = check_of(result)
    assert not check.passed
    assert check.metadata["differences"].value == 7
    assert len(check.metadata["sample"].value.records) == 7
    assert (config.settings.results_folder / f"{KEY}.parquet").read_bytes() == published
    assert not (config.settings.results_folder / ".reconciling").exists()


def test_early_stop_is_never_a_pass(project: Any, tables: PostgresServer) -> None:
    tables.psql(
        "CREATE TABLE assets.many AS SELECT n AS id, 1 AS v FROM generate_series(1, 300000) AS n;"
        "CREATE TABLE assets.others AS SELECT n AS id, 2 AS v FROM generate_series(1, 300000) AS n;"
        "ALTER TABLE assets.many ADD PRIMARY KEY (id); ALTER TABLE assets.others ADD PRIMARY KEY (id);"
        "GRANT ALL ON ALL TABLES IN SCHEMA assets TO PUBLIC"
    )
    config = project(
        "stop: 10\nexpect: 1000000",
        sides="source: assets.many\ntarget: {connection: replica, table: assets.others}",
    )
    check = check_of(run(config))
    assert not check.passed
    assert str(check.description).startswith("At least ")


def test_progress_is_told_every_few_seconds_and_not_at_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    now = [100.0]
    monkeypatch.setattr(comparisons.time, "monotonic", lambda: now[0])
    log = comparisons.ProgressLog(told.append, "orders")
    for step in range(90):
        now[0] += 0.125
        log(Progress("compare", step, 120, step * 1000, 10_000.0, 12.0 - step / 10, 3))
    assert told == [
        "orders: comparing, 39 of 120 segments, 39,000 rows, 10,000 rows/s, 3 differences, 8 s left",
        "orders: comparing, 79 of 120 segments, 79,000 rows, 10,000 rows/s, 3 differences, 4 s left",
    ]


DAILY = """
partition: {every: day, from: 2024-01-01, to: 2024-01-04}
where: placed >= :partition_start AND placed < :partition_end
"""


def test_backfill_compares_each_partition(project: Any) -> None:
    config = project(DAILY)
    tags = {"dagster/asset_partition_range_start": "2024-01-01", "dagster/asset_partition_range_end": "2024-01-03"}
    result = run(config, tags=tags)
    assert result.success
    events = result.get_asset_materialization_events()
    found = {event.partition: event.materialization.metadata for event in events}
    assert {key: value["differences"].value for key, value in found.items()} == {
        "2024-01-01": 0,
        "2024-01-02": 2,
        "2024-01-03": 1,
    }
    assert [found[key]["source_rows"].value for key in sorted(found)] == [23, 24, 24]
    check = check_of(result)
    assert check.description == "2 of 3 partitions differ. 2024-01-02: 2 rows differ (2 changed) in 24 against 24 rows."
    assert check.metadata["failed_partitions"].value == "2024-01-02, 2024-01-03"
    assert check.metadata["differences"].value == 3
    folder = config.settings.results_folder / KEY
    assert {path.stem: pq.read_table(path).num_rows for path in folder.glob("*.parquet")} == {
        "2024-01-01": 0,
        "2024-01-02": 2,
        "2024-01-03": 1,
    }
    assert sorted(path.name for path in folder.glob("*.sql")) == [
        f"2024-01-0{day}.mend_{side}.sql" for day in (2, 3) for side in ("source", "target")
    ]


def test_what_was_found_stands_where_rows_cannot_be_read_again_for_mending(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> Iterator[str]:
        yield "-- begun"
        raise statement_error(ServerMessage("57014", "canceling statement due to user request"))

    monkeypatch.setattr(Comparing, "mending_sql", refused)
    config = project("mend: upsert")
    result = run(config)
    assert result.success
    metadata = metadata_of(result)
    assert metadata["differences"] == 3
    assert "[57014]" in metadata["mending_target"]
    assert [path.name for path in (config.settings.results_folder / "reconciliation").iterdir()] == ["compared.parquet"]


def test_parameters_reach_both_statements(project: Any) -> None:
    config = project(
        "key: id\nparams: {most: {type: integer, default: 40}}",
        """
        -- name: source
        SELECT id, amount FROM assets.orders WHERE id <= :most;
        -- name: target
        SELECT id, amount FROM assets.copy WHERE id <= :most;
        """,
        "target: {connection: replica}",
    )
    assert metadata_of(run(config))["differences"] == 2
    op = KEY.replace("/", "__")
    result = run(config, run_config={"ops": {op: {"config": {"most": 20}}}})
    assert check_of(result).passed
    metadata = metadata_of(result)
    assert "-- name: source\nSELECT id, amount FROM assets.orders" in metadata["statements"]
    assert "mending_target" not in metadata


def test_two_statements_cannot_be_mended_and_say_so(project: Any) -> None:
    sql = "-- name: source\nSELECT * FROM assets.orders\n-- name: target\nSELECT * FROM assets.copy"
    metadata = metadata_of(run(project("key: id\nexclude: loaded", sql, "")))
    assert metadata["mending_target"] == "The target cannot be mended: it is a query."


def test_groups_are_compared_by_measures_and_drilled_into(project: Any) -> None:
    config = project("group_by: customer\nmeasures: [count, sum(amount)]\ndrill: 5\nkey: id\nexclude: loaded")
    metadata = metadata_of(run(config))
    changed = {row["customer"] for row in records(metadata["sample"])}
    assert changed == {"c1", "c2", "c3"}  # 50, 30 and 31
    assert metadata["rows_of_differing_groups"].startswith("3 rows differ (1 missing, 2 changed)")
    assert {row["id"] for row in records(metadata["sample_of_their_rows"])} == {30, 31, 50}
    assert "amount: the target differs by +1" in metadata["patterns_of_their_rows"]
    assert metadata["source"] == "main:assets.orders"
    dataset = pq.read_table(config.settings.results_folder / f"{KEY}.parquet").to_pylist()
    assert {row["id"] for row in dataset if row["level"] == "row"} == {30, 31, 50}
    assert metadata["dagster/row_count"] == len(dataset)
    assert "UPDATE assets.copy" in metadata["mending_target"]


def test_mending_sql_has_the_form_that_the_header_asks_for(project: Any, tables: PostgresServer) -> None:
    config = project("mend: upsert\nexclude: loaded")
    metadata = metadata_of(run(config))
    assert 'ON CONFLICT ("id") DO UPDATE SET' in metadata["mending_source"]
    tables.psql((config.settings.results_folder / "reconciliation" / "compared.mend_target.sql").read_text())
    assert check_of(run(config)).passed
    tables.psql("ALTER TABLE assets.copy DROP CONSTRAINT copy_pkey; DELETE FROM assets.copy WHERE id = 1")
    metadata = metadata_of(run(config))
    assert metadata["mending_target"].startswith(
        "The target cannot be mended by upserts: its key id is no primary key there"
    )
    assert metadata["differences"] == 1


def test_downstream_asset_reads_the_differences(project: Any) -> None:
    seen: dict[str, pd.DataFrame] = {}

    @dg.asset(ins={"differences": dg.AssetIn(key=KEY.split("/"), input_manager_key="parquet_io_manager")})
    def report(differences: pd.DataFrame) -> None:
        seen["differences"] = differences

    definitions = dg.Definitions.merge(build_definitions(project()), dg.Definitions(assets=[report]))
    assert definitions.resolve_implicit_global_asset_job_def().execute_in_process().success
    assert seen["differences"]["id"].tolist() == [30, 31, 50]


def test_servers_error_names_the_line_and_no_value(project: Any) -> None:
    config = project("where: amount > 0 AND custmer = 'x'")
    result = run(config)
    assert not result.success
    assert 'compared.sql:4:23: [42703] column "custmer" does not exist' in failure_of(result)


def test_a_server_that_is_not_there_is_reported(tables: PostgresServer, tmp_path: Path) -> None:
    nobody = DatabaseConfig(host="127.0.0.1", port=1, user="etl", sslmode="disable", database="x")
    config = make_project(
        tmp_path, {"main": tables.config, "replica": nobody}, {f"{KEY}.sql": f"/* @asset\n{SIDES}\nretries: 0\n*/"}
    )
    result = run(config)
    assert not result.success
    assert "[08001]" in failure_of(result)


def test_both_sides_tables_are_edges_of_their_own_connection(project: Any) -> None:
    graph = build_definitions(project()).resolve_asset_graph()
    node = graph.get(dg.AssetKey(KEY.split("/")))
    assert node.parent_keys == {
        dg.AssetKey(["main", "assets", "orders"]),
        dg.AssetKey(["replica", "assets", "copy"]),
    }
    assert {key.name for key in node.check_keys} == {"no_differences"}
    assert node.pools == {"main"}
