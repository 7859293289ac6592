"""What comparing two relations loads."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cockroach_pipelines.reconciliation import Strategy
from tests.peers.postgres import PostgresServer
from tests.reconciliation.conftest import Databases

COMPARE = """
import json, sys
from pathlib import Path
from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.reconciliation import ReconciliationSpec, Relation, Strategy, reconcile

asked = json.load(sys.stdin)
configs = {name: DatabaseConfig(**{**asked["config"], "database": f"recon_{name}"}) for name in ("source", "target")}
with ConnectionManager(configs) as connections:
    spec = ReconciliationSpec(strategy=Strategy(asked["strategy"]))
    found = reconcile(
        Relation("source", "weight"), Relation("target", "weight"), spec, connections=connections, folder=Path(asked["folder"])
    )
print(found.counts.total, {"sqlglot", "pandas", "structlog"} & sys.modules.keys())
"""


@pytest.mark.parametrize("strategy", [Strategy.CHECKSUMS, Strategy.ROWS])
def test_a_comparison_of_relations_loads_no_parser_of_sql_and_no_pandas(
    databases: Databases, server: PostgresServer, strategy: Strategy
) -> None:
    rows = "SELECT g, CASE WHEN g % {} = 0 THEN 'other' ELSE 'v' END FROM generate_series(1, 5000) AS g"
    databases.tables("weight", "id int PRIMARY KEY, v text", rows.format(6000), rows.format(50))
    config = server.config
    assert config.password is not None
    given = {name: getattr(config, name) for name in ("host", "port", "user", "sslmode")}
    given["password"] = config.password.get_secret_value()
    asked = json.dumps({"config": given, "strategy": strategy, "folder": str(databases.folder)}, default=str)
    done = subprocess.run([sys.executable, "-c", COMPARE], input=asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "100 set()"), done.stderr
