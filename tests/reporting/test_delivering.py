"""Deliveries: each once, whatever runs again, to a real mail server, a web address and a folder."""

from __future__ import annotations

import datetime as dt
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cockroach_pipelines.config import EmailConfig, WebhookConfig
from cockroach_pipelines.delivery import attempts
from cockroach_pipelines.queries import ReportRules, SQLRepository
from cockroach_pipelines.reporting import Delivered, Deliverer, Snapshot, SnapshotStore, delivering
from cockroach_pipelines.reporting.delivering import Again
from cockroach_pipelines.reporting.ledger import Ledger, State
from tests.peers.mail import Authority, MailServer, mail_server
from tests.peers.webhook import Answer, WebhookServer
from tests.reporting.conftest import NOW, Keep

REPORT = """
    /* @asset
    params: {count: {type: integer, default: 3}}
    report:
      title: Numbers
      formats: [html, xlsx, csv, parquet]
      kpis: {total: {value: sum(n), alert: {above: %s}}}
      deliver: %s
    */
    SELECT n, '=1+' || n AS formula FROM generate_series(1, :count) AS n
"""
MAIL = "{to: email, recipients: [ann@example.com, bob@example.com]}"
NAME = "e-mail to ann@example.com, bob@example.com"


@pytest.fixture
def deliverer(mail: MailServer, webhook: WebhookServer, monkeypatch: pytest.MonkeyPatch) -> Deliverer:
    monkeypatch.setattr(
        attempts.deliver, "__kwdefaults__", {**(attempts.deliver.__kwdefaults__ or {}), "first_wait": 0.0}
    )
    email = EmailConfig.model_validate(
        {"host": "127.0.0.1", "port": mail.port, "security": "none", "from": "r@example.com"}
    )
    return Deliverer(email, WebhookConfig.model_validate({"url": webhook.address}), "http://dagster/assets/reporting/r")


def rules_of(tmp_path: Path) -> ReportRules:
    rules = SQLRepository(tmp_path / "sql").get("reporting/r").report
    assert rules is not None
    return rules


def report(deliver: str, above: int = 5) -> str:
    return REPORT % (above, deliver)


class Sending:
    """Keeps a report and delivers it."""

    def __init__(self, keep: Keep, store: SnapshotStore, deliverer: Deliverer, tmp_path: Path) -> None:
        self.keep, self.store, self.deliverer, self.tmp_path = keep, store, deliverer, tmp_path

    def __call__(self, text: str, hours: int = 0, **parameters: object) -> list[Delivered]:
        self.snapshot: Snapshot = self.keep(text, now=NOW + dt.timedelta(hours=hours), **parameters)
        return self.again(Again.NOTHING)

    def again(self, again: Again) -> list[Delivered]:
        return self.deliverer.deliver(self.snapshot, rules_of(self.tmp_path), self.store, again)


@pytest.fixture
def send(keep: Keep, store: SnapshotStore, deliverer: Deliverer, tmp_path: Path) -> Sending:
    return Sending(keep, store, deliverer, tmp_path)


def states(delivered: list[Delivered]) -> list[State]:
    return [each.state for each in delivered]


def test_a_mail_has_the_files_and_the_figures_once(send: Sending, mail: MailServer) -> None:
    assert [str(each) for each in send(report(MAIL))] == [f"{NAME}: sent"]
    (sent,) = mail.mails
    assert sent.recipients == ("ann@example.com", "bob@example.com")
    assert sent.message["Subject"] == "⚠ Numbers"
    assert "Total is above 5" in sent.text
    assert "http://dagster/assets/reporting/r" in sent.text
    assert set(sent.attachments) == {"r.html", "r.xlsx", "r.csv", "r.parquet"}
    assert sent.attachments["r.xlsx"] == (send.snapshot.folder / "report.xlsx").read_bytes()
    assert sent.attachments["r.csv"].decode().splitlines()[1] == '1,"\'=1+1"'
    assert (send.snapshot.folder / "data.csv").read_text().splitlines()[1] == '1,"=1+1"'


