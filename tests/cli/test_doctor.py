"""The doctor: one line for each thing between this process and an answer, with the fix for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockroach_pipelines.config import DatabaseConfig
from tests.cli.conftest import Command
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

LABELS = ["Python", "Configuration", "Java", "Driver", "Connection", "Server", "Round trip"]
KERBEROS_LABELS = [*LABELS[:4], "krb5.conf", "Keytab or ticket", "Kerberos login", "Service ticket", *LABELS[4:]]


def _lines(text: str) -> dict[str, str]:
    return {line[2:].partition(":")[0]: line for line in text.splitlines() if line[:1] in "✓✗–"}


def _config(folder: Path, config: DatabaseConfig) -> Path:
    return make_project(folder, {"main": config}, {}).folder / "config.yaml"


def test_healthy_connection_is_ticked_from_python_to_round_trip(
    command: Command, server: PostgresServer, tmp_path: Path
) -> None:
    done = command("doctor", "-c", _config(tmp_path, server.config))
    lines = _lines(done.out)
    assert done.code == 0
    assert list(lines) == LABELS
    assert all(line.startswith("✓") for line in lines.values())
    assert "checksum right" in lines["Driver"]
    assert "PostgreSQL 15" in lines["Server"]


def test_kerberos_is_examined_file_by_file(command: Command, server: PostgresServer, tmp_path: Path) -> None:
    done = command("doctor", "-c", _config(tmp_path, server.kerberos_config()))
    lines = _lines(done.out)
    assert done.code == 0, done.out
    assert list(lines) == KERBEROS_LABELS
    assert server.kdc.realm in lines["krb5.conf"]
    assert f"{server.kdc.principal} kvno" in lines["Keytab or ticket"]
    assert f"{server.kdc.principal}, expires" in lines["Kerberos login"]
    assert "postgres/localhost" in lines["Service ticket"]


def test_missing_keytab_is_crossed_and_what_needs_it_is_not_examined(
    command: Command, server: PostgresServer, tmp_path: Path
) -> None:
    keytab = tmp_path / "absent.keytab"
    config = server.kerberos_config(keytab=keytab, principal=server.kdc.principal)
    done = command("doctor", "-c", _config(tmp_path, config))
    lines = _lines(done.out)
    assert done.code == 3
    assert lines["Keytab or ticket"].startswith("✗")
    assert str(keytab) in lines["Keytab or ticket"]
    assert lines["krb5.conf"].startswith("✓")
    assert all(lines[label].startswith("–") for label in ("Kerberos login", "Connection", "Server", "Round trip"))


def test_server_that_lets_everybody_in_is_found_out(command: Command, server: PostgresServer, tmp_path: Path) -> None:
    done = command("doctor", "-c", _config(tmp_path, server.kerberos_config(user="trusted")))
    assert done.code == 3
    assert "✗ Connection: The server let this role in without Kerberos" in done.out


def test_wrong_configuration_ends_the_examination_with_its_place(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("connections:\n  main:\n    hots: localhost\n    user: etl\n")
    done = command("doctor", "-c", path)
    assert done.code == 2
    assert "config.yaml:3:5" in done.out
    assert "Did you mean 'host'?" in done.out
    assert _lines(done.out)["Python"].startswith("✓")


def test_settings_are_told_with_their_origin_and_without_their_value(
    command: Command, server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COCKROACH_CONNECTIONS__MAIN__PASSWORD", "open-sesame")
    done = command("doctor", "--settings", "-c", _config(tmp_path, server.config))
    assert done.code == 0
    assert "connections.main.password: environment COCKROACH_CONNECTIONS__MAIN__PASSWORD" in done.out
    assert "connections.main.host: " in done.out and "config.yaml:1" in done.out
    assert "open-sesame" not in done.out + done.err
