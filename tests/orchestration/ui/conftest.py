"""One Dagster with its UI for this folder, on the project as it is shipped and a few files that misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.database.connection import connect
from cockroach_pipelines.database.jvm import JVMManager
from cockroach_pipelines.embedded import EmbeddedServer, Endpoint
from cockroach_pipelines.embedded.sample import load_sample_data
from tests.peers.browser import chromium, new_page, take_screenshot
from tests.peers.dagster_dev import DagsterDev, make_dagster_project
from tests.peers.mail import MailServer, mail_server
from tests.peers.processes import readable_folder
from tests.peers.second_driver import connect_by_psycopg
from tests.peers.webhook import WebhookServer, webhook_server

_REPOSITORY = Path(__file__).parents[3]

EVERY_MINUTE, WATCHED, CHAINED = "reporting/every_minute", "reporting/watched", "reporting/chained"
"""Files that run by themselves: by the clock, by a watermark, and after that one."""

CHECKED = "reporting/checked"
"""A file whose check fails."""

STALE = "reporting/stale"
"""A file that is made once, when the UI begins, and has to be fresh."""

BY_DAY = "reporting/by_day"
"""A file with a partition a day in January 2024, of as many rows as the day's number, by one statement for several."""

_RUNNING_BY_THEMSELVES = {
    f"{EVERY_MINUTE}.sql": "/* @asset\nevery: 1m\n*/\nSELECT 1 AS one\n",
    f"{WATCHED}.sql": "/* @asset\nwatch: {query: SELECT max(at) FROM marks, every: 5s}\n*/\nSELECT count(*) AS marks FROM marks\n",
    f"{CHAINED}.sql": f"/* @asset\nafter: [{WATCHED}]\n*/\nSELECT count(*) AS marks FROM marks\n",
    f"{CHECKED}.sql": "/* @asset\nowner: team:data\nchecks:\n  no_formulas: SELECT * FROM result WHERE word LIKE '=%'\n*/\n"
    "SELECT * FROM (VALUES (1, '=1+1'), (2, 'x')) AS v (id, word) ORDER BY id\n",
    f"{STALE}.sql": "/* @asset\nfresh: 1m\n*/\nSELECT 1 AS one\n",
    f"{BY_DAY}.sql": "/* @asset\npartition: {every: day, from: 2024-01-01, to: 2024-02-01, column: at}\n*/\n"
    "SELECT at, n FROM generate_series('2024-01-01Z'::timestamptz, '2024-01-31Z', '1 day') AS at,\n"
    "generate_series(1, extract(day FROM at)::int) AS n WHERE at >= :partition_start AND at < :partition_end\n",
}

_MISBEHAVING = {
    "reporting/broken.sql": "-- Flights by carrier.\nSELECT carrier,\n       count(*) AS flights\nFORM flights\nGROUP BY carrier;\n",
    "reporting/silent.sql": "-- Gives nothing for ten minutes.\nSELECT pg_sleep(600)::text AS slept;\n",
    "reporting/endless.sql": "-- More rows than anybody can store.\nSELECT a.carrier, b.flight FROM flights AS a CROSS JOIN flights AS b;\n",
    "reconciliation/silent_sides.sql": "-- Both sides give nothing for ten minutes.\n"
    "-- name: source\nSELECT 1 AS id, pg_sleep(600)::text AS slept\n-- name: target\nSELECT 1 AS id, pg_sleep(600)::text AS slept\n",
    "maintenance/queue.sql": "/* @asset\nwarn: {column: waiting, below: 10}\nerror: {column: waiting, below: 100}\n*/\n"
    "SELECT name, waiting FROM (VALUES ('mails', (SELECT count(*) FROM queued)), ('prints', 3)) AS queues (name, waiting);\n",
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


@pytest.fixture(scope="package")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """The embedded database, running; `ui` has its sample data loaded."""
    with readable_folder("embedded") as parent, EmbeddedServer(parent / "embedded") as server:
        yield server


@pytest.fixture(scope="package")
def ui_mail() -> Iterator[MailServer]:
    """The mail server that the project of `ui` tells of failures."""
    with mail_server() as server:
        yield server


@pytest.fixture(scope="package")
def ui_webhook() -> Iterator[WebhookServer]:
    """The web address that the project of `ui` tells of failures."""
    with webhook_server() as server:
        yield server


@pytest.fixture(scope="package")
def ui(
    jvm: JVMManager,
    embedded: EmbeddedServer,
    administrator: psycopg.Connection,
    ui_mail: MailServer,
    ui_webhook: WebhookServer,
) -> Iterator[DagsterDev]:
    """`dg dev` on a project of its own, with the sample data in its database, and a mark that what watches finds."""
    administrator.execute("CREATE TABLE marks AS SELECT timestamptz '2024-01-01 10:00Z' AS at")
    with readable_folder("project") as parent:
        folder = parent / "flights"  # what the UI calls the code location
        folder.mkdir()
        make_dagster_project(_REPOSITORY, folder, embedded.folder, _MISBEHAVING | _RUNNING_BY_THEMSELVES)
        dagster = DagsterDev(folder)
        _tell_failures(folder / "config.yaml", dagster, ui_mail, ui_webhook)
        try:
            with ThreadPoolExecutor(1) as other:
                loading = other.submit(_load_sample_data, embedded.endpoint)
                dagster.start()
                loading.result()
            dagster.launch(STALE)
            yield dagster
        finally:
            dagster.stop()


@pytest.fixture(scope="module", autouse=True)
def _runs_end_with_their_file(ui: DagsterDev) -> Iterator[None]:
    """A test that fails leaves no run that holds a slot of the next ones."""
    yield
    ui.end_launched()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, ui: DagsterDev) -> Iterator[Page]:
    """A page of the UI."""
    page = new_page(browser, ui.address)
    yield page
    page.close()


@pytest.fixture
def screenshot(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Write a picture of the page under a name, for people."""
    return lambda name: take_screenshot(page, name, tmp_path_factory.getbasetemp())


@pytest.fixture(scope="package")
def administrator(embedded: EmbeddedServer) -> Iterator[psycopg.Connection]:
    """Another client of the embedded database, without Java."""
    with connect_by_psycopg(embedded.endpoint) as connection:
        yield connection


def sessions(administrator: psycopg.Connection, run: str) -> int:
    """Number of sessions in which a statement of the run is under way."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND application_name LIKE %s"
    (count,) = administrator.execute(query, [f"%/{run[:8]}"]).fetchone() or (0,)
    return int(count)


def _tell_failures(config: Path, dagster: DagsterDev, mail: MailServer, webhook: WebhookServer) -> None:
    email = {
        "host": "localhost",
        "port": mail.port,
        "security": "none",
        "from": "d@example.com",
        "to": "team@example.com",
    }
    notifications = {"webhook": {"url": webhook.address}, "email": email, "link": dagster.address}
    with config.open("a") as file:
        file.write(f"\nnotifications: {json.dumps(notifications)}\nwebserver_url: {dagster.address}\n")


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
