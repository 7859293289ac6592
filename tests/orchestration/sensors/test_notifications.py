"""Runs and checks that failed are told once by each way, over failures of the ways themselves, without values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.orchestration.sensors import deliveries, notifications
from tests.orchestration.sensors.conftest import Tick
from tests.peers.mail import MailServer
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project
from tests.peers.webhook import Answer, WebhookServer

pytestmark = pytest.mark.usefixtures("jvm")

SENSOR = "notifications"
FILES = {
    "reporting/good.sql": "SELECT 1 AS one",
    "reporting/bad.sql": "/* @asset\nowner: ann@example.com\n*/\nSELECT ('open-' || 'sesame')::int AS one",
    "reporting/checked.sql": """
        /* @asset
        owner: [bob@example.com, team:data]
        checks:
          no_formulas: SELECT * FROM result WHERE word LIKE '=%'
          few: {sql: SELECT 1 AS x, severity: warn}
          odd: SELECT 1 / 0 AS x FROM result WHERE word = 'x'
        */
        SELECT * FROM (VALUES (1, '=1+1'), (2, 'x'), (3, '=2')) AS v (id, word) ORDER BY id""",
    "reporting/blocked.sql": "/* @asset\nchecks: {none: {sql: SELECT 1 AS x, blocking: true}}\n*/\nSELECT 1 AS one",
}


class Project:
    """A project on a real server, its runs, and the ticks of its sensor with the cursor that Dagster would keep."""

    def __init__(self, config: ConfigManager, instance: dg.DagsterInstance, tick: Tick) -> None:
        self.definitions = build_definitions(config)
        self.instance = instance
        self._tick = tick
        self.cursor: str | None = None
        self.tick()

    def run(self, *names: str) -> str:
        """Materialize assets in one run and give its id."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(name.split("/")) for name in names]
        return job.execute_in_process(instance=self.instance, asset_selection=keys, raise_on_error=False).run_id

    def tick(self) -> str:
        """Evaluate the sensor; gives what it says, and keeps its cursor unless it fails."""
        found = self._tick(self.definitions, SENSOR, self.cursor)
        self.cursor = found.cursor
        return str(found.skip_message)

    def failing_tick(self) -> str:
        with pytest.raises(dg.Failure) as caught:
            self.tick()
        return str(caught.value.description)


@pytest.fixture
def project(
    tmp_path: Path,
    server: PostgresServer,
    mail: MailServer,
    webhook: WebhookServer,
    instance: dg.DagsterInstance,
    tick: Tick,
) -> Any:
    def project(email: dict[str, Any] | None = None, **settings: Any) -> Project:
        ways: dict[str, Any] = {
            "webhook": {"url": webhook.address},
            "email": {"host": "localhost", "port": mail.port, "security": "none", "from": "d@example.com", "to": "team@example.com", **(email or {})},
        }  # fmt: skip
        config = make_project(tmp_path, {"main": server.config}, FILES, notifications={**ways, **settings})
        return Project(config, instance, tick)

    return project


def subjects(mail: MailServer) -> Sequence[str]:
    return [str(each.message["Subject"]) for each in mail.mails]


def test_nobody_to_tell_is_no_sensor(tmp_path: Path, server: PostgresServer, webhook: WebhookServer) -> None:
    ways = {"webhook": {"url": webhook.address}, "on": ["kerberos"]}
    for further in ({}, {"notifications": ways}):
        config = make_project(tmp_path, {"main": server.config}, FILES, **further)
        assert SENSOR not in {sensor.name for sensor in build_definitions(config).sensors or ()}


