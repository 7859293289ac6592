"""A process that is killed while it delivers: whatever runs next, each receiver has the report once.

The two moments that matter are before the last word to a server, when nothing can have arrived, and after it, before the
answer is written down: then nobody can know, no run sends again, and each says so until a person decides.
"""

from __future__ import annotations

import signal
import subprocess

import pytest

from cockroach_pipelines.config import EmailConfig, WebhookConfig
from cockroach_pipelines.queries import SQLRepository
from cockroach_pipelines.reporting import Delivered, Deliverer, Snapshot, SnapshotStore
from cockroach_pipelines.reporting.delivering import Again, confirm
from cockroach_pipelines.reporting.ledger import State
from tests.peers.delivering import begin
from tests.peers.mail import MailServer
from tests.peers.webhook import WebhookServer
from tests.reporting.conftest import Keep

REPORT = """
    /* @asset
    partition: {keys: [eu, us]}
    report:
      formats: [html, csv]
      deliver: [{to: email, recipients: [ann@example.com], attach: [csv]}, webhook]
    */
    SELECT :partition_key AS region, n FROM generate_series(1, 3) AS n
"""
MAIL, WEBHOOK = "e-mail to ann@example.com", "webhook"


class Killing:
    """Delivers a snapshot in a process that dies when a server calls `kill`, and in others after it."""

    def __init__(self, snapshot: Snapshot, store: SnapshotStore, mail: MailServer, webhook: WebhookServer) -> None:
        self.snapshot, self.store, self.mail, self.webhook = snapshot, store, mail, webhook
        self.sql = store.folder.parents[1] / "sql"
        self.victims: list[subprocess.Popen[str]] = []

    def kill(self) -> None:
        victim = self.victims.pop()
        victim.kill()
        victim.wait()

    def until_killed(self) -> None:
        """Deliver in a process of its own that does not see the end."""
        job = {"sql": self.sql, "snapshot": self.snapshot.folder, "store": self.store.folder}
        victim = begin({**job, "mail": self.mail.port, "webhook": self.webhook.address})
        self.victims.append(victim)
        said, _ = victim.communicate(timeout=60)
        assert victim.returncode == -signal.SIGKILL, said
        self.mail.before_answer.clear()
        self.webhook.before_answer = None

    def again(self, again: Again = Again.NOTHING) -> dict[str, Delivered]:
        """Deliver as the next run does, or as a person orders."""
        email = {"host": "127.0.0.1", "port": self.mail.port, "security": "none", "from": "r@example.com"}
        deliverer = Deliverer(
            EmailConfig.model_validate(email), WebhookConfig.model_validate({"url": self.webhook.address})
        )
        rules = SQLRepository(self.sql).get("reporting/r").report
        assert rules is not None
        return {each.to: each for each in deliverer.deliver(self.snapshot, rules, self.store, again)}

    @property
    def received(self) -> tuple[int, int]:
        return len(self.mail.mails), len(self.webhook.posts)


@pytest.fixture
def killing(keep: Keep, store: SnapshotStore, mail: MailServer, webhook: WebhookServer) -> Killing:
    return Killing(keep(REPORT, "eu"), store, mail, webhook)


def states(delivered: dict[str, Delivered]) -> dict[str, State]:
    return {name: each.state for name, each in delivered.items()}


def test_what_was_killed_before_the_last_word_is_sent_by_the_next_run(killing: Killing) -> None:
    killing.mail.before_answer["RCPT"] = killing.kill
    killing.until_killed()
    assert killing.received == (0, 0)
    for _ in range(2):
        assert states(killing.again()) == {MAIL: State.SENT, WEBHOOK: State.SENT}
        assert killing.received == (1, 1)


def test_what_was_killed_after_a_mail_was_taken_is_not_sent_again_until_a_person_says_that_it_arrived(
    killing: Killing, keep: Keep
) -> None:
    killing.mail.before_answer["DATA"] = killing.kill
    killing.until_killed()
    assert killing.received == (1, 0)
    for _ in range(2):
        found = killing.again()
        assert states(found) == {MAIL: State.DOUBT, WEBHOOK: State.SENT}
        assert killing.received == (1, 1)
    which = f"reporting/r -p eu --snapshot {killing.snapshot.id}"
    assert not found[MAIL].passed
    assert found[MAIL].detail == (
        "the process died before the answer came, so that it may have arrived. "
        f"If it did: `cockroach-pipelines report confirm {which}`; "
        f"if not: `cockroach-pipelines report resend {which} --missing`."
    )

    assert [str(each) for each in confirm(killing.snapshot)] == [f"{MAIL}: confirmed"]
    assert confirm(killing.snapshot) == []
    found = killing.again()
    assert (found[MAIL].state, found[MAIL].passed) == (State.CONFIRMED, True)
    assert killing.received == (1, 1)

    killing.snapshot = keep(REPORT.replace("(1, 3)", "(1, 4)"), "eu")  # other rows are another delivery
    assert states(killing.again()) == {MAIL: State.SENT, WEBHOOK: State.SENT}
    assert killing.received == (2, 2)


def test_what_was_killed_after_a_webhook_took_it_is_not_posted_again_until_a_person_orders_it(
    killing: Killing,
) -> None:
    killing.webhook.before_answer = killing.kill
    killing.until_killed()
    for _ in range(2):
        assert states(killing.again()) == {MAIL: State.SENT, WEBHOOK: State.DOUBT}
        assert killing.received == (1, 1)
    assert states(killing.again(Again.MISSING)) == {MAIL: State.SENT, WEBHOOK: State.SENT}
    assert killing.received == (1, 2)
    first, second = killing.webhook.headers
    assert first["Idempotency-Key"] == second["Idempotency-Key"]  # whoever knows the first leaves the second
    assert states(killing.again()) == {MAIL: State.SENT, WEBHOOK: State.SENT}
    assert killing.received == (1, 2)
