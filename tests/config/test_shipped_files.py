"""The configuration that travels with the project says what is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cockroach_pipelines.config import ConfigManager

ROOT = Path(__file__).parents[2]


def test_config_yaml_needs_no_installation() -> None:
    manager = ConfigManager.load(ROOT / "config.yaml", {})
    assert set(manager.settings.connections) == {"main"}
    embedded = manager.connection().embedded
    assert embedded is not None
    assert (embedded.folder, embedded.sample_data) == (ROOT / ".data/embedded", True)
    assert manager.settings.sql_folder == ROOT / "sql"


def test_example_of_a_server_in_config_yaml_loads_when_uncommented(tmp_path: Path) -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    start = text.index("  # warehouse:")
    (tmp_path / "config.yaml").write_text(text[:start] + re.sub(r"(?m)^  # ", "  ", text[start:]), encoding="utf-8")
    warehouse = ConfigManager.load(tmp_path / "config.yaml", {}).connection("warehouse")
    assert (warehouse.host, warehouse.port, warehouse.sslmode) == ("lb.example.com", 26257, "verify-full")
    assert warehouse.sslrootcert == tmp_path / "certs/ca.crt"
    assert warehouse.kerberos is not None and warehouse.kerberos.principal == "etl@EXAMPLE.COM"
    assert warehouse.statement_timeout == 1800


def test_variables_of_env_example_load_over_config_yaml(tmp_path: Path) -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    environ = dict(re.findall(r"(?m)^# (COCKROACH_\w+)='?(.*?)'?$", "\n".join(lines)))
    del environ["COCKROACH_PIPELINES_CONFIG"]
    manager = ConfigManager.load(ROOT / "config.yaml", environ)
    assert manager.connection().host == "lb.example.com"
    assert manager.connection("replica").pool.size == 2
    assert {origin.removeprefix("environment ") for origin in manager.origins().values()} == set(environ)


@pytest.mark.parametrize("name", ["config.yaml", ".env.example"])
def test_lines_fit_an_editor(name: str) -> None:
    assert max(map(len, (ROOT / name).read_text(encoding="utf-8").splitlines())) <= 120