def test_run_that_failed_is_told_once_by_each_way_without_values(
    project: Any, mail: MailServer, webhook: WebhookServer
) -> None:
    here = project(link="https://dagster.example.com")
    run = here.run("reporting/bad", "reporting/good")
    assert here.tick() == "2 messages were delivered."
    assert here.tick() == "Nothing failed since."
    (taken,) = mail.mails
    assert taken.recipients == ("team@example.com",)
    assert taken.message["Subject"] == "reporting/bad failed"
    assert "[22P02] invalid input syntax for type integer: …" in taken.text
    assert "bad.sql:4:" in taken.text
    assert f"run: {run}" in taken.text
    assert f"https://dagster.example.com/runs/{run}" in taken.text
    (post,) = webhook.posts
    assert post["text"] == "*reporting/bad failed*"
    assert post["attachments"][0]["title_link"] == f"https://dagster.example.com/runs/{run}"
    assert "open-sesame" not in taken.message.as_string() + json.dumps(post)


def test_checks_that_failed_are_told_with_their_rows_as_harmless_csv(
    project: Any, mail: MailServer, webhook: WebhookServer
) -> None:
    here = project()
    here.run("reporting/checked")
    here.tick()
    (taken,) = mail.mails
    assert taken.message["Subject"] == "reporting/checked, check no_formulas failed and 2 more"
    assert "reporting/checked, check no_formulas: 2 rows are wrong." in taken.text
    assert "reporting/checked, check few: 1 row is wrong." in taken.text
    assert "reporting/checked, check odd: The check could not be evaluated" in taken.text
    assert taken.attachments == {
        "reporting_checked_no_formulas.csv": b'\xef\xbb\xbf"id","word"\r\n1,"\'=1+1"\r\n3,"\'=2"\r\n',
        "reporting_checked_few.csv": b'\xef\xbb\xbf"x"\r\n1\r\n',
    }
    assert "=1+1" not in json.dumps(webhook.posts)


def test_severity_occasions_and_samples_are_chosen(project: Any, mail: MailServer) -> None:
    here = project(check_severity="error", sample=False, on=["check_failure"])
    here.run("reporting/checked")
    here.run("reporting/bad")
    here.run("reporting/good")
    here.tick()
    (taken,) = mail.mails
    assert "check few" not in taken.text and "check no_formulas" in taken.text
    assert taken.attachments == {}


def test_blocked_result_is_one_message_about_both(project: Any, mail: MailServer) -> None:
    here = project()
    here.run("reporting/blocked")
    here.tick()
    (taken,) = mail.mails
    assert taken.message["Subject"] == "reporting/blocked failed and 1 more"
    assert "A blocking check failed: the result is not published." in taken.text
    assert "reporting/blocked, check none: 1 row is wrong." in taken.text


def test_owners_are_told_of_what_is_theirs_alone(project: Any, mail: MailServer) -> None:
    here = project({"to_owners": True})
    here.run("reporting/bad", "reporting/checked")
    here.tick()
    by_recipient = {each.recipients: each for each in mail.mails}
    assert set(by_recipient) == {("team@example.com",), ("ann@example.com",), ("bob@example.com",)}
    assert "open-sesame" not in by_recipient["ann@example.com",].text
    assert "checked" not in by_recipient["ann@example.com",].text
    assert "bad" not in by_recipient["bob@example.com",].text
    assert list(by_recipient["ann@example.com",].attachments) == []
    assert len(by_recipient["bob@example.com",].attachments) == 2


def test_what_failed_before_the_sensor_began_is_not_told(
    tmp_path: Path, server: PostgresServer, project: Any, mail: MailServer
) -> None:
    here = project()
    here.run("reporting/bad")
    here.cursor = None
    assert here.tick() == "What fails from now on is told."
    assert here.tick() == "Nothing failed since."
    assert mail.mails == []


