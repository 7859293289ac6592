"""Taking a snapshot to its readers: by e-mail, to a webhook, into a folder; each once."""

from __future__ import annotations

import mimetypes
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from cockroach_pipelines.config import (
    ConfigurationError,
    EmailConfig,
    NotificationsConfig,
    PipelinesError,
    WebhookConfig,
)
from cockroach_pipelines.delivery import (
    Attachment,
    Channel,
    DeliveryError,
    Email,
    Level,
    Message,
    RecipientsRefusedError,
    Webhook,
    deliver,
)
from cockroach_pipelines.execution import Destination
from cockroach_pipelines.queries.headers.reporting import DeliveryRule, Occasion, ReportFormat, ReportRules
from cockroach_pipelines.reporting.ledger import Entry, Ledger, State
from cockroach_pipelines.reporting.producing import PEOPLE_CSV
from cockroach_pipelines.reporting.recording import RecordedChannel
from cockroach_pipelines.reporting.snapshots import Snapshot, SnapshotStore

MOST_ATTACHED_BYTES = 20_000_000
"""Together; many mail servers take no more. What is left out is named in the mail."""

_MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv",
}


class Again(Enum):
    """Which deliveries of a snapshot a person wants once more: none, those that have not surely arrived, or all."""

    NOTHING = auto()
    MISSING = auto()
    EVERYTHING = auto()


