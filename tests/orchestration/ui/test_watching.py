"""A real instance with its daemon: what runs by itself, what is told to people, and what a killed run leaves.

Its name makes it the last of its folder: by then the instance has run for minutes, and what runs by itself has run.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest

from tests.orchestration.ui.conftest import BY_DAY, CHAINED, CHECKED, EVERY_MINUTE, STALE, WATCHED, sessions
from tests.peers.dagster_dev import DagsterDev
from tests.peers.mail import Mail, MailServer
from tests.peers.waiting import wait_until
from tests.peers.webhook import WebhookServer

SILENT = "reporting/silent"
ADDED = "reporting/added_meanwhile"

_ROWS = "dagster/partition_row_count"
_MATERIALIZATIONS = """
query($key: AssetKeyInput!) {
    assetOrError(assetKey: $key) {
        ... on Asset {
            assetMaterializations {
                partition metadataEntries { label ... on IntMetadataEntry { intValue } }
            }
        }
    }
}
"""

WATCH_SENSOR = f"watch__{WATCHED.replace('/', '__')}"


@dataclass(frozen=True)
class Begun:
    """What was set going; it all happens side by side while the tests wait for one after the other."""

    checked: str
    killed: str
    backfill: str


@pytest.fixture(scope="module")
def begun(ui: DagsterDev, administrator: psycopg.Connection) -> Begun:
    checked, killed = ui.launch(CHECKED), ui.launch(SILENT)
    backfill = ui.launch_backfill(BY_DAY, ["2024-01-02", "2024-01-03", "2024-01-06"])
    wait_until(lambda: sessions(administrator, killed) == 1, 180, lambda: f"{ui.status(killed)}: no statement")
    assert killed in ui.slots("main")
    process = ui.process_of(killed)
    assert process is not None
    os.kill(process, signal.SIGKILL)
    (ui.folder / "sql" / "queries" / f"{ADDED}.sql").write_text("-- Came while Dagster ran.\nSELECT 1 AS one\n")
    return Begun(checked, killed, backfill)


def test_schedule_ticks_by_itself(ui: DagsterDev) -> None:
    def run() -> bool:
        return bool(_successful(ui.schedule_ticks(EVERY_MINUTE.replace("/", "__"))))

    wait_until(run, 180, lambda: f"no tick: {ui.schedule_ticks(EVERY_MINUTE.replace('/', '__'))}")
    tick = _successful(ui.schedule_ticks(EVERY_MINUTE.replace("/", "__")))[-1]
    assert ui.wait_for_end(tick["runIds"][0]) == "SUCCESS"


def test_new_watermark_asks_for_one_run(ui: DagsterDev) -> None:
    def ticks() -> list[dict[str, Any]]:
        return ui.sensor_ticks(WATCH_SENSOR)

    wait_until(lambda: bool(_successful(ticks())), 180, lambda: f"no run was asked for: {ticks()[:3]}")
    (tick,) = _successful(ticks())
    assert ui.wait_for_end(tick["runIds"][0]) == "SUCCESS"
    wait_until(
        lambda: any("Still 2024-01-01" in str(each["skipReason"]) for each in ticks()), 180, lambda: f"{ticks()[:3]}"
    )
    assert len(_successful(ticks())) == 1


def test_file_that_comes_after_it_runs_next(ui: DagsterDev) -> None:
    query = "query($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset { assetMaterializations { runId } } } }"

    def made() -> list[str]:
        found = ui.graphql(query, key={"path": CHAINED.split("/")})["assetOrError"].get("assetMaterializations", [])
        return [each["runId"] for each in found]

    wait_until(lambda: bool(made()), 180, lambda: "the chain did not go on")


@pytest.mark.usefixtures("begun")
def test_file_that_came_is_loaded_by_itself(ui: DagsterDev) -> None:
    query = "query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { __typename } }"

    def loaded() -> bool:
        answer = ui.graphql(query, key={"path": ADDED.split("/")})
        return bool(answer["assetNodeOrError"]["__typename"] == "AssetNode")

    wait_until(loaded, 180, lambda: f"it is not there: {ui.sensor_ticks('changed_sql_files')[:3]}")

    def said() -> list[str]:
        return [str(each["skipReason"]) for each in ui.sensor_ticks("changed_sql_files")]

    wait_until(
        lambda: any(f"{ADDED}.sql (new)" in each and "load" in each.partition(".sql (new)")[2] for each in said()),
        180,
        lambda: f"{ui.sensor_ticks('changed_sql_files')[:3]}",
    )
    assert not [each for each in ui.sensor_ticks("changed_sql_files") if each["status"] == "FAILURE"]


def test_failed_check_is_mailed_with_its_rows_and_posted_without(
    begun: Begun, ui: DagsterDev, ui_mail: MailServer, ui_webhook: WebhookServer
) -> None:
    taken = _mails_about(begun.checked, ui, ui_mail)
    assert taken.message["Subject"] == f"{CHECKED}, check no_formulas failed"
    assert f"{ui.address}/runs/{begun.checked}" in taken.text
    assert taken.attachments == {
        f"{CHECKED.replace('/', '_')}_no_formulas.csv": b'\xef\xbb\xbf"id","word"\r\n1,"\'=1+1"\r\n'
    }
    posts = [post for post in ui_webhook.posts if begun.checked in str(post)]
    assert [post["text"] for post in posts] == [f"*{CHECKED}, check no_formulas failed*"]
    assert "=1+1" not in str(posts)


def test_killed_run_fails_is_told_and_leaves_no_slot_and_no_session(
    begun: Begun, ui: DagsterDev, administrator: psycopg.Connection, ui_mail: MailServer
) -> None:
    assert ui.wait_for_end(begun.killed) == "FAILURE"
    wait_until(lambda: begun.killed not in ui.slots("main"), 180, lambda: f"slots: {ui.slots('main')}")
    wait_until(lambda: sessions(administrator, begun.killed) == 0, 180, lambda: "the session is still there")
    taken = _mails_about(begun.killed, ui, ui_mail)
    assert taken.message["Subject"] == f"Run {begun.killed[:8]} failed"


def test_backfill_with_a_gap_runs_what_was_chosen_and_nothing_between(begun: Begun, ui: DagsterDev) -> None:
    wait_until(lambda: len(ui.runs(backfill=begun.backfill)) == 2, 180, lambda: "the backfill began no two runs")
    runs = [str(run["id"]) for run in ui.runs(backfill=begun.backfill)]
    assert [ui.wait_for_end(run) for run in runs] == ["SUCCESS", "SUCCESS"]
    statements = [[said for said in ui.messages(run) if "sent to main" in said] for run in runs]
    assert [len(each) for each in statements] == [1, 1]
    files = (ui.folder / ".data" / "results" / BY_DAY).iterdir()
    assert {file.stem: pq.read_metadata(file).num_rows for file in files} == {
        "2024-01-02": 2,
        "2024-01-03": 3,
        "2024-01-06": 6,
    }
    made = ui.graphql(_MATERIALIZATIONS, key={"path": BY_DAY.split("/")})["assetOrError"]["assetMaterializations"]
    counts = {
        each["partition"]: [entry["intValue"] for entry in each["metadataEntries"] if entry["label"] == _ROWS]
        for each in made
    }
    assert counts == {"2024-01-02": [2], "2024-01-03": [3], "2024-01-06": [6]}


def test_asset_that_was_not_made_again_in_time_is_not_fresh_and_is_told(ui: DagsterDev, ui_mail: MailServer) -> None:
    """The daemon looks every half minute, and Dagster takes no less than a minute for a time in which to be fresh."""
    wait_until(lambda: ui.freshness(STALE) == "DEGRADED", 180, lambda: f"it is {ui.freshness(STALE)}")
    wait_until(
        lambda: any(f"{STALE} is not fresh" == each.message["Subject"] for each in ui_mail.mails),
        180,
        lambda: f"no mail: {ui.sensor_ticks('freshness')[:3]}",
    )


def _mails_about(run: str, ui: DagsterDev, mail: MailServer) -> Mail:
    """Wait for the mail about a run; there is one."""

    def found() -> list[Mail]:
        return [each for each in mail.mails if run in each.text]

    wait_until(lambda: bool(found()), 180, lambda: f"no mail: {ui.sensor_ticks('notifications')[:3]}")
    (taken,) = found()
    return taken


def _successful(ticks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [tick for tick in ticks if tick["status"] == "SUCCESS" and tick["runIds"]]
