"""`notify test`: a test message by each way by which failures are told."""

from __future__ import annotations

import platform
import uuid
from pathlib import Path

from rich.markup import escape

from cockroach_pipelines.cli.console import CROSS, TICK, out
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.config import ConfigManager, ConfigurationError, NotificationsConfig
from cockroach_pipelines.delivery import (
    CSV_MEDIA_TYPE,
    Attachment,
    Channel,
    DeliveryError,
    Email,
    Message,
    Webhook,
    spreadsheet_csv,
)


def send_tests(path: Path | None) -> ExitCode:
    """Send a message by each way, once; see the command's help.

    Raises:
        ConfigurationError: The configuration names no way.
    """
    manager = ConfigManager.load(path)
    notifications = manager.settings.notifications
    if notifications is None:
        raise ConfigurationError(
            f"Nobody is told of failures: {manager.path or 'the environment'} has no `notifications`.",
            advice="Add `notifications: {webhook: {url: …}}`, or email with host, from and to.",
        )
    message, failed = _message(notifications), False
    for channel in _channels(notifications):
        try:
            channel.send(message)
            out.print(f"{TICK} {escape(channel.name)}", highlight=False, soft_wrap=True)
        except DeliveryError as error:
            failed = True
            headline, *advice = str(error).splitlines()
            out.print(f"{CROSS} {escape(channel.name)}: {escape(headline)}", highlight=False, soft_wrap=True)
            for line in advice:
                out.print(f"    {escape(line)}", highlight=False, soft_wrap=True)
    if notifications.email and notifications.email.to_owners:
        out.print("Owners are written to about their assets alone: no test goes to them.", highlight=False)
    return ExitCode.FAILED if failed else ExitCode.OK


def _channels(notifications: NotificationsConfig) -> list[Channel]:
    webhook, email = notifications.webhook, notifications.email
    return [*([Webhook(webhook)] if webhook else []), *([Email(email)] if email and email.to else [])]


def _message(notifications: NotificationsConfig) -> Message:
    sample = Attachment(
        "test.csv", spreadsheet_csv(["carrier", "flights"], [{"carrier": "UA", "flights": 1}]), CSV_MEDIA_TYPE
    )
    return Message(
        "Test message of cockroach_pipelines",
        ("Failures will be told like this. Nothing has failed.",),
        facts=(("sent from", platform.node()), ("told of", ", ".join(notifications.occasions) or "nothing")),
        link=notifications.link,
        attachments=(sample,) if notifications.sample else (),
        identity=str(uuid.uuid4()),
    )
