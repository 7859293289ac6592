"""What was not made in time is told of once, and again when it happens again."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import FreshnessState, FreshnessStateChange

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.orchestration.sensors import deliveries
from tests.orchestration.sensors.conftest import Tick
from tests.peers.mail import MailServer
from tests.peers.project import make_project
from tests.peers.webhook import Answer, WebhookServer

SERVER = DatabaseConfig(host="db.example.com", user="etl")
FILES = {
    "reporting/hourly.sql": "/* @asset\nowner: ann@example.com\nfresh: 1h\n*/\nSELECT 1 AS one",
    "reporting/by_nine.sql": "/* @asset\ntimezone: Europe/Berlin\nfresh: {by: '0 9 * * *'}\n*/\nSELECT 1 AS one",
    "reporting/whenever.sql": "SELECT 1 AS one",
}


class Project:
    """A project whose assets become stale and fresh as the test says, where Dagster's daemon would."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance, tick: Tick, ways: dict[str, Any]) -> None:
        self.definitions = build_definitions(make_project(folder, {"main": SERVER}, FILES, notifications=ways))
        self.instance = instance
        self.cursor: str | None = None
        self._tick = tick
        self._now = dt.datetime(2024, 1, 1, tzinfo=dt.UTC).timestamp()

    def tick(self) -> str:
        found = self._tick(self.definitions, "freshness", self.cursor)
        self.cursor = found.cursor
        return str(found.skip_message)

    def become(self, state: FreshnessState, *names: str) -> None:
        self._now += 60
        for name in names:
            change = FreshnessStateChange(
                key=dg.AssetKey(["reporting", name]),
                new_state=state,
                previous_state=FreshnessState.UNKNOWN,
                state_change_timestamp=self._now,
            )
            self.instance._report_runless_asset_event(change)


@pytest.fixture
def project(
    tmp_path: Path, mail: MailServer, webhook: WebhookServer, instance: dg.DagsterInstance, tick: Tick
) -> Project:
    ways = {
        "webhook": {"url": webhook.address},
        "email": {"host": "localhost", "port": mail.port, "security": "none", "from": "d@example.com", "to": "team@example.com", "to_owners": True},
        "link": "https://dagster.example.com",
    }  # fmt: skip
    return Project(tmp_path, instance, tick, ways)


def test_nobody_is_told_who_does_not_want_to_be(tmp_path: Path, webhook: WebhookServer) -> None:
    ways = {"webhook": {"url": webhook.address}, "on": ["run_failure"]}
    for further in ({}, {"notifications": ways}):
        config = make_project(tmp_path, {"main": SERVER}, FILES, **further)
        assert "freshness" not in {sensor.name for sensor in build_definitions(config).sensors or ()}


def test_what_becomes_stale_is_told_once(project: Project, mail: MailServer, webhook: WebhookServer) -> None:
    assert project.tick() == "All is fresh."
    project.become(FreshnessState.FAIL, "hourly")
    project.become(FreshnessState.WARN, "by_nine")
    assert project.tick() == "reporting/hourly is not fresh: was told."
    assert project.tick() == "1 assets are not fresh."
    assert [(each.recipients, each.message["Subject"]) for each in mail.mails] == [
        (("team@example.com",), "reporting/hourly is not fresh"),
        (("ann@example.com",), "reporting/hourly is not fresh"),
    ]
    assert "reporting/hourly: last made never; it has to be made every 1:00:00." in mail.mails[0].text
    (post,) = webhook.posts
    assert post["attachments"][0]["title_link"] == "https://dagster.example.com/assets/reporting/hourly"


def test_what_becomes_stale_again_is_told_again(project: Project, webhook: WebhookServer) -> None:
    project.become(FreshnessState.FAIL, "hourly")
    project.tick()
    project.become(FreshnessState.PASS, "hourly")
    assert project.tick() == "All is fresh."
    project.become(FreshnessState.FAIL, "hourly", "by_nine")
    assert project.tick() == "reporting/by_nine and 1 more are not fresh: was told."
    assert len(webhook.posts) == 2
    said = str(webhook.posts[1])
    assert "reporting/by_nine: last made never; it was due by 0 9 * * * (Europe/Berlin)." in said
    assert "reporting/hourly" in said


def test_way_that_fails_is_tried_again_and_the_other_is_not(
    project: Project, mail: MailServer, webhook: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "_FIRST_PAUSE_SECONDS", 0.0)
    webhook.answers.append(Answer(404))
    project.become(FreshnessState.FAIL, "by_nine")
    with pytest.raises(dg.Failure) as failed:
        project.tick()
    assert "reporting/by_nine is not fresh was not delivered" in str(failed.value.description)
    assert project.tick() == "reporting/by_nine is not fresh: was told."
    assert [each.recipients for each in mail.mails] == [("team@example.com",)]
