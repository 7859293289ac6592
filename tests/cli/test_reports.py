"""The commands `report …`: what they make, print and exit with."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import pytest

from cockroach_pipelines.reporting.ledger import Ledger, State
from tests.cli.conftest import Command
from tests.peers.mail import MailServer
from tests.peers.postgres import PostgresServer
from tests.peers.project import make_project

pytestmark = pytest.mark.usefixtures("jvm")

FILES = {
    "reporting/numbers.sql": """
        /* @asset
        params: {count: {type: integer, default: 3}}
        report:
          kpis: {total: {value: sum(n), alert: {above: 5}}}
          deliver: {to: email, recipients: [ann@example.com]}
        */
        SELECT n, 'row ' || n AS word FROM generate_series(1, :count) AS n
    """,
    "reporting/daily.sql": """
        /* @asset
        partition: {every: day, from: 2024-01-01}
        report: {formats: [csv]}
        checks: {never: {sql: SELECT * FROM result WHERE day > '2024-01-02', blocking: true}}
        */
        SELECT :partition_key AS day
    """,
    "reporting/plain.sql": "SELECT 1 AS one",
}


@pytest.fixture
def project(server: PostgresServer, mail: MailServer, tmp_path: Path) -> Path:
    path = make_project(tmp_path, {"main": server.config}, FILES).folder / "config.yaml"
    email = {"host": "127.0.0.1", "port": mail.port, "security": "none", "from": "reports@example.com"}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"notifications": {"email": email, "on": []}}))
    return path


def test_render_keeps_a_snapshot_and_delivers_nothing(command: Command, project: Path, mail: MailServer) -> None:
    done = command("report", "render", "numbers", "-c", project)
    assert done.code == 0, done.err
    assert "Total: 6" in done.out
    assert "! Total is above 5" in done.out
    assert "3 rows, kept in" in done.out
    assert "report.html" in done.out
    assert "the same content was kept before" in command("report", "render", "numbers", "-c", project).out
    entry = json.loads(command("report", "render", "numbers", "-c", project, "--param", "count=2", "--json").out)
    assert (entry["rows"], entry["new"], entry["alerts"]) == (2, True, [])
    assert mail.mails == []


def test_render_of_a_blocked_report_keeps_nothing(command: Command, project: Path) -> None:
    done = command("report", "render", "daily", "-p", "2024-01-03", "-c", project)
    assert (done.code, "not kept, blocked by never" in done.err) == (1, True)
    assert "No report has a snapshot yet" in command("report", "list", "-c", project).out


def test_list_names_snapshots_and_open_finds_them(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in ("2024-01-01", "2024-01-02"):
        assert command("report", "render", "daily", "-p", key, "-c", project).code == 0
    command("report", "render", "numbers", "-c", project)
    entries = json.loads(command("report", "list", "--json", "-c", project).out)
    assert [entry["asset"] for entry in entries] == ["reporting/daily", "reporting/numbers"]
    every = json.loads(command("report", "list", "daily", "--json", "-c", project).out)
    assert [entry["partition"] for entry in every] == ["2024-01-01", "2024-01-02"]
    assert "reporting/daily@2024-01-02#" in command("report", "list", "daily", "-c", project).out
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    done = command("report", "open", "numbers", "-c", project)
    assert (done.code, opened) == (0, [Path(done.out.strip()).as_uri()])
    assert Path(done.out.strip()).read_text().startswith("<!doctype html>")
    index = command("report", "open", "--print", "-c", project)
    assert (Path(index.out.strip()).name, len(opened)) == ("index.html", 1)
    pageless = command("report", "open", "daily", "-c", project)
    assert (pageless.code, "has no page: its files are in" in pageless.err) == (2, True)


def test_what_is_not_there_is_told(command: Command, project: Path) -> None:
    missing = command("report", "open", "numbers", "-c", project)
    assert (missing.code, "reporting/numbers has no snapshot below" in missing.err) == (2, True)
    plain = command("report", "render", "plain", "-c", project)
    assert (plain.code, "The header of reporting/plain says nothing of a report." in plain.err) == (2, True)
    nowhere = command("report", "resend", "daily", "-c", project)
    assert (nowhere.code, "is delivered nowhere" in nowhere.err) == (2, True)


def test_resend_delivers_again(command: Command, project: Path, mail: MailServer) -> None:
    command("report", "render", "numbers", "-c", project)
    for times in (1, 2):
        done = command("report", "resend", "numbers", "-c", project)
        assert (done.code, "✓ e-mail to ann@example.com: sent" in done.out) == (0, True)
        assert len(mail.mails) == times
    assert command("report", "resend", "numbers", "--missing", "-c", project).code == 0
    assert len(mail.mails) == 2
    mail.refuse = {"ann@example.com": "550 no"}
    done = command("report", "resend", "numbers", "-c", project)
    assert (done.code, "✗ e-mail to ann@example.com: failed" in done.out) == (1, True)
    mail.clear()
    assert command("report", "resend", "numbers", "--missing", "-c", project).code == 0
    assert len(mail.mails) == 1


def test_confirm_ends_the_doubt_of_deliveries(command: Command, project: Path) -> None:
    command("report", "render", "numbers", "-c", project)
    assert "is in doubt." in command("report", "confirm", "numbers", "-c", project).out
    (entry,) = json.loads(command("report", "list", "--json", "-c", project).out)
    Ledger(Path(entry["folder"])).write("e-mail to ann@example.com", State.SENDING)
    done = command("report", "confirm", "numbers", "-c", project)
    assert (done.code, done.out) == (0, "✓ e-mail to ann@example.com: confirmed\n")
    assert "confirmed" in command("report", "list", "-c", project).out


def test_diff_tells_figures_and_rows_apart(command: Command, project: Path) -> None:
    command("report", "render", "numbers", "-c", project)
    first = json.loads(command("report", "list", "--json", "-c", project).out)[0]["name"]
    assert command("report", "diff", first, "numbers", "-c", project).code == 0
    command("report", "render", "numbers", "--param", "count=5", "-c", project)
    done = command("report", "diff", first, "numbers", "-c", project)
    assert done.code == 1
    assert "0 rows of A alone, 2 of B alone" in done.out
    assert "✗ different: reporting/numbers#" in done.out
    assert "row 5" in done.out
    found = json.loads(command("report", "diff", first, "numbers", "--json", "-c", project).out)
    assert found["figures"] == [{"name": "Total", "a": "6", "b": "15"}]
    assert found["statements"] == [
        {"name": "", "missing_in": None, "columns_of_one_alone": [], "rows_of_a_alone": 0, "rows_of_b_alone": 2}
    ]


def test_help_names_every_command(command: Command) -> None:
    done = command("report", "--help")
    for name in ("list", "open", "render", "resend", "confirm", "diff"):
        assert f" {name} " in done.out
