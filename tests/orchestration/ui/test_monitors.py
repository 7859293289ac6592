"""What a user of Dagster sees of a monitor: green, then red, with the rows that are wrong and their numbers over time."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.orchestration.ui.test_assets import is_red, rows, verdict
from tests.peers.dagster_dev import DagsterDev

pytestmark = pytest.mark.browser

MONITOR = "maintenance/queue"


def test_monitor_turns_red_and_shows_the_rows_that_are_wrong(
    page: Page, ui: DagsterDev, administrator: psycopg.Connection, screenshot: Callable[[str], None]
) -> None:
    administrator.execute("CREATE TABLE queued (id int)")
    assert ui.wait_for_end(ui.launch(MONITOR)) == "SUCCESS"
    page.goto(f"/assets/{MONITOR}?view=checks")
    expect(page.get_by_text("Evaluation result").locator("..").get_by_text("Passed", exact=True)).to_be_visible()
    administrator.execute("INSERT INTO queued SELECT generate_series(1, 250)")
    assert ui.wait_for_end(ui.launch(MONITOR)) == "SUCCESS"
    page.goto(f"/assets/{MONITOR}?view=checks")
    said = "1 of 2 rows break the rule: waiting below 100; the values reach from 3 to 250."
    expect(page.get_by_text(said).first).to_be_visible()
    assert is_red(verdict(page))
    sample = page.get_by_role("table").filter(has_text="mails").last
    assert rows(sample) == [["name", "waiting"], ["mails", "250"]]
    screenshot("monitor_red")
    page.goto(f"/assets/{MONITOR}")
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name="waiting_max", exact=True)).first
    expect(row).to_contain_text("250")
    screenshot("monitor_numbers")
