"""An asset leads to its SQL: in an editor, or on the pages of a repository."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigManager, DatabaseConfig
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.orchestration.code_references import page
from tests.peers.project import make_project

SERVER = DatabaseConfig(host="db.example.com", user="etl")
FILES = {
    "reporting/finance/daily revenue.sql": "SELECT 1 AS one",
    "reporting/finance/daily.sql": "/* @asset\ndescription: One.\n*/\nSELECT 1 AS one",
    "maintenance/jobs.cockroachdb.sql": "SHOW JOBS",
    "maintenance/jobs.postgresql.sql": "-- Jobs.\nANALYZE",
}


def _references(config: ConfigManager, key: str) -> list[object]:
    spec = build_definitions(config).resolve_asset_graph().get(dg.AssetKey(key.split("/")))
    return list(spec.metadata["dagster/code_references"].code_references)


def test_files_open_in_an_editor_at_their_first_line(tmp_path: Path) -> None:
    config = make_project(tmp_path, {"main": SERVER}, FILES)
    queries = tmp_path / "sql" / "queries"
    (reference,) = _references(config, "reporting/finance/daily")
    assert isinstance(reference, dg.LocalFileCodeReference)
    assert reference.source == f"{queries / 'reporting/finance/daily.sql'}:4"
    assert reference.label == "daily.sql"
    assert [reference.label for reference in _references(config, "maintenance/jobs")] == [  # type: ignore[attr-defined]
        "jobs.cockroachdb.sql",
        "jobs.postgresql.sql",
    ]


def test_files_are_pages_of_a_repository_where_the_configuration_names_it(tmp_path: Path) -> None:
    make_project(tmp_path, {"main": SERVER}, FILES)
    path = tmp_path / "config.yaml"
    path.write_text(path.read_text()[:-1] + ', "code_url": "https://github.com/acme/x/blob/main/sql/"}')
    (reference,) = _references(ConfigManager.load(path, {}), "reporting/finance/daily")
    assert isinstance(reference, dg.UrlCodeReference)
    assert reference.url == "https://github.com/acme/x/blob/main/sql/queries/reporting/finance/daily.sql#L4"


@pytest.mark.parametrize(
    ("code_url", "expected"),
    [
        ("https://gitlab.com/a/b/-/blob/main/sql", "https://gitlab.com/a/b/-/blob/main/sql/queries/a%20b.sql#L3"),
        (
            "https://dev.azure.com/a?path=/sql/{path}&line={line}",
            "https://dev.azure.com/a?path=/sql/queries/a%20b.sql&line=3",
        ),
    ],
)
def test_pages_of_other_services(code_url: str, expected: str) -> None:
    assert page(code_url, Path("queries/a b.sql"), 3) == expected


def test_folders_are_groups(tmp_path: Path) -> None:
    graph = build_definitions(make_project(tmp_path, {"main": SERVER}, FILES)).resolve_asset_graph()
    groups = {"/".join(node.key.path): node.group_name for node in graph.asset_nodes}
    assert groups["reporting/finance/daily"] == "reporting_finance"
    assert groups["maintenance/jobs"] == "maintenance"
