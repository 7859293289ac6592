"""Another Dagster project gets everything from a defs.yaml, or from a function."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cockroach_pipelines import (
    CockroachDBResource,
    ParquetIOManager,
    SqlTranslator,
    build_sql_assets,
    build_sql_definitions,
)
from cockroach_pipelines.config import ConfigManager, ConfigurationError, DatabaseConfig
from cockroach_pipelines.queries import Query, TableName
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

SERVER = DatabaseConfig(host="db.example.com", user="etl")
DEFS = """
type: cockroach_pipelines.SqlFolderComponent
attributes:
  connection: warehouse
  pool: sql
  defaults:
    owner: team:network
    tags: {domain: shops, tier: gold}
    timezone: Europe/Berlin
    retries: 1
    timeout: 5m
  tables:
    warehouse.public.orders: ingest/orders
"""
INGEST = """
import dagster as dg

@dg.asset(key=["ingest", "orders"])
def orders() -> None: ...
"""
FILES = {
    "reporting/shops/count.sql": "/* @asset\ntags: {tier: silver}\ncron: '0 6 * * *'\n*/\nSELECT count(*) AS n FROM orders",
    "reporting/one.sql": "/* @asset\nowner: ann@example.com\n*/\nSELECT 1 AS one",
}


def make_foreign_project(folder: Path, connections: Mapping[str, DatabaseConfig], defs: str = DEFS) -> Path:
    """Make a project as `create-dagster project` does, with one component and one asset of its own."""
    make_project(folder, connections, {})
    package = folder / "src" / "shops"
    for name, text in FILES.items():
        file = package / "defs" / "sql" / "queries" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (package / "defs" / "sql" / "defs.yaml").write_text(defs)
    (package / "defs" / "ingest.py").write_text(INGEST)
    for init in (package, package / "defs"):
        (init / "__init__.py").touch()
    (package / "definitions.py").write_text(
        "from pathlib import Path\n\nimport dagster as dg\n\n\n"
        "@dg.definitions\ndef defs() -> dg.Definitions:\n"
        "    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)\n"
    )
    (folder / "pyproject.toml").write_text(
        '[project]\nname = "shops"\nversion = "0"\n\n[tool.dg]\ndirectory_type = "project"\n\n'
        '[tool.dg.project]\nroot_module = "shops"\nregistry_modules = ["shops.components.*"]\n\n'
        "[tool.dg.cli.telemetry]\nenabled = false\n"
    )
    (package / "components").mkdir()
    (package / "components" / "__init__.py").touch()
    (folder / "home").mkdir()
    (folder / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    return folder


def dg_command(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run dg in a project's folder, as its user does."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("COCKROACH_", "DAGSTER_"))}
    return subprocess.run(
        [str(Path(sys.executable).parent / "dg"), *arguments],
        cwd=project,
        env={
            **environ,
            "PYTHONPATH": str(project / "src"),
            "DAGSTER_HOME": str(project / "home"),
            "COLUMNS": "200",
        },
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def add_folder(project: Path, name: str, tables: Mapping[str, str] | None = None) -> None:
    """Give a project a second component, whose folder has the names of the first one's."""
    folder = project / "src" / "shops" / "defs" / name
    attributes = {"connection": "warehouse", "pool": "sql", "key_prefix": name, "tables": dict(tables or {})}
    for file, text in {**FILES, **FOLLOWING}.items():
        path = folder / "queries" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "defs.yaml").write_text(
        f"type: cockroach_pipelines.SqlFolderComponent\nattributes: {json.dumps(attributes)}\n"
    )


FOLLOWING = {
    "reporting/next.sql": "/* @asset\nafter: [reporting/one]\nwatch: SELECT max(at) FROM orders\n*/\nSELECT n FROM orders",
    "reporting/by_key.sql": "/* @asset\npartition: {query: SELECT shop FROM orders}\n*/\nSELECT :partition_key AS shop",
}

COMMANDS = {
    "components": ("list", "components", "--json"),
    "defs": ("list", "defs", "--json"),
    "yaml": ("check", "yaml"),
    "yaml of several": ("check", "yaml"),
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, subprocess.CompletedProcess[str]]:
    """What dg says of the project, of three folders where there are several; for `yaml` one of its keys is misspelt."""

    def run(name: str) -> subprocess.CompletedProcess[str]:
        defs = DEFS.replace("pool: sql", "pol: sql") if name == "yaml" else DEFS
        project = make_foreign_project(tmp_path_factory.mktemp(name.replace(" ", "_")), {"warehouse": SERVER}, defs)
        if name in ("defs", "yaml of several"):
            add_folder(project, "emea")
            add_folder(project, "apac", {"warehouse.public.orders": "ingest/orders"})
        return dg_command(project, *COMMANDS[name])

    tmp_path_factory.getbasetemp()  # it is made at its first use, and would be by several at once
    with ThreadPoolExecutor(len(COMMANDS)) as pool:
        return dict(zip(COMMANDS, pool.map(run, COMMANDS), strict=True))


