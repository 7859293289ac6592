"""Partitions in Dagster: what they are there, and runs of several of them against a real server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.config import ConfigManager, DatabaseConfig
from cockroach_pipelines.orchestration import CockroachDBResource, build_definitions
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

ELSEWHERE = DatabaseConfig(host="db.example.com", user="etl")
EVENTS = """
    CREATE TABLE IF NOT EXISTS regional_events (id int, at timestamptz, region text, amount numeric);
    GRANT ALL ON regional_events TO PUBLIC;
    TRUNCATE regional_events;
    INSERT INTO regional_events VALUES
        (1, '2024-01-01 00:00Z', 'eu', 1.5), (2, '2024-01-03 23:59:59Z', 'us', NULL), (3, '2024-01-01 12:00Z', 'us', 2),
        (4, '2024-01-05 00:00Z', 'eu', 7.25), (5, '2024-01-03 00:00Z', 'eu', 3)
"""
BY_DAY = (
    "SELECT id, at, amount FROM regional_events WHERE at >= :partition_start AND at < :partition_end ORDER BY id DESC"
)


@pytest.fixture
def events(jvm: object, server: PostgresServer) -> PostgresServer:
    server.psql(EVENTS)
    return server


def _graph(folder: Path, files: Mapping[str, str]) -> Any:
    return build_definitions(make_project(folder, {"main": ELSEWHERE}, files)).resolve_asset_graph()


def _node(folder: Path, header: str, statement: str = "SELECT 1 AS one", kind: str = "reporting") -> Any:
    graph = _graph(folder, {f"{kind}/x.sql": f"/* @asset\n{header}\n*/\n{statement}"})
    return graph.get(dg.AssetKey([kind, "x"]))


@pytest.mark.parametrize(
    ("header", "keys"),
    [
        ("partition: {every: hour, from: 2013-11-03, to: 2013-11-04, timezone: America/New_York}", 25),
        ("partition: {every: hour, from: 2013-03-10, to: 2013-03-11, timezone: America/New_York, offset: 15m}", 23),
        ("partition: {every: day, from: 2013-03-01, to: 2013-04-01, timezone: America/New_York, offset: 150m}", 31),
        ("partition: {every: day, from: 2013-11-01, to: 2013-12-01, timezone: America/New_York, offset: 90m}", 30),
        ("partition: {every: week, from: 2013-01-01, to: 2013-12-31, offset: 6h}", 52),
        ("partition: {every: month, from: 2013-01-15, to: 2014-01-15, offset: 23h}", 12),
        ("partition: {keys: [eu, us]}", 2),
        ("partition: {day: {every: day, from: 2013-01-01, to: 2013-02-01}, region: {keys: [eu, us]}}", 62),
    ],
)
def test_a_header_has_as_many_partitions_as_it_says(tmp_path: Path, header: str, keys: int) -> None:
    assert len(_node(tmp_path, header).partitions_def.get_partition_keys()) == keys


def test_keys_of_a_query_are_those_that_the_instance_holds(tmp_path: Path) -> None:
    definition = _node(tmp_path, "partition: {query: 'SELECT DISTINCT region FROM regional_events'}").partitions_def
    assert definition == dg.DynamicPartitionsDefinition(name="main: SELECT DISTINCT region FROM regional_events")


@pytest.mark.parametrize(
    ("kind", "header", "policy"),
    [
        ("reporting", "partition: {every: day, from: 2013-01-01}", dg.BackfillPolicy.single_run()),
        ("reporting", "partition: {every: day, from: 2013-01-01, column: at}", dg.BackfillPolicy.single_run()),
        (
            "reporting",
            "partition: {every: day, from: 2013-01-01}\nbackfill: per_partition",
            dg.BackfillPolicy.multi_run(1),
        ),
        ("maintenance", "partition: {keys: [eu]}", dg.BackfillPolicy.multi_run(1)),
        ("reporting", "description: Not partitioned.", None),
    ],
)
def test_several_partitions_are_one_run_unless_the_file_says_otherwise(
    tmp_path: Path, kind: str, header: str, policy: dg.BackfillPolicy | None
) -> None:
    assert _node(tmp_path, header, kind=kind).backfill_policy == policy


def test_partitions_between_files_are_mapped_as_the_header_says(tmp_path: Path) -> None:
    days = "/* @asset\npartition: {every: day, from: 2013-01-01}\n*/ SELECT 1 AS one"
    header = "/* @asset\npartition: {every: %s, from: 2013-01-01}\ndepends_on: reporting/days\n%s*/ SELECT 1 AS one"
    graph = _graph(
        tmp_path,
        {
            "reporting/days.sql": days,
            "reporting/month.sql": header % ("month", ""),
            "reporting/next.sql": header % ("day", "partition_mapping: {reporting/days: yesterday}\n"),
            "reporting/week.sql": header % ("day", "partition_mapping: {reporting/days: {first: -6}}\n"),
            "reporting/latest.sql": header % ("day", "partition_mapping: {reporting/days: last}\n"),
        },
    )

    def upstream(name: str, key: str) -> list[str]:
        node, days = graph.get(dg.AssetKey(["reporting", name])), graph.get(dg.AssetKey(["reporting", "days"]))
        mapping = graph.get_partition_mapping(node.key, days.key)
        subset = node.partitions_def.subset_with_partition_keys([key])
        result = mapping.get_upstream_mapped_partitions_result_for_partitions(
            subset, node.partitions_def, days.partitions_def
        )
        assert not result.required_but_nonexistent_partition_keys
        return sorted(result.partitions_subset.get_partition_keys())

    assert upstream("month", "2013-02-01") == [f"2013-02-{day:02}" for day in range(1, 29)]
    assert upstream("next", "2013-02-01") == ["2013-01-31"]
    assert upstream("next", "2013-01-01") == []
    assert upstream("week", "2013-01-08") == [f"2013-01-{day:02}" for day in range(2, 9)]
    assert len(upstream("latest", "2013-02-01")) == 1


class _Run:
    """A run of one file on a real server, with what Dagster recorded of it."""

    def __init__(self, config: ConfigManager, name: str, first: str, last: str | None = None, **options: Any) -> None:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last or first}
        job = build_definitions(config).resolve_implicit_global_asset_job_def()
        key = dg.AssetKey(name.split("/"))
        self.result = job.execute_in_process(asset_selection=[key], tags=tags, raise_on_error=False, **options)
        self.folder = config.settings.results_folder.joinpath(*key.path)

    @property
    def counts(self) -> dict[str, int]:
        events = self.result.get_asset_materialization_events()
        return {str(e.partition): e.materialization.metadata["dagster/partition_row_count"].value for e in events}  # type: ignore[misc]

    @property
    def statements(self) -> list[str]:
        said = [event.message or "" for event in self.result.all_events]
        return [each for each in said if "sent to" in each]

    @property
    def error(self) -> str:
        (event,) = [event for event in self.result.all_events if event.is_step_failure]
        failure = event.step_failure_data.user_failure_data
        return str(failure.description) if failure else ""

    def ids(self) -> dict[str, list[int]]:
        return {
            str(path.relative_to(self.folder))[: -len(".parquet")]: pq.read_table(path)["id"].to_pylist()
            for path in sorted(self.folder.rglob("*.parquet"))
        }


def _project(
    folder: Path, server: PostgresServer, header: str, statement: str, kind: str = "reporting"
) -> ConfigManager:
    return make_project(folder, {"main": server.config}, {f"{kind}/x.sql": f"/* @asset\n{header}\n*/\n{statement}"})


DAYS = "partition: {every: day, from: 2024-01-01, to: 2024-01-08, column: at}"


def test_a_column_makes_a_backfill_one_statement_and_a_file_per_partition(
    events: PostgresServer, tmp_path: Path
) -> None:
    # pg_backend_pid is one per transaction: every row has seen the same snapshot, of one statement.
    statement = BY_DAY.replace(
        "amount", "amount, clock_timestamp() >= statement_timestamp() AS t, statement_timestamp() AS sent"
    )
    config = _project(tmp_path, events, DAYS, statement)
    run = _Run(config, "reporting/x", "2024-01-01", "2024-01-05")
    assert run.result.success
    assert run.counts == {"2024-01-01": 2, "2024-01-02": 0, "2024-01-03": 2, "2024-01-04": 0, "2024-01-05": 1}
    assert run.ids() == {
        "2024-01-01": [3, 1],
        "2024-01-02": [],
        "2024-01-03": [5, 2],
        "2024-01-04": [],
        "2024-01-05": [4],
    }
    tables = [pq.read_table(path) for path in sorted(run.folder.glob("*.parquet"))]
    assert len({moment for table in tables for moment in table["sent"].to_pylist()}) == 1
    assert {tuple(table.schema.names) for table in tables} == {("id", "at", "amount", "t", "sent")}
    event = run.result.get_asset_materialization_events()[0]
    assert event.materialization.metadata["statement_ran_for"].value == "2024-01-01...2024-01-05"
    assert "dagster/row_count" not in event.materialization.metadata


def test_one_partition_by_itself_is_the_same_as_in_a_range(events: PostgresServer, tmp_path: Path) -> None:
    run = _Run(_project(tmp_path, events, DAYS, BY_DAY), "reporting/x", "2024-01-03")
    assert run.ids() == {"2024-01-03": [5, 2]}
    metadata = run.result.get_asset_materialization_events()[0].materialization.metadata
    assert metadata["dagster/partition_row_count"].value == 2
    assert "statement_ran_for" not in metadata


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "SELECT id, at FROM regional_events WHERE at >= :partition_start AND at <= :partition_end ORDER BY id",
            "1 rows are not of partitions 2024-01-01 to 2024-01-04, by their column 'at' (row 4: 2024-01-05 00:00:00.000000Z).",
        ),
        (
            "SELECT id, nullif(at, '2024-01-01 12:00Z') AS at FROM regional_events WHERE at >= :partition_start AND at < :partition_end ORDER BY id",
            "1 rows are not of partitions 2024-01-01 to 2024-01-04, by their column 'at' (row 3: NULL).",
        ),
        (
            "SELECT id, at AS moment FROM regional_events WHERE at >= :partition_start AND at < :partition_end",
            "The result has no column 'at', which is to say of which partition a row is.\nKnown here: id, moment.",
        ),
    ],
)  # fmt: skip
def test_rows_of_no_partition_are_an_error_that_names_them_and_nothing_is_published(
    events: PostgresServer, tmp_path: Path, statement: str, said: str
) -> None:
    run = _Run(_project(tmp_path, events, DAYS, statement), "reporting/x", "2024-01-01", "2024-01-04")
    assert not run.result.success
    assert "x.sql" in run.error
    assert said in run.error
    assert run.ids() == {}


def test_a_check_is_of_each_partition_however_many_a_statement_runs_for(events: PostgresServer, tmp_path: Path) -> None:
    header = f"{DAYS}\nchecks:\n  one_each: SELECT count(*) AS n FROM result HAVING count(*) > 1\n  known: SELECT id FROM result WHERE amount IS NULL\n  row_count: '>= 1'"
    run = _Run(_project(tmp_path, events, header, BY_DAY), "reporting/x", "2024-01-01", "2024-01-05")
    checks = {check.check_name: check for check in run.result.get_asset_check_evaluations()}
    assert checks["one_each"].metadata["failed_partitions"].value == "2024-01-01, 2024-01-03"
    assert checks["known"].metadata["failed_partitions"].value == "2024-01-03"
    assert checks["row_count"].metadata["failed_partitions"].value == "2024-01-02, 2024-01-04"


def test_a_reconciliation_is_cut_and_checked_by_partition(events: PostgresServer, tmp_path: Path) -> None:
    statement = BY_DAY.replace("ORDER BY", "AND amount IS NULL ORDER BY")
    config = _project(tmp_path, events, DAYS, statement, kind="reconciliation")
    run = _Run(config, "reconciliation/x", "2024-01-01", "2024-01-04")
    (check,) = run.result.get_asset_check_evaluations()
    assert (check.passed, check.metadata["failed_partitions"].value) == (False, "2024-01-03")
    assert run.counts == {"2024-01-01": 0, "2024-01-02": 0, "2024-01-03": 1, "2024-01-04": 0}


def test_two_dimensions_are_one_statement_for_each_key(events: PostgresServer, tmp_path: Path) -> None:
    header = "partition: {day: {every: day, from: 2024-01-01, column: at}, region: {keys: [eu, us, ap]}}"
    statement = f"{BY_DAY.replace('ORDER BY', 'AND region = :partition_key ORDER BY')}"
    run = _Run(_project(tmp_path, events, header, statement), "reporting/x", "2024-01-01|eu", "2024-01-03|us")
    assert run.result.success, run.error
    assert run.counts == {
        "2024-01-01|eu": 1, "2024-01-01|us": 1, "2024-01-02|eu": 0, "2024-01-02|us": 0, "2024-01-03|eu": 1, "2024-01-03|us": 1,
    }  # fmt: skip
    assert run.ids()["2024-01-03/us"] == [2]
    assert "2024-01-01/ap" not in run.ids()


def test_one_partition_of_two_dimensions_runs_by_its_key(events: PostgresServer, tmp_path: Path) -> None:
    header = (
        "partition: {day: {every: day, from: 2024-01-01}, region: {query: SELECT DISTINCT region FROM regional_events}}"
    )
    statement = f"{BY_DAY.replace('ORDER BY', 'AND region = :partition_key ORDER BY')}"
    config = _project(tmp_path, events, header, statement)
    job = build_definitions(config).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("main: SELECT DISTINCT region FROM regional_events", ["eu", "us"])
        key = dg.MultiPartitionKey({"day": "2024-01-01", "region": "us"})
        result = job.execute_in_process(
            asset_selection=[dg.AssetKey(["reporting", "x"])], partition_key=key, instance=instance
        )
    (event,) = result.get_asset_materialization_events()
    assert event.partition == "2024-01-01|us"
    table = pq.read_table(config.settings.results_folder / "reporting" / "x" / "2024-01-01" / "us.parquet")
    assert table["id"].to_pylist() == [3]


def test_a_comparison_takes_a_key_and_puts_what_mends_it_beside_its_file(
    events: PostgresServer, tmp_path: Path
) -> None:
    header = """