def test_what_has_arrived_is_not_sent_again_whatever_runs_again(send: Sending, mail: MailServer) -> None:
    for hours in range(3):
        assert states(send(report(MAIL), hours)) == [State.SENT]
    assert len(mail.mails) == 1
    assert states(send(report(MAIL), 4, count=4)) == [State.SENT]
    assert len(mail.mails) == 2


def test_a_person_can_have_it_sent_again(send: Sending, mail: MailServer) -> None:
    send(report(MAIL))
    send.again(Again.MISSING)
    assert len(mail.mails) == 1
    send.again(Again.EVERYTHING)
    assert len(mail.mails) == 2
    assert len({sent.message["Message-ID"] for sent in mail.mails}) == 2


def test_a_mail_of_which_the_server_says_nothing_is_not_sent_again(send: Sending, mail: MailServer) -> None:
    assert send.deliverer.email is not None
    send.deliverer = replace(send.deliverer, email=send.deliverer.email.model_copy(update={"timeout": 0.2}))
    mail.before_answer["DATA"] = lambda: time.sleep(0.4)
    for _ in range(2):
        (doubt,) = send(report(MAIL))
        assert (doubt.passed, doubt.state) == (False, State.DOUBT)
        assert "was silent after it had the whole mail, so that it may have arrived" in doubt.detail
        assert "report resend reporting/r --snapshot" in doubt.detail
    assert (len(mail.mails), mail.attempts) == (1, 1)


def test_recipients_that_are_refused_for_now_do_not_make_the_others_get_it_twice(
    send: Sending, mail: MailServer
) -> None:
    mail.refuse = {"bob@example.com": "450 later"}
    (partly,) = send(report(MAIL))
    assert (partly.state, "bob@example.com: 450 later" in partly.detail) == (State.SENT, True)
    assert [sent.recipients for sent in mail.mails] == [("ann@example.com",)]


def test_what_passes_is_tried_again_at_once(send: Sending, mail: MailServer) -> None:
    mail.answers = ["451 try later", "421 busy"]
    assert states(send(report(MAIL))) == [State.SENT]
    assert (mail.attempts, len(mail.mails)) == (3, 1)


def test_what_failed_is_sent_by_the_next_run(send: Sending, mail: MailServer) -> None:
    mail.answers = ["554 no"]
    (failed,) = send(report(MAIL))
    assert (failed.passed, failed.state) == (False, State.FAILED)
    assert "554 no" in failed.detail
    assert states(send(report(MAIL), 1)) == [State.SENT]
    assert len(mail.mails) == 1


def test_recipients_that_are_refused_are_named_and_the_others_not_asked_twice(send: Sending, mail: MailServer) -> None:
    mail.refuse = {"bob@example.com": "550 who?"}
    for hours in (0, 1):
        (partly,) = send(report(MAIL), hours)
        assert (partly.passed, partly.state) == (False, State.SENT)
        assert "bob@example.com: 550 who?" in partly.detail
    assert [sent.recipients for sent in mail.mails] == [("ann@example.com",)]
    mail.refuse["ann@example.com"] = "550 who?"
    (failed,) = send(report(MAIL), 2, count=4)
    assert failed.state is State.FAILED


def test_wrong_credentials_and_silence_are_told(
    keep: Keep, store: SnapshotStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "deliver", lambda channel, message, **_: channel.send(message))
    snapshot = keep(report(MAIL))
    authority = Authority.of(tmp_path)
    with mail_server(authority, security="starttls", login=True) as server:
        settings = {"host": "localhost", "port": server.port, "from": "r@example.com", "ca_file": str(authority.file)}
        email = EmailConfig.model_validate({**settings, "user": "dagster", "password": "wrong"})
        (refused,) = Deliverer(email).deliver(snapshot, rules_of(tmp_path), store)
    assert (refused.state, "refused the login of dagster" in refused.detail) == (State.FAILED, True)
    assert "wrong" not in refused.detail
    (gone,) = Deliverer(email).deliver(snapshot, rules_of(tmp_path), store)
    assert (gone.state, "cannot be reached" in gone.detail) == (State.FAILED, True)
    (unknown,) = Deliverer().deliver(snapshot, rules_of(tmp_path), store)
    assert unknown.detail.startswith("The configuration says nothing of email. Add `notifications: {email: …}`")


