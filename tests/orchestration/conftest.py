"""One Dagster with its UI for the session, on the project as it is shipped and a few files that misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.database.connection import connect
from cockroach_pipelines.database.jvm import JVMManager
from cockroach_pipelines.embedded import EmbeddedServer, Endpoint
from cockroach_pipelines.embedded.sample import load_sample_data
from tests.peers.dagster_dev import DagsterDev, make_dagster_project
from tests.peers.processes import readable_folder

_REPOSITORY = Path(__file__).parents[2]

_MISBEHAVING = {
    "reporting/broken.sql": "-- Flights by carrier.\nSELECT carrier,\n       count(*) AS flights\nFORM flights\nGROUP BY carrier;\n",
    "reporting/silent.sql": "-- Gives nothing for two minutes.\nSELECT pg_sleep(120)::text AS slept;\n",
    "reporting/endless.sql": "-- More rows than anybody can store.\nSELECT a.carrier, b.flight FROM flights AS a CROSS JOIN flights AS b;\n",
    "reconciliation/silent_sides.sql": "-- Both sides give nothing for two minutes.\n"
    "-- name: source\nSELECT 1 AS id, pg_sleep(120)::text AS slept\n-- name: target\nSELECT 1 AS id, pg_sleep(120)::text AS slept\n",
    "maintenance/slow_delete.sql": "-- Takes minutes and never commits.\nDELETE FROM flight_events WHERE pg_sleep(0.01)::text = '';\n",
    "maintenance/slow_batches.sql": """/* @asset
batch:
  table: slow_events
  key: id
  size: {start: 20, min: 20, max: 20}
  pause:
    when: SELECT 'a person watches' FROM slow_watch WHERE (SELECT count(*) FROM slow_events WHERE old) <= 300
    every: 10ms
  archive: slow
*/
DELETE FROM slow_events WHERE old;
""",
}


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The embedded database, running; `ui` has its sample data loaded."""
    with readable_folder("embedded") as parent, EmbeddedServer(parent / "embedded") as server:
        yield server


@pytest.fixture(scope="session")
def ui(jvm: JVMManager, embedded: EmbeddedServer) -> Iterator[DagsterDev]:
    """`dg dev` on a project of its own, with the sample data in its database."""
    with readable_folder("project") as folder:
        make_dagster_project(_REPOSITORY, folder, embedded.folder, _MISBEHAVING)
        dagster = DagsterDev(folder)
        try:
            with ThreadPoolExecutor(1) as other:
                loading = other.submit(_load_sample_data, embedded.endpoint)
                dagster.start()
                loading.result()
            yield dagster
        finally:
            dagster.stop()


@pytest.fixture(scope="session")
def administrator(embedded: EmbeddedServer) -> Iterator[psycopg.Connection]:
    """Another client of the embedded database, without Java."""
    endpoint = embedded.endpoint
    with psycopg.connect(
        host=endpoint.host,
        port=endpoint.port,
        dbname=endpoint.database,
        user=endpoint.user,
        password=endpoint.password.get_secret_value(),
        autocommit=True,
    ) as connection:
        yield connection


def _load_sample_data(endpoint: Endpoint) -> None:
    config = DatabaseConfig(
        host=endpoint.host,
        port=endpoint.port,
        database=endpoint.database,
        user=endpoint.user,
        password=endpoint.password,
        sslmode="disable",
    )
    with connect(config) as connection:
        load_sample_data(connection)
