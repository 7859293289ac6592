"""A test message by each way, and what is wrong with a way that does not take it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.peers.mail import MailServer
from tests.peers.webhook import Answer, WebhookServer


@pytest.fixture
def config(tmp_path: Path, mail: MailServer, webhook: WebhookServer) -> Path:
    path = tmp_path / "config.yaml"
    email = {"host": "localhost", "port": mail.port, "security": "none", "from": "d@example.com", "to": "a@example.com"}
    notifications = {"webhook": {"url": webhook.address}, "email": email}
    path.write_text(json.dumps({"connections": {"main": {"embedded": {}}}, "notifications": notifications}))
    return path


def test_every_way_gets_a_message_and_a_tick(
    command: Command, config: Path, mail: MailServer, webhook: WebhookServer
) -> None:
    done = command("notify", "test", "-c", config)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == ["✓ webhook at localhost", "✓ e-mail to a@example.com"]
    (taken,) = mail.mails
    assert taken.message["Subject"] == "Test message of cockroach_pipelines"
    assert "Nothing has failed" in taken.text
    assert list(taken.attachments) == ["test.csv"]
    assert len(webhook.posts) == 1


def test_way_that_fails_is_crossed_with_the_reason_and_the_others_are_tried(
    command: Command, config: Path, mail: MailServer, webhook: WebhookServer
) -> None:
    webhook.answers.append(Answer(404, "no_team"))
    done = command("notify", "test", "-c", config)
    assert done.code == 1
    assert done.out.splitlines() == [
        "✗ webhook at localhost: localhost answered 404 Not Found: no_team",
        "    Is notifications.webhook.url whole, and does it still exist there?",
        "✓ e-mail to a@example.com",
    ]
    assert "s3cret" not in done.out + done.err


def test_configuration_that_tells_nobody(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("connections: {main: {embedded: {}}}\n")
    done = command("notify", "test", "-c", path)
    assert done.code == 2
    assert "Nobody is told of failures" in done.err
    assert "webhook" in done.err


def test_help_teaches(command: Command) -> None:
    done = command("notify", "test", "--help")
    assert "notifications" in done.out and "webhook" in done.out