def test_dg_lists_the_component_with_what_it_is(said: dict[str, subprocess.CompletedProcess[str]]) -> None:
    listed = said["components"]
    assert listed.returncode == 0, listed.stderr
    summaries = {each["key"]: each["summary"] for each in json.loads(listed.stdout)["items"]}
    assert summaries["cockroach_pipelines.SqlFolderComponent"].startswith("Every SQL file of a folder as an asset")


def test_dg_checks_the_yaml(said: dict[str, subprocess.CompletedProcess[str]]) -> None:
    printed = said["yaml"].stdout + said["yaml"].stderr
    assert said["yaml"].returncode == 1, printed
    assert "defs.yaml:5 - cockroach_pipelines.SqlFolderComponent" in printed
    assert "('pol' was unexpected)" in printed
    assert "pool: sql" not in printed


def test_dg_lists_what_the_files_come_to(said: dict[str, subprocess.CompletedProcess[str]]) -> None:
    listed = said["defs"]
    assert listed.returncode == 0, listed.stderr
    defs = json.loads(listed.stdout)
    assets = {each["asset_key"]: each for each in defs["assets"]}
    assert {key for key in assets if key.startswith("reporting/")} == {"reporting/shops/count", "reporting/one"}
    count = assets["reporting/shops/count"]
    assert (count["group_name"], count["dependency_keys"]) == ("reporting_shops", ["ingest/orders"])
    assert count["source"] == "src/shops/defs/sql/queries/reporting/shops/count.sql:5"
    assert assets["reporting/one"]["owners"] == [{"email": "ann@example.com"}]
    assert [each["name"] for each in defs["resources"]] == ["parquet_io_manager", "warehouse"]


def test_folders_with_the_same_names_are_one_project(said: dict[str, subprocess.CompletedProcess[str]]) -> None:
    assert said["yaml of several"].returncode == 0, said["yaml of several"].stderr
    listed = said["defs"]
    assert listed.returncode == 0, listed.stderr
    defs = json.loads(listed.stdout)
    assets = {each["asset_key"]: each for each in defs["assets"]}
    names = ("reporting/by_key", "reporting/next", "reporting/one", "reporting/shops/count")
    assert set(assets) == {
        "ingest/orders",
        "warehouse/public/orders",
        "reporting/one",
        "reporting/shops/count",
        *(f"{prefix}/{name}" for prefix in ("apac", "emea") for name in names),
    }
    assert assets["emea/reporting/shops/count"]["group_name"] == "emea_reporting_shops"
    assert assets["emea/reporting/next"]["dependency_keys"] == ["emea/reporting/one", "warehouse/public/orders"]
    assert assets["apac/reporting/next"]["dependency_keys"] == ["apac/reporting/one", "ingest/orders"]
    assert {each["name"] for each in defs["schedules"]} == {
        f"{prefix}reporting__shops__count" for prefix in ("", "apac__", "emea__")
    }
    assert {each["name"] for each in defs["sensors"]} == {
        f"{begins}{prefix}__{ends}"
        for prefix in ("apac", "emea")
        for begins, ends in (
            ("", "updates_and_changes"),
            ("watch__", "reporting__next"),
            ("", "reporting__by_key__keys"),
        )
    }