@dataclass(frozen=True)
class Delivered:
    """What became of one delivery; `detail` says why, where it did not arrive, or not at everybody."""

    to: str
    state: State
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether all is well: it arrived, or had no occasion to be sent."""
        return self.state in (State.SKIPPED, State.CONFIRMED) or (self.state is State.SENT and not self.detail)

    def __str__(self) -> str:
        return f"{self.to}: {self.state.value}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True)
class Deliverer:
    """Delivers snapshots.

    A delivery that has arrived is not made again for the same snapshot, whatever runs again. What has surely not arrived
    is tried again by the next run. Between the last word to a server and its answer nobody knows: where a process dies
    there, or no answer comes, no run sends again, and each says so until a person decides. Into a folder, where files only
    replace themselves, it is repeated.

    Args:
        email: The mail server; None where none is configured.
        webhook: The web address; None where none is configured.
        link: Where Dagster shows the asset.
    """

    email: EmailConfig | None = None
    webhook: WebhookConfig | None = None
    link: str | None = None

    @classmethod
    def of(cls, settings: NotificationsConfig | None, asset: str) -> Deliverer:
        """Give one for the reports of an asset, as the configuration says."""
        if settings is None:
            return cls()
        link = f"{settings.link}/assets/{asset}" if settings.link else None
        return cls(settings.email, settings.webhook, link)

    def deliver(
        self, snapshot: Snapshot, rules: ReportRules, store: SnapshotStore, again: Again = Again.NOTHING
    ) -> list[Delivered]:
        """Make every delivery that a report's header asks for; what fails is told and keeps no other from being made.

        Args:
            snapshot: What is delivered.
            rules: What the header says.
            store: Where the snapshots before it are.
            again: What is sent once more, whatever became of it.
        """
        done: dict[str, Delivered] = {}
        for rule in rules.deliver:
            name = _name(rule)
            if name not in done or not done[name].passed:
                done[name] = self._deliver(snapshot, rules, rule, store, again)
        return list(done.values())

    def _deliver(
        self, snapshot: Snapshot, rules: ReportRules, rule: DeliveryRule, store: SnapshotStore, again: Again
    ) -> Delivered:
        name, ledger = _name(rule), Ledger(snapshot.folder)
        last = ledger.state(name)
        if last and _is_settled(last, rule, again):
            doubtful = last.state is State.DOUBT
            return Delivered(name, last.state, f"{last.detail} {_decision(snapshot)}" if doubtful else last.detail)
        has_failed = last is not None and last.state in (State.FAILED, State.DOUBT)
        reason = "" if again is Again.EVERYTHING or has_failed else _no_occasion(snapshot, rule, store)
        if reason:
            if last is None or last.state is not State.SKIPPED:
                ledger.write(name, State.SKIPPED, reason)
            return Delivered(name, State.SKIPPED, reason)
        try:
            self._send(snapshot, rules, rule, last)
        except RecipientsRefusedError as error:  # those of servers are in the ledger
            return Delivered(name, State.SENT if error.others else State.FAILED, _said(error))
        except DeliveryError as error:
            if error.uncertain:
                return Delivered(name, State.DOUBT, f"{_said(error)} {_decision(snapshot)}")
            return Delivered(name, State.FAILED, _said(error))
        except PipelinesError as error:
            ledger.write(name, State.FAILED, error.message)
            return Delivered(name, State.FAILED, _said(error))
        return Delivered(name, State.SENT)

    def _send(self, snapshot: Snapshot, rules: ReportRules, rule: DeliveryRule, last: Entry | None) -> None:
        formats = rules.formats if rule.attach is None else rule.attach
        ledger = Ledger(snapshot.folder)
        if rule.place is not None:
            ledger.write(_name(rule), State.SENDING)
            _put(snapshot, rule.place, formats)
            ledger.write(_name(rule), State.SENT)
            return
        files = list(_files(snapshot, formats)) if rule.to == "email" else []
        attached, left = _fitting(files)
        identity = f"{snapshot.manifest.asset}/{snapshot.manifest.partition}/{snapshot.id}"
        if last and last.state in (State.SENT, State.CONFIRMED):
            # A mail reader would take it for the copy of a mail that it has. Where that is in doubt, so it shall.
            identity += f"/{len(ledger.entries())}"
        deliver(
            RecordedChannel(self._channel(rule), ledger, _name(rule)),
            _message(snapshot, rule, attached, left, identity, self.link),
            at_most_once=True,
        )

    def _channel(self, rule: DeliveryRule) -> Channel:
        if rule.to == "email":
            if self.email is None:
                raise _not_configured("email", "host, from and to")
            return Email(self.email, rule.recipients)
        if self.webhook is None:
            raise _not_configured("webhook", "url")
        return Webhook(self.webhook)


def _not_configured(way: str, keys: str) -> ConfigurationError:
    return ConfigurationError(
        f"The configuration says nothing of {way}.", advice=f"Add `notifications: {{{way}: …}}` with {keys}."
    )


def _is_settled(last: Entry, rule: DeliveryRule, again: Again) -> bool:
    """Whether a delivery stays as it is."""
    if again is Again.EVERYTHING or last.state in (State.FAILED, State.SKIPPED):
        return False
    return last.state is not State.DOUBT or (again is Again.NOTHING and rule.place is None)


def _said(error: PipelinesError) -> str:
    return f"{error.message} {error.advice}".strip()


def _decision(snapshot: Snapshot) -> str:
    manifest = snapshot.manifest
    which = f"{manifest.asset}{f' -p {shlex.quote(manifest.partition)}' if manifest.partition else ''} --snapshot {snapshot.id}"
    return (
        f"If it did: `cockroach-pipelines report confirm {which}`; if not: "
        f"`cockroach-pipelines report resend {which} --missing`."
    )


def confirm(snapshot: Snapshot) -> list[Delivered]:
    """Note that what is in doubt of a snapshot has arrived, as a person found; gives those deliveries."""
    ledger = Ledger(snapshot.folder)
    names = dict.fromkeys(entry.delivery for entry in ledger.entries())
    doubtful = [name for name in names if (last := ledger.state(name)) and last.state is State.DOUBT]
    for name in doubtful:
        ledger.write(name, State.CONFIRMED)
    return [Delivered(name, State.CONFIRMED) for name in doubtful]


def _name(rule: DeliveryRule) -> str:
    """Give what tells a delivery from others of the same snapshot, for people; nothing secret."""
    if rule.place is not None:
        file = Destination.of(rule.place.rstrip("/") + "/file").name
        return f"folder {file.removesuffix('/file')}"
    return f"e-mail to {', '.join(rule.recipients)}" if rule.to == "email" else "webhook"


def _no_occasion(snapshot: Snapshot, rule: DeliveryRule, store: SnapshotStore) -> str:
    manifest = snapshot.manifest
    match rule.only_if:
        case Occasion.ROWS if not manifest.rows:
            return "there are no rows"
        case Occasion.ALERT if not manifest.alerts and not manifest.unjudged:
            return "there is no alert"
        case Occasion.CHANGE:
            before = [each for each in store.of(manifest.asset, manifest.partition) if each.id < snapshot.id]
            if before and before[-1].manifest.rows_digest == manifest.rows_digest:
                return f"the rows are those of {before[-1].id}"
    return ""


def _files(snapshot: Snapshot, formats: Sequence[ReportFormat], *, people: bool = True) -> Iterator[Path]:
    for form in formats:
        kinds = {ReportFormat.CSV: [PEOPLE_CSV] if people else [form.value]}.get(form, [form.value])
        if form is ReportFormat.PARQUET:
            kinds = [file.kind for file in snapshot.manifest.files if file.kind.startswith("rows:")]
        for kind in kinds:
            if path := snapshot.path(kind):
                yield path


def _put(snapshot: Snapshot, place: str, formats: Sequence[ReportFormat]) -> None:
    manifest = snapshot.manifest
    folder = f"{place.rstrip('/')}/{manifest.asset}" + (f"/{manifest.partition}" if manifest.partition else "")
    for path in (*_files(snapshot, formats, people=False), snapshot.folder / "manifest.json"):
        with Destination.of(f"{folder}/{path.name}").pending() as file:
            with path.open("rb") as content:
                while data := content.read(1 << 22):
                    file.write(data)
            file.publish()


def _fitting(files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Give the files that a mail takes, the smallest first to be sure of, and those that it does not."""
    attached: list[Path] = []
    room = MOST_ATTACHED_BYTES
    for path in sorted(files, key=lambda path: path.stat().st_size):
        size = path.stat().st_size
        if size <= room:
            attached.append(path)
            room -= size
    return [path for path in files if path in attached], [path for path in files if path not in attached]


