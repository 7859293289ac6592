"""Mail servers and a web address, running for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cockroach_pipelines.config import EmailConfig, WebhookConfig
from tests.peers.mail import Authority, MailServer, mail_server
from tests.peers.webhook import WebhookServer, webhook_server


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.of(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def _open_mail_server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def mail(_open_mail_server: MailServer) -> MailServer:
    """A mail server that wants no login, its memory empty."""
    _open_mail_server.clear()
    return _open_mail_server


@pytest.fixture(scope="module")
def _running_webhook() -> Iterator[WebhookServer]:
    with webhook_server() as server:
        yield server


@pytest.fixture
def webhook(_running_webhook: WebhookServer) -> WebhookServer:
    """A web address that takes messages, its memory empty."""
    _running_webhook.clear()
    return _running_webhook


def email_config(server: MailServer, **settings: Any) -> EmailConfig:
    """Give the settings of a mail server of the tests."""
    given = {"host": "localhost", "port": server.port, "security": "none", "from": "dagster@example.com"}
    return EmailConfig.model_validate({**given, "to": "team@example.com", **settings})


def webhook_config(server: WebhookServer, **settings: Any) -> WebhookConfig:
    """Give the settings of the web address of the tests."""
    return WebhookConfig.model_validate({"url": server.address, **settings})
