"""What a user of Dagster starts and ends by clicks: a backfill in one run, the termination of a run; and what runs by itself."""

from __future__ import annotations

import re
import time

import psycopg
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.orchestration.ui.conftest import CHECKED, EVERY_MINUTE, WATCHED, sessions
from tests.peers.browser import new_page, take_picture
from tests.peers.dagster_dev import DagsterDev
from tests.peers.waiting import wait_until

pytestmark = pytest.mark.browser

PARTITIONED = "reporting/daily_departures"
SILENT = "reporting/silent"
JANUARY = "[2013-01-01...2013-01-31]"


@pytest.fixture(scope="module", autouse=True)
def backfill(browser: Browser, ui: DagsterDev) -> None:
    """A month that a user backfills; the daemon looks for backfills every half minute, and other tests go on meanwhile."""
    page = new_page(browser, ui.address)
    page.goto(f"/assets/{PARTITIONED}")
    page.locator("button:visible", has_text=re.compile("^Materialize")).first.click()
    expect(page.get_by_text("Backfills all partitions in a single run.")).to_be_visible()
    selection = page.get_by_placeholder(re.compile("^ex: 2013"))
    selection.fill(JANUARY)
    selection.press("Enter")
    expect(page.get_by_text("31 partitions")).to_be_visible()
    with page.expect_response(lambda answer: "launchPartitionBackfill" in (answer.request.post_data or "")):
        page.get_by_role("button", name="Launch backfill").click()
    page.close()


def test_run_that_is_terminated_by_a_click_leaves_no_session_and_no_slot(
    page: Page, ui: DagsterDev, administrator: psycopg.Connection
) -> None:
    run = ui.launch(SILENT)
    page.goto(f"/runs/{run}")
    wait_until(lambda: sessions(administrator, run) == 1, 180, lambda: f"{ui.status(run)}: no statement")
    assert run in ui.slots("main")
    page.locator("button:visible", has_text=re.compile("^Terminate$")).click()
    expect(page.get_by_text("1 run will be terminated")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Terminate 1 run")).click()
    began = time.monotonic()
    assert ui.wait_for_end(run) == "CANCELED"
    print(f"CANCELED {time.monotonic() - began:.2f} s after the click")
    wait_until(lambda: sessions(administrator, run) == 0, 30, lambda: "the session is still there")
    wait_until(lambda: run not in ui.slots("main"), 30, lambda: "the slot is still held")
    expect(page.get_by_text("Canceled", exact=True).first).to_be_visible()


def test_what_runs_by_itself_is_under_automation_with_its_files_name(page: Page) -> None:
    page.goto("/automation")
    names = (
        EVERY_MINUTE.replace("/", "__"),
        f"watch__{WATCHED.replace('/', '__')}",
        "changed_sql_files",
        "notifications",
    )
    for name in names:
        expect(page.get_by_text(name, exact=True)).to_be_visible()
    page.set_viewport_size({"width": 1500, "height": 700})
    take_picture(page, "automation")


def test_sample_of_wrong_rows_is_with_the_check(page: Page, ui: DagsterDev) -> None:
    assert ui.wait_for_end(ui.launch(CHECKED)) == "SUCCESS"
    page.goto(f"/assets/{CHECKED}?view=checks")
    expect(page.get_by_text("1 row is wrong.").first).to_be_visible()
    sample = page.get_by_role("table").filter(has_text="=1+1").last
    expect(sample).to_contain_text("word")


def test_backfill_of_a_month_is_one_run_and_fills_its_bar(page: Page, ui: DagsterDev) -> None:
    wait_until(lambda: len(_january(ui)) == 1, 180, lambda: "the backfill began no run")
    (run,) = _january(ui)
    assert ui.wait_for_end(run) == "SUCCESS"
    page.goto(f"/assets/{PARTITIONED}?view=partitions")
    shown = page.get_by_placeholder(re.compile("^ex: 2013"))
    shown.fill(JANUARY)
    shown.press("Enter")
    expect(page.get_by_text("31 Partitions Selected")).to_be_visible()
    expect(page.get_by_text("Materialized (31)")).to_be_visible()
    expect(page.get_by_text("Missing (0)")).to_be_visible()
    page.get_by_text("2013-01-31", exact=True).first.click()
    expect(page.get_by_text(run[:8]).first).to_be_visible()
    take_picture(page, "partitions")
    assert len(_january(ui)) == 1
    files = sorted((ui.folder / ".data" / "results" / PARTITIONED).iterdir())
    assert [file.stem for file in files] == [f"2013-01-{day:02}" for day in range(1, 32)]
    assert all(pq.read_metadata(file).num_rows > 0 for file in files)


def _january(ui: DagsterDev) -> list[str]:
    """Runs over the whole of January."""
    runs = ui.runs(asset_partition_range_start="2013-01-01", asset_partition_range_end="2013-01-31")
    return [str(run["id"]) for run in runs]
