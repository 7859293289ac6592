"""What a user of Dagster sees: groups, runs, results, checks, and files that cannot be used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.peers.browser import chromium, new_page, take_screenshot
from tests.peers.dagster_dev import DagsterDev

pytestmark = pytest.mark.browser

REPORT = "reporting/busiest_routes"
RECONCILIATION = "reconciliation/flights_against_replica"
MAINTENANCE = "maintenance/refresh_statistics"
BROKEN = "reporting/broken"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, ui: DagsterDev) -> Iterator[Page]:
    page = new_page(browser, ui.address)
    yield page
    page.close()


@pytest.fixture(scope="module")
def runs(browser: Browser, ui: DagsterDev) -> Mapping[str, str]:
    """How the runs ended that a user started by a click on each asset's button."""
    page = new_page(browser, ui.address)
    started = {}
    for asset in (REPORT, RECONCILIATION, MAINTENANCE, BROKEN):
        page.goto(f"/assets/{asset}")
        page.locator("button:visible", has_text=re.compile("^Materialize$")).click()
        toast = page.get_by_text(re.compile(r"Launched run [0-9a-f]{8}"))
        started[asset] = ui.run_id(toast.inner_text().split()[2])
    page.close()
    return {asset: ui.wait_for_end(run) for asset, run in started.items()}


@pytest.fixture
def screenshot(page: Page, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    return lambda name: take_screenshot(page, name, tmp_path_factory.getbasetemp())


def test_dg_dev_starts_without_warnings_and_keeps_its_history(ui: DagsterDev) -> None:
    for word in ("Warning", "WARNING", "ERROR", "Traceback"):
        assert word not in ui.printed
    assert (ui.folder / ".dagster" / "storage" / "history" / "runs.db").is_file()


def test_folders_of_sql_are_groups(page: Page, screenshot: Callable[[str], None]) -> None:
    page.goto("/asset-groups")
    for group in ("reconciliation", "reporting", "maintenance"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    screenshot("groups")


def test_assets_of_every_kind_are_materialized_by_a_click(
    runs: Mapping[str, str], page: Page, screenshot: Callable[[str], None]
) -> None:
    assert runs == {REPORT: "SUCCESS", RECONCILIATION: "SUCCESS", MAINTENANCE: "SUCCESS", BROKEN: "FAILURE"}
    page.goto("/runs")
    for group, name in (asset.split("/") for asset in (REPORT, RECONCILIATION, MAINTENANCE)):
        row = page.get_by_role("row").filter(has=page.get_by_text(f"{group} / {name}", exact=True))
        expect(row.first).to_contain_text("Success")
    screenshot("runs")


@pytest.mark.usefixtures("runs")
def test_report_shows_its_row_count_columns_and_first_rows(page: Page, screenshot: Callable[[str], None]) -> None:
    page.goto(f"/assets/{REPORT}")
    expect(page.locator("body")).to_contain_text(re.compile(r"Row count\s*20\b"))
    columns = page.get_by_role("table").filter(has_text="Column name")
    expect(columns.get_by_role("row")).to_have_text(
        [
            re.compile(row)
            for row in ("Type", r"^origin\s*text$", r"^dest\s*text$", r"^flights\s*int8$", r"^miles\s*numeric$")
        ]
    )
    screenshot("report")
    preview = page.get_by_role("table").filter(has_text="JFK").last
    expect(preview.get_by_role("row")).to_have_count(11)
    expect(preview.get_by_role("row").nth(1)).to_have_text(re.compile(r"JFK\s*LAX\s*11262\s*2475"))
    preview.scroll_into_view_if_needed()
    screenshot("report_preview")


@pytest.mark.usefixtures("runs")
def test_reconciliation_that_found_differences_is_red_and_shows_a_sample(
    page: Page, screenshot: Callable[[str], None]
) -> None:
    page.goto(f"/assets/{RECONCILIATION}?view=checks")
    expect(page.get_by_text("101 rows are wrong.")).to_be_visible()
    assert is_red(verdict(page))
    sample = page.get_by_role("table").filter(has_text="missing in the replica").last
    expect(sample.get_by_role("row").filter(has_text=re.compile("changed|missing|extra")).first).to_be_visible()
    screenshot("reconciliation_checks")


@pytest.mark.usefixtures("runs")
def test_file_that_cannot_be_used_says_why_and_where(page: Page, screenshot: Callable[[str], None]) -> None:
    page.goto(f"/assets/{BROKEN}")
    description = page.get_by_text("This file cannot be used")
    expect(description).to_contain_text("sql/queries/reporting/broken.sql:4:1: 'FORM' is unexpected here.")
    expect(page.get_by_text("Did you mean FROM instead of FORM?")).to_be_visible()
    screenshot("broken")
    page.goto(f"/assets/{BROKEN}?view=checks")
    expect(page.get_by_text("broken.sql:4:1: 'FORM' is unexpected here.")).to_be_visible()
    assert is_red(verdict(page))
    screenshot("broken_checks")


def verdict(page: Page) -> Locator:
    """The label that says `Failed` of the check that is shown."""
    return page.get_by_text("Evaluation result").locator("..").get_by_text("Failed", exact=True)


def is_red(element: Locator) -> bool:
    """Whether an element's text is more red than anything else."""
    color: str = element.evaluate("element => getComputedStyle(element).color")
    red, green, blue = (int(number) for number in re.findall(r"\d+", color)[:3])
    return red > 2 * max(green, blue)
