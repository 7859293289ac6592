"""What a user of Dagster sees: groups, runs, results, checks, and files that cannot be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.peers.browser import new_page, take_picture
from tests.peers.dagster_dev import DagsterDev

pytestmark = pytest.mark.browser

REPORT = "reporting/busiest_routes"
RECONCILIATION = "reconciliation/flights_against_replica"
MAINTENANCE = "maintenance/refresh_statistics"
SELECTED = (REPORT, RECONCILIATION, MAINTENANCE)
BROKEN = "reporting/broken"


@pytest.fixture(scope="module")
def runs(browser: Browser, ui: DagsterDev) -> Mapping[str, str]:
    """Runs that a user started: of three assets selected in the catalog, which has ended, and of a file that cannot be used."""
    page = new_page(browser, ui.address)
    page.set_viewport_size({"width": 1500, "height": 3000})  # the catalog draws only the rows that are seen
    page.goto("/assets")
    for asset in SELECTED:
        link = page.locator(f"a[href*='/assets/{asset}']")
        row = page.locator("div", has=link).filter(has=page.get_by_role("checkbox")).last
        row.locator("label").click()
    started = {"selected": launch(page, ui, "Materialize selected (3)")}
    page.goto(f"/assets/{BROKEN}")
    started["broken"] = launch(page, ui, "Materialize")
    page.close()
    ui.wait_for_end(started["selected"])
    return started


def test_dg_dev_starts_without_warnings_and_keeps_its_history(ui: DagsterDev) -> None:
    for word in ("Warning", "WARNING", "ERROR", "Traceback"):
        assert word not in ui.printed_at_start
    assert (ui.folder / ".dagster" / "storage" / "history" / "runs.db").is_file()


def test_folders_of_sql_are_groups(page: Page, screenshot: Callable[[str], None]) -> None:
    page.goto("/asset-groups")
    for group in ("reconciliation", "reporting", "maintenance"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    screenshot("groups")
    take_picture(page, "lineage")


def test_assets_of_every_kind_are_materialized_by_clicks(
    runs: Mapping[str, str], page: Page, screenshot: Callable[[str], None]
) -> None:
    page.goto(f"/runs/{runs['selected']}")
    expect(page.get_by_text("Success", exact=True)).to_be_visible()
    expect(page.get_by_text("Succeeded (3)")).to_be_visible()
    screenshot("run")
    for asset in SELECTED:
        page.goto(f"/assets/{asset}")
        expect(page.get_by_text(re.compile(r"\d+ (second|minute)s? ago")).first).to_be_visible()
        screenshot(asset.replace("/", "_"))


@pytest.mark.usefixtures("runs")
def test_report_shows_its_row_count_columns_and_first_rows(page: Page, screenshot: Callable[[str], None]) -> None:
    page.goto(f"/assets/{REPORT}")
    expect(page.get_by_text("Row count").locator("..")).to_have_text(re.compile(r"Row count\s*20$"))
    columns = page.get_by_role("table").filter(has_text="Column name")
    assert rows(columns)[1:] == [["origin", "text"], ["dest", "text"], ["flights", "int8"], ["miles", "numeric"]]
    preview = page.get_by_role("table").filter(has_text="JFK").last
    assert rows(preview)[:2] == [["origin", "dest", "flights", "miles"], ["JFK", "LAX", "11262", "2475"]]
    assert len(rows(preview)) == 11
    preview.scroll_into_view_if_needed()
    screenshot("report_preview")
    page.evaluate("document.activeElement.blur()")
    page.set_viewport_size({"width": 1500, "height": 1500})
    take_picture(page, "asset")


@pytest.mark.usefixtures("runs")
def test_reconciliation_says_what_differs_where_and_what_would_mend_it(
    page: Page, screenshot: Callable[[str], None]
) -> None:
    page.set_viewport_size({"width": 1900, "height": 3400})
    page.goto(f"/assets/{RECONCILIATION}")
    found = "101 rows differ (33 missing, 33 extra, 35 changed) in 336,776 against 336,776 rows."
    expect(page.get_by_text(found).first).to_be_visible()
    for name, value in (("differences", "101"), ("missing", "33"), ("extra", "33"), ("changed", "35")):
        row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=name, exact=True)).first
        expect(row).to_contain_text(value)
    expect(page.get_by_text("tailnum: trailing blanks (100% of its differences)")).to_be_visible()
    expect(page.get_by_text("air_time: the opposite sign (100% of its differences)")).to_be_visible()
    assert is_drawn(page.get_by_role("img", name="where along the key"))
    screenshot("reconciliation")
    show(page, "where_in_detail")
    assert is_drawn(page.get_by_role("img", name="Where along the key rows differ"))
    screenshot("reconciliation_where")
    page.keyboard.press("Escape")
    show(page, "mending_target")
    expect(page.get_by_text("flights_against_replica.mend_target.sql")).to_be_visible()
    expect(page.get_by_text("DELETE FROM flights_replica").first).to_be_visible()
    screenshot("reconciliation_mending")


@pytest.mark.usefixtures("runs")
def test_reconciliation_that_found_differences_is_red_and_shows_a_sample(
    page: Page, screenshot: Callable[[str], None]
) -> None:
    page.goto(f"/assets/{RECONCILIATION}?view=checks")
    expect(page.get_by_text("101 rows differ").first).to_be_visible()
    assert is_red(verdict(page))
    sample = page.get_by_role("table").filter(has_text="missing").last
    assert rows(sample)[0] == ["time_hour", "carrier", "flight", "kind", "column", "source", "target"]
    assert len(rows(sample)) > 10
    screenshot("reconciliation_checks")
    take_picture(page, "check")


def test_file_that_cannot_be_used_says_why_and_where(
    runs: Mapping[str, str], page: Page, ui: DagsterDev, screenshot: Callable[[str], None]
) -> None:
    ui.wait_for_end(runs["broken"])
    page.goto(f"/assets/{BROKEN}")
    description = page.get_by_text("This file cannot be used")
    expect(description).to_contain_text("sql/queries/reporting/broken.sql:4:1: 'FORM' is unexpected here.")
    expect(page.get_by_text("Did you mean FROM instead of FORM?")).to_be_visible()
    screenshot("broken")
    page.goto(f"/assets/{BROKEN}?view=checks")
    expect(page.get_by_text("broken.sql:4:1: 'FORM' is unexpected here.")).to_be_visible()
    assert is_red(verdict(page))
    screenshot("broken_checks")


def launch(page: Page, ui: DagsterDev, button: str) -> str:
    """Click the button that starts a run, and give the run's id."""
    page.locator("button:visible", has_text=re.compile(f"^{re.escape(button)}$")).click()
    toast = page.get_by_text(re.compile("Launched run [0-9a-f]{8}"))
    return ui.run_id(toast.inner_text().split()[2])


def rows(table: Locator) -> list[list[str]]:
    """The words of each row."""
    expect(table).to_be_visible()
    return [row.inner_text().split() for row in table.get_by_role("row").all()]


def show(page: Page, metadata: str) -> None:
    """Click the button of metadata that is too long to be shown at once."""
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=metadata, exact=True)).first
    row.get_by_text("[Show Markdown]").click()


def is_drawn(picture: Locator) -> bool:
    """Whether the browser could make a picture of it."""
    expect(picture).to_be_visible()
    return bool(picture.evaluate("picture => picture.complete && picture.naturalWidth > 400"))


def verdict(page: Page) -> Locator:
    """The label that says `Failed` of the check that is shown."""
    return page.get_by_text("Evaluation result").locator("..").get_by_text("Failed", exact=True)


def is_red(element: Locator) -> bool:
    """Whether an element's text is more red than anything else."""
    color: str = element.evaluate("element => getComputedStyle(element).color")
    red, green, blue = (int(number) for number in re.findall(r"\d+", color)[:3])
    return red > 2 * max(green, blue)
