"""A batch job in Dagster's UI: its progress while it runs, terminated, and gone on with to its end."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import psycopg
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Page, expect

from tests.peers.dagster_dev import DagsterDev

pytestmark = pytest.mark.browser

ASSET = "maintenance/slow_batches"
LONGEST_SECONDS = 3.0
TABLE = """
    CREATE TABLE slow_events AS SELECT n AS id, n % 2 = 0 AS old FROM generate_series(1, 800) AS n;
    ALTER TABLE slow_events ADD PRIMARY KEY (id); ANALYZE slow_events;
    CREATE TABLE slow_watch AS SELECT 1 AS person
"""


def test_a_batch_job_is_watched_terminated_and_gone_on_with(
    page: Page, ui: DagsterDev, administrator: psycopg.Connection, screenshot: Callable[[str], None]
) -> None:
    for statement in TABLE.split(";"):
        administrator.execute(statement)
    run = ui.launch(ASSET, {"arm": True})
    page.goto(f"/runs/{run}")
    progress = re.compile(
        r"slow_batches: 100 rows of about 400 \(25%\), [\d,]+ rows/s, .*, throttled: a person watches"
    )
    expect(page.get_by_text(progress).first).to_be_visible(timeout=180_000)
    screenshot("batches_running")
    began = time.monotonic()
    ui.terminate(run)
    assert ui.wait_for_end(run) == "CANCELED"
    took = time.monotonic() - began
    print(f"CANCELED after {took:.2f} s")
    assert took < LONGEST_SECONDS
    (done,) = administrator.execute("SELECT 800 - count(*) FROM slow_events").fetchone() or (0,)
    assert done == 100
    (reason,) = administrator.execute(
        "SELECT end_reason FROM cockroach_pipelines.maintenance_runs WHERE run = %s", [run]
    ).fetchone() or ("",)
    assert reason == "cancelled"
    administrator.execute("DELETE FROM slow_watch")
    again = ui.launch(ASSET)
    assert ui.wait_for_end(again) == "SUCCESS"
    page.goto(f"/assets/{ASSET}")
    for name, value in (("end_reason", "done"), ("resumes", "1"), ("rows_affected", "300"), ("rows_of_pass", "400")):
        row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True)).first
        expect(row).to_contain_text(value)
    screenshot("batches_done")
    assert administrator.execute("SELECT count(*), bool_or(old) FROM slow_events").fetchone() == (400, False)
    kept = pq.read_table(ui.folder / ".data" / "results" / "slow")
    assert sorted(kept["id"].to_pylist()) == list(range(2, 801, 2))