source: {connection: main, table: regional_events, where: id <> 1}
target: {connection: main, table: regional_events}
key: id
where: at >= :partition_start AND at < :partition_end AND region = :partition_key
partition: {day: {every: day, from: 2024-01-01}, region: {keys: [eu, us]}}
"""
    config = _project(tmp_path, events, header, "", kind="reconciliation")
    run = _Run(config, "reconciliation/x", "2024-01-01|eu", "2024-01-01|us")
    assert run.result.success, run.error
    assert run.counts == {"2024-01-01|eu": 1, "2024-01-01|us": 0}
    assert {path.name for path in (run.folder / "2024-01-01").iterdir()} >= {"eu.parquet", "us.parquet"}
    assert (run.folder / "2024-01-01" / "eu.mend_target.sql").exists()


def test_a_list_of_keys_is_a_statement_for_each(events: PostgresServer, tmp_path: Path) -> None:
    statement = "SELECT id FROM regional_events WHERE region = :partition_key ORDER BY id"
    run = _Run(_project(tmp_path, events, "partition: {keys: [us, eu]}", statement), "reporting/x", "us", "eu")
    assert run.ids() == {"eu": [1, 4, 5], "us": [2, 3]}
    assert run.counts == {"us": 2, "eu": 3}


def _tick(config: ConfigManager, instance: dg.DagsterInstance) -> Any:
    definitions = build_definitions(config)
    sensor = definitions.get_repository_def().get_sensor_def("reporting__x__keys")
    context = dg.build_sensor_context(
        instance=instance,
        definitions=definitions,
        resources={"main": CockroachDBResource(config_file=str(config.path))},
    )
    with context:
        return sensor.evaluate_tick(context)


NAME = "main: SELECT DISTINCT region FROM regional_events ORDER BY 1"


def test_a_sensor_keeps_the_keys_as_their_query_gives_them(events: PostgresServer, tmp_path: Path) -> None:
    header = f"partition: {{query: {NAME.removeprefix('main: ')}, gone: remove}}"
    config = _project(
        tmp_path, events, header, "SELECT id FROM regional_events WHERE region = :partition_key ORDER BY id"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        assert _tick(config, instance).skip_message == "2 keys; new: eu, us; removed: none"
        assert list(instance.get_dynamic_partitions(NAME)) == ["eu", "us"]
        run = _Run(config, "reporting/x", "eu", "us", instance=instance)
        assert run.ids() == {"eu": [1, 4, 5], "us": [2, 3]}
        events.psql(
            "UPDATE regional_events SET region = 'ap' WHERE region = 'us'; INSERT INTO regional_events VALUES (6, now(), NULL)"
        )
        assert _tick(config, instance).skip_message == "2 keys; new: ap; removed: us"
        events.psql("UPDATE regional_events SET region = 'a/b' WHERE id = 6")
        with pytest.raises(
            dg.Failure, match="1 keys cannot be those of partitions: 'a/b' cannot be the name of a file"
        ):
            _tick(config, instance)
        events.psql("TRUNCATE regional_events")
        assert _tick(config, instance).skip_message == "0 keys; new: none; removed: none"
        assert list(instance.get_dynamic_partitions(NAME)) == ["eu", "ap"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (
            "SELECT id, region FROM regional_events",
            "x.sql:2: The query of the keys gives 2 columns, and a key is one value",
        ),
        ("SELECT regio FROM regional_events", r'x.sql:2:\d+: \[42703\] column "regio" does not exist'),
    ],
)
def test_a_query_that_gives_no_keys_is_a_tick_that_fails(
    events: PostgresServer, tmp_path: Path, query: str, said: str
) -> None:
    config = _project(tmp_path, events, f'partition: {{query: "{query}"}}', "SELECT :partition_key AS x")
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(dg.Failure, match=said):
        _tick(config, instance)


def test_files_that_ask_the_same_share_one_sensor(tmp_path: Path) -> None:
    text = "/* @asset\npartition: {query: SELECT DISTINCT region FROM regional_events, every: %s}\n*/\nSELECT :partition_key AS x"
    files = {"reporting/x.sql": text % "1h", "reporting/y.sql": text % "10m"}
    sensors = build_definitions(make_project(tmp_path, {"main": ELSEWHERE}, files)).get_repository_def().sensor_defs
    (sensor,) = [each for each in sensors if each.name.endswith("__keys")]
    assert sensor.name == "reporting__x__keys"
    assert sensor.minimum_interval_seconds == 600
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


def test_downstream_reads_partitions_of_a_range_by_key(events: PostgresServer, tmp_path: Path) -> None:
    config = _project(tmp_path, events, DAYS, BY_DAY)
    _Run(config, "reporting/x", "2024-01-01", "2024-01-07")
    seen: dict[str, int] = {}

    @dg.asset(ins={"x": dg.AssetIn(key=["reporting", "x"], input_manager_key="parquet_io_manager")})
    def all_days(x: dict[str, pa.Table]) -> None:
        seen.update({key: table.num_rows for key, table in x.items()})

    definitions = dg.Definitions.merge(build_definitions(config), dg.Definitions(assets=[all_days]))
    job = definitions.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(asset_selection=[dg.AssetKey("all_days")]).success
    assert sum(seen.values()) == 5
