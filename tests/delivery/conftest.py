"""The settings of mail servers and of a web address."""

from __future__ import annotations

from typing import Any

import pytest

from cockroach_pipelines.config import EmailConfig, WebhookConfig
from tests.peers.mail import Authority, MailServer
from tests.peers.webhook import WebhookServer


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.of(tmp_path_factory.mktemp("authority"))


def email_config(server: MailServer, **settings: Any) -> EmailConfig:
    """Give the settings of a mail server of the tests."""
    given = {"host": "localhost", "port": server.port, "security": "none", "from": "dagster@example.com"}
    return EmailConfig.model_validate({**given, "to": "team@example.com", **settings})


def webhook_config(server: WebhookServer, **settings: Any) -> WebhookConfig:
    """Give the settings of the web address of the tests."""
    return WebhookConfig.model_validate({"url": server.address, **settings})