def _message(
    snapshot: Snapshot,
    rule: DeliveryRule,
    attached: Sequence[Path],
    left: Sequence[Path],
    identity: str,
    link: str | None,
) -> Message:
    manifest = snapshot.manifest
    title = rule.subject or manifest.title
    if manifest.partition:
        title = f"{title} · {manifest.partition}"
    paragraphs = [f"● {alert}" for alert in manifest.alerts]
    paragraphs += [f"○ Not evaluated: {alert}" for alert in manifest.unjudged]
    if not manifest.rows:
        paragraphs.append("There are no rows.")
    failed = [f"{check['name']}" for check in manifest.checks if not check["passed"]]
    if failed:
        paragraphs.append(f"Failed checks: {', '.join(failed)}")
    if left:
        paragraphs.append(
            f"Too large to be attached: {', '.join(path.name for path in left)}. They are in {snapshot.folder}."
        )
    facts = [(kpi.label, _figure(kpi.text, kpi.before)) for kpi in manifest.kpis]
    if manifest.compared_with:
        facts.append(("Compared with", manifest.compared_with))
    facts += [("Rows", f"{manifest.rows:,}"), ("Generated at", manifest.generated_at)]
    stem = f"{manifest.asset.rpartition('/')[2]}{f'_{manifest.partition}' if manifest.partition else ''}"
    return Message(
        title=f"⚠ {title}" if manifest.alerts else title,
        paragraphs=tuple(paragraphs),
        facts=tuple(facts),
        level=Level.WARNING if manifest.alerts or manifest.unjudged else Level.INFO,
        link=link,
        attachments=tuple(_attachment(path, stem) for path in attached),
        identity=identity,
    )


def _figure(text: str | None, before: str | None) -> str:
    return (text or "no value") + (f" (from {before})" if before else "")


def _attachment(path: Path, stem: str) -> Attachment:
    media_type = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    name = path.name.replace("report.", f"{stem}.").replace("data.", f"{stem}.", 1)
    return Attachment(name, path.read_bytes(), media_type)


def failures(delivered: Sequence[Delivered]) -> list[Delivered]:
    """Give the deliveries with which not all is well."""
    return [each for each in delivered if not each.passed]
