"""A login that fails, or soon will, is told of once; the tick says how each connection stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigManager, DatabaseConfig, KerberosConfig
from cockroach_pipelines.orchestration import build_definitions
from tests.orchestration.sensors.conftest import Tick
from tests.peers.kdc import Kdc
from tests.peers.project import make_project
from tests.peers.webhook import Answer, WebhookServer

SENSOR = "kerberos_logins"


def connection(kdc: Kdc, **kerberos: Any) -> DatabaseConfig:
    config = KerberosConfig(krb5_conf=kdc.krb5_conf, principal=kdc.principal, **kerberos)
    return DatabaseConfig(host="db.example.com", user="etl", kerberos=config)


def project(
    folder: Path, connections: dict[str, DatabaseConfig], webhook: WebhookServer | None = None
) -> ConfigManager:
    further = {"notifications": {"webhook": {"url": webhook.address}}} if webhook else {}
    return make_project(folder, connections, {"reporting/one.sql": "SELECT 1 AS one"}, **further)


def titles(webhook: WebhookServer) -> list[str]:
    return [post["text"] for post in webhook.posts]


def test_project_without_kerberos_has_no_such_sensor(tmp_path: Path) -> None:
    sensors = build_definitions(project(tmp_path, {"main": DatabaseConfig(host="h", user="u")})).sensors or ()
    assert SENSOR not in {sensor.name for sensor in sensors}


def test_logins_that_serve(kdc: Kdc, tmp_path: Path, tick: Tick) -> None:
    cache = kdc.kinit(tmp_path / "cache", options=("-l", "1h", "-r", "2h"))
    connections = {
        "main": connection(kdc, keytab=kdc.keytab),
        "other": connection(kdc, ticket_cache=str(cache), warn_before=60),
    }
    said = tick(project(tmp_path, connections), SENSOR).skip_message
    assert said == f"main: keytab {kdc.keytab} serves. other: ticket cache FILE:{cache} serves, for 59 min."


def test_keytab_that_is_missing_is_told_once_and_again_when_it_goes_a_second_time(
    kdc: Kdc, tmp_path: Path, tick: Tick, webhook: WebhookServer
) -> None:
    keytab = tmp_path / "etl.keytab"
    config = project(tmp_path, {"main": connection(kdc, keytab=keytab)}, webhook)
    for _ in range(2):
        assert f"main: The keytab {keytab} does not exist." in tick(config, SENSOR).skip_message
    assert titles(webhook) == ["*Connection main cannot log in by Kerberos*"]
    assert "klist -kt" in webhook.posts[0]["attachments"][0]["text"]

    keytab.write_bytes(kdc.keytab.read_bytes())
    assert tick(config, SENSOR).skip_message == f"main: keytab {keytab} serves."
    keytab.unlink()
    tick(config, SENSOR)
    assert len(webhook.posts) == 2


def test_ticket_that_cannot_be_renewed_is_told_and_then_that_it_ends(
    kdc: Kdc, tmp_path: Path, tick: Tick, webhook: WebhookServer
) -> None:
    cache = kdc.kinit(tmp_path / "cache", options=("-l", "30m"))
    patient = project(tmp_path, {"main": connection(kdc, ticket_cache=str(cache), warn_before=60)}, webhook)
    assert "and cannot be renewed." in tick(patient, SENSOR).skip_message
    kdc.kinit(cache, options=("-l", "30m"))  # another ticket that cannot be is nothing new
    tick(patient, SENSOR)
    assert titles(webhook) == ["*Connection main will not be able to log in by Kerberos*"]

    warned = project(tmp_path, {"main": connection(kdc, ticket_cache=str(cache), warn_before=3600)}, webhook)
    assert f"The ticket in ticket cache FILE:{cache} ends in 29 min" in tick(warned, SENSOR).skip_message
    assert "It cannot be renewed: kinit gets another." in webhook.posts[1]["attachments"][0]["text"]


def test_ticket_that_ends_and_can_be_renewed_says_how(
    kdc: Kdc, tmp_path: Path, tick: Tick, webhook: WebhookServer
) -> None:
    cache = kdc.kinit(tmp_path / "cache", options=("-l", "30m", "-r", "2h"))
    tick(project(tmp_path, {"main": connection(kdc, ticket_cache=str(cache))}, webhook), SENSOR)
    assert "kinit -R makes it last longer" in webhook.posts[0]["attachments"][0]["text"]


def test_telling_that_fails_is_a_failed_tick_that_says_both(
    kdc: Kdc, tmp_path: Path, tick: Tick, webhook: WebhookServer
) -> None:
    config = project(tmp_path, {"main": connection(kdc, keytab=tmp_path / "absent")}, webhook)
    webhook.answers.append(Answer(403, "invalid_token"))
    with pytest.raises(dg.Failure) as caught:
        tick(config, SENSOR)
    assert "does not exist" in str(caught.value.description)
    assert "was not delivered by webhook at localhost. localhost answered 403 Forbidden: invalid_token" in str(
        caught.value.description
    )
    tick(config, SENSOR)  # the way is left alone for a while
    assert webhook.attempts == 1