def test_way_that_fails_is_a_failed_tick_and_the_other_is_not_used_twice(
    project: Any, mail: MailServer, webhook: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = project()
    here.run("reporting/bad")
    before = here.cursor
    webhook.answers.append(Answer(404, "no_service"))
    assert (
        "reporting/bad failed was not delivered by webhook at localhost. localhost answered 404" in here.failing_tick()
    )
    assert here.cursor == before
    assert subjects(mail) == ["reporting/bad failed"]

    assert "webhook at localhost is tried again in 30 s: localhost answered 404" in here.tick()
    assert (webhook.attempts, here.cursor) == (1, before)
    here.run("reporting/blocked")  # is told by the way that works meanwhile
    assert here.tick().startswith("1 messages were delivered. webhook at localhost is tried again")
    assert subjects(mail) == ["reporting/bad failed", "reporting/blocked failed and 1 more"]

    monkeypatch.setattr(deliveries, "_FIRST_PAUSE_SECONDS", 0.0)
    here.instance.daemon_cursor_storage.set_cursor_values(_without_pauses(here))
    assert here.tick() == "2 messages were delivered."
    assert [post["text"] for post in webhook.posts] == [
        "*reporting/bad failed*",
        "*reporting/blocked failed and 1 more*",
    ]
    assert len(mail.mails) == 2
    assert here.tick() == "Nothing failed since."


def _without_pauses(here: Project) -> dict[str, str]:
    key = "cockroach_pipelines/deliveries//__repository__/notifications"
    ledger = json.loads(here.instance.daemon_cursor_storage.get_cursor_values({key})[key])
    assert ledger["paused"]["webhook at localhost"]["failures"] == 1
    return {key: json.dumps({**ledger, "paused": {}})}


def test_busy_server_is_asked_again_within_the_tick(project: Any, mail: MailServer, webhook: WebhookServer) -> None:
    here = project()
    here.run("reporting/bad")
    mail.answers.append("451 4.3.0 busy")
    webhook.answers.append(Answer(503))
    assert here.tick() == "2 messages were delivered."
    assert (mail.attempts, webhook.attempts) == (2, 2)


def test_recipients_that_are_refused_fail_one_tick_and_the_others_get_one_mail(project: Any, mail: MailServer) -> None:
    here = project({"to": ["gone@example.com", "here@example.com"]})
    mail.refuse["gone@example.com"] = "550 no such user"
    here.run("reporting/bad")
    assert "gone@example.com: 550 no such user" in here.failing_tick()
    assert here.tick() == "Nothing failed since."
    assert [each.recipients for each in mail.mails] == [("here@example.com",)]


def test_what_could_not_be_told_for_a_day_is_given_up(
    project: Any, webhook: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = project()
    here.run("reporting/bad")
    webhook.answers.append(Answer(404))
    here.failing_tick()
    monkeypatch.setattr(notifications, "_TRIED_FOR_SECONDS", 0.0)
    assert here.tick() == "Nothing failed since."
    assert webhook.posts == []


def test_run_that_will_be_tried_again_is_told_by_its_last_try(project: Any, mail: MailServer) -> None:
    here = project()
    run = here.run("reporting/bad")
    here.instance.add_run_tags(run, {"dagster/will_retry": "true"})
    here.tick()
    assert mail.mails == []


def test_error_that_is_not_ours_is_told_by_its_class_alone(
    project: Any, instance: dg.DagsterInstance, mail: MailServer
) -> None:
    here = project()

    @dg.job
    def theirs() -> None:
        @dg.op
        def leak() -> None:
            raise ValueError("password=open-sesame")

        leak()

    theirs.execute_in_process(instance=instance, raise_on_error=False)
    here.tick()
    (taken,) = mail.mails
    assert "Step leak: ValueError: its run's page in Dagster says more." in taken.text
    assert "job: theirs" in taken.text
    assert "open-sesame" not in taken.text


def test_more_runs_than_a_tick_looks_at_are_told_without_a_gap(
    project: Any, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "_MOST_RUNS", 2)
    here = project()
    for name in ("reporting/bad", "reporting/good", "reporting/good", "reporting/blocked", "reporting/bad"):
        here.run(name)
    for _ in range(4):
        here.tick()
    assert subjects(mail) == ["reporting/bad failed", "reporting/blocked failed and 1 more", "reporting/bad failed"]


def test_cursor_that_is_none_says_what_to_do(project: Any) -> None:
    here = project()
    here.cursor = "yesterday"
    assert "must be the number of an event" in here.failing_tick()