def test_a_webhook_gets_figures_and_alerts_once(send: Sending, webhook: WebhookServer) -> None:
    webhook.answers = [Answer(503)]
    for hours in (0, 1):
        assert states(send(report("webhook"), hours)) == [State.SENT]
    (post,) = webhook.posts
    assert "Total is above 5" in json.dumps(post)
    assert {"title": "Total", "value": "6", "short": True} in post["attachments"][0]["fields"]
    webhook.answers = [Answer(404)]
    (failed,) = send(report("webhook"), 2, count=4)
    assert (failed.state, "404" in failed.detail) == (State.FAILED, True)
    assert "s3cretpath" not in failed.detail


def test_a_folder_gets_the_files_of_machines(send: Sending, tmp_path: Path) -> None:
    place = tmp_path / "share"
    assert states(send(report(f"{{to: {place}/, attach: [csv, parquet]}}"))) == [State.SENT]
    written = place / "reporting" / "r"
    assert {path.name for path in written.iterdir()} == {"data.csv", "data.parquet", "manifest.json"}
    assert (written / "data.csv").read_bytes() == (send.snapshot.folder / "data.csv").read_bytes()


def test_one_delivery_that_fails_keeps_no_other_from_being_made(
    send: Sending, mail: MailServer, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("no folder")
    mail.answers = ["554 no"]
    rules = f"[{MAIL}, {{to: {tmp_path}/file/, attach: [csv]}}, {{to: {tmp_path}/good/, attach: [csv]}}]"
    assert states(send(report(rules))) == [State.FAILED, State.FAILED, State.SENT]


@pytest.mark.parametrize(
    ("only_if", "above", "count", "state"),
    [
        ("rows", 5, 0, State.SKIPPED),
        ("rows", 5, 1, State.SENT),
        ("alert", 5, 2, State.SKIPPED),
        ("alert", 5, 3, State.SENT),
        ("alert", 5, 0, State.SENT),  # a sum of nothing cannot be judged
        ("change", 5, 1, State.SENT),
    ],
)
def test_it_is_sent_when_there_is_occasion(
    send: Sending, mail: MailServer, only_if: str, above: int, count: int, state: State
) -> None:
    rule = MAIL.replace("}", f", only_if: {only_if}, attach: []}}")
    (delivered,) = send(report(rule, above), count=count)
    assert (delivered.state, len(mail.mails), delivered.passed) == (state, int(state is State.SENT), True)


def test_without_change_nothing_is_sent(send: Sending, mail: MailServer) -> None:
    rule = MAIL.replace("}", ", only_if: change, attach: []}")
    assert states(send(report(rule))) == [State.SENT]
    assert states(send(report(rule, above=50), 1)) == [State.SKIPPED]  # another page of the same rows
    assert states(send(report(rule), 2, count=4)) == [State.SENT]
    assert len(mail.mails) == 2


def test_files_too_large_for_a_mail_are_named_in_it(
    send: Sending, mail: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "MOST_ATTACHED_BYTES", 3000)
    send(report(MAIL))
    (sent,) = mail.mails
    assert "r.html" not in sent.attachments
    assert "Too large to be attached: report.html, report.xlsx" in " ".join(sent.text.split())


def test_the_ledger_survives_a_line_that_a_crash_cut_off(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write("a", State.SENDING)
    with (tmp_path / "deliveries.jsonl").open("a") as file:
        file.write('{"delivery": "a", "sta')
    last = ledger.state("a")
    assert last is not None and last.state is State.DOUBT
    ledger.write("a", State.SENT)
    assert [entry.state for entry in ledger.entries()] == [State.SENDING, State.SENT]