@pytest.mark.usefixtures("jvm")
def test_component_materializes(server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_foreign_project(tmp_path, {"warehouse": server.config})
    monkeypatch.syspath_prepend(project / "src")
    definitions = dg.load_from_defs_folder(path_within_project=project / "src" / "shops")
    job = definitions.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(asset_selection=[dg.AssetKey(["reporting", "one"])]).success
    assert (project / ".data" / "results" / "reporting" / "one.parquet").is_file()


def _graph(definitions: dg.Definitions) -> Any:
    return definitions.resolve_asset_graph()


def test_defaults_hold_where_a_file_is_silent(tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": SERVER, "warehouse": SERVER}, FILES)
    definitions = build_sql_definitions(
        config.settings.sql_folder,
        config,
        defaults={"owner": "team:network", "tags": {"domain": "shops", "tier": "gold"}, "connection": "warehouse"},
        pool="sql",
    )
    count = _graph(definitions).get(dg.AssetKey(["reporting", "shops", "count"]))
    one = _graph(definitions).get(dg.AssetKey(["reporting", "one"]))
    assert list(count.owners) == ["team:network"]
    assert {key: count.tags[key] for key in ("domain", "tier")} == {"domain": "shops", "tier": "silver"}
    assert list(one.owners) == ["ann@example.com"]
    assert count.pools == one.pools == {"sql"}
    assert count.parent_keys == {dg.AssetKey(["warehouse", "public", "orders"])}


@pytest.mark.parametrize(
    ("defaults", "message"),
    [
        ({"ower": "team:x"}, "`defaults.ower`: is no key that files share. Did you mean 'owner'?"),
        (
            {"timezone": "Europe/Berln"},
            "`defaults.timezone`: 'Europe/Berln' is no time zone. Did you mean 'Europe/Berlin'?",
        ),
        ({"retries": -1}, "`defaults.retries`: -1 is no number of retries"),
    ],
)
def test_wrong_defaults_are_refused(tmp_path: Path, defaults: dict[str, object], message: str) -> None:
    config = make_project(tmp_path, {"main": SERVER}, FILES)
    with pytest.raises(ConfigurationError) as refused:
        build_sql_definitions(config.settings.sql_folder, config, defaults=defaults)
    assert message in str(refused.value)


def test_translator_says_what_is_shown(tmp_path: Path) -> None:
    class Ours(SqlTranslator):
        def get_asset_spec(self, query: Query, deps: Sequence[dg.AssetDep] = ()) -> dg.AssetSpec:
            return super().get_asset_spec(query, deps).merge_attributes(tags={"cost_centre": "4711"}, kinds={"gold"})

        def get_table_key(self, connection: str, table: TableName) -> dg.AssetKey:
            return dg.AssetKey(["ingest", table.name])

    config = make_project(tmp_path, {"main": SERVER}, FILES)
    graph = _graph(
        build_sql_definitions(config.settings.sql_folder, config, translator=Ours(config.settings.sql_folder))
    )
    count = graph.get(dg.AssetKey(["reporting", "shops", "count"]))
    assert count.tags["cost_centre"] == "4711"
    assert "gold" in count.kinds
    assert count.parent_keys == {dg.AssetKey(["ingest", "orders"])}


@pytest.mark.usefixtures("jvm")
def test_assets_by_a_function_run_with_resources_of_the_project(server: PostgresServer, tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": server.config}, FILES)
    results = tmp_path / "results"
    assets = build_sql_assets(config.settings.sql_folder, connections=["main"], results_folder=results)
    definitions = dg.Definitions(
        assets=[*assets],
        resources={
            "main": CockroachDBResource(connection_name="main", config_file=str(config.path)),
            "parquet_io_manager": ParquetIOManager(folder=str(results)),
        },
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(asset_selection=[dg.AssetKey(["reporting", "one"])]).success
    assert (results / "reporting" / "one.parquet").is_file()


@pytest.mark.usefixtures("jvm")
def test_results_of_folders_with_the_same_names_lie_apart(server: PostgresServer, tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": server.config}, {"reporting/one.sql": "SELECT 1 AS one"})
    both = [build_sql_definitions(tmp_path / "sql", config, key_prefix=prefix) for prefix in (None, ["emea", "shops"])]
    definitions = dg.Definitions.merge(*both)
    job = definitions.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance).success
    files = {
        str(path.relative_to(config.settings.results_folder))
        for path in config.settings.results_folder.rglob("*.parquet")
    }
    assert files == {"reporting/one.parquet", "emea/shops/reporting/one.parquet"}


def test_two_folders_share_their_resources(tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": SERVER}, FILES)
    (tmp_path / "other" / "queries" / "reporting").mkdir(parents=True)
    (tmp_path / "other" / "queries" / "reporting" / "two.sql").write_text("SELECT 2 AS two")
    both = [
        build_sql_definitions(folder, ConfigManager.load(config.path, {}))
        for folder in (tmp_path / "sql", tmp_path / "other")
    ]
    merged = dg.Definitions.merge(*both)
    assert {"/".join(key.path) for key in _graph(merged).executable_asset_keys} == {
        "reporting/shops/count",
        "reporting/one",
        "reporting/two",
    }
