"""What was read becomes a snapshot: the files that a report's header asks for."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.execution import rows_digest
from cockroach_pipelines.execution.files import LocalFile
from cockroach_pipelines.queries.headers import PARTITION_PARAMETERS
from cockroach_pipelines.queries.headers.reporting import PREVIOUS_SNAPSHOT, ReportFormat, ReportRules
from cockroach_pipelines.reporting.building import build, file_hash
from cockroach_pipelines.reporting.errors import ReportError
from cockroach_pipelines.reporting.formatting import Formatter
from cockroach_pipelines.reporting.html import page
from cockroach_pipelines.reporting.manifest import KeptFile, Manifest, kept_kpis
from cockroach_pipelines.reporting.model import Report
from cockroach_pipelines.reporting.pdf import pdf
from cockroach_pipelines.reporting.people_csv import write_people_csv
from cockroach_pipelines.reporting.png import png
from cockroach_pipelines.reporting.report import Earlier, ReportOutcome
from cockroach_pipelines.reporting.snapshots import Snapshot, SnapshotStore
from cockroach_pipelines.reporting.xlsx import write_xlsx

PEOPLE_CSV = "people_csv"
"""Kind of the CSV that goes to people: harmless where a spreadsheet opens it."""


@dataclass(frozen=True)
class Produced:
    """The snapshot of what was read; `new` tells whether it was made now, or has had this content before."""

    snapshot: Snapshot
    new: bool


def produce(outcome: ReportOutcome, store: SnapshotStore, now: dt.datetime | None = None) -> Produced:
    """Keep what was read as a snapshot; the newest one itself, where that has the same content.

    Old snapshots go as the header says. The caller sees to it that nobody else does so at once: `store.alone`.

    Raises:
        ReportError: The report cannot be made of its rows.
        ConfigurationError: A format needs a package that is not installed.
        FileWriteError: A file cannot be written.
    """
    moment = now or dt.datetime.now(dt.UTC)
    order, rules = outcome.order, outcome.order.query.report or ReportRules()
    asset, partition = order.query.name, order.partition.key if order.partition else None
    if outcome.staged is None:
        raise ReportError(f"{asset} has no result to keep.")
    rows = _digest(outcome)
    before = _snapshot_before(rules, store, asset, partition, rows)
    digest = _content(outcome, rules, rows, before)
    latest = store.latest(asset, partition)
    if latest and latest.manifest.digest == digest:
        return Produced(latest, new=False)
    with _hashes(outcome) as hashes, store.draft() as draft:
        report = build(outcome, moment, before)
        files = tuple(_write_files(draft, report, rules, outcome, hashes))
        snapshot = store.keep(draft, _manifest(outcome, report, digest, rows, files))
    if rules.snapshot is not None:
        store.expire(asset, rules.snapshot, moment)
    return Produced(snapshot, new=True)


def _digest(outcome: ReportOutcome) -> str:
    results = [outcome.staged, *outcome.further.values()]
    return _hash(*(result.digest or rows_digest(result.path) for result in results if result))


def _hash(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode("utf-8", "surrogatepass")).hexdigest()


def _content(outcome: ReportOutcome, rules: ReportRules, rows: str, before: Earlier | None) -> str:
    earlier = outcome.earlier or before or Earlier()
    values = {name: str(value) for name, value in outcome.order.values.items() if name not in PARTITION_PARAMETERS}
    checks = [(check.name, check.wrong_rows, check.error) for check in outcome.checks]
    return _hash(
        rows,
        earlier.label,
        earlier.missing,
        *(rows_digest(path) for path in earlier.files.values()),
        outcome.order.query.code_version,
        json.dumps([values, checks, [each.value for each in rules.formats]], sort_keys=True),
    )


def _snapshot_before(
    rules: ReportRules, store: SnapshotStore, asset: str, partition: str | None, rows: str
) -> Earlier | None:
    """Give the newest snapshot of other rows, where that is what a report is compared with."""
    if rules.compare is None or rules.compare.to != PREVIOUS_SNAPSHOT:
        return None
    for snapshot in reversed(store.of(asset, partition)):
        if snapshot.manifest.rows_digest != rows:
            files = {
                file.kind.removeprefix("rows:"): snapshot.folder / file.name
                for file in snapshot.manifest.files
                if file.kind.startswith("rows:")
            }
            return Earlier(f"{snapshot.manifest.moment:%Y-%m-%d %H:%M %Z}", files)
    return Earlier(missing="there is no earlier snapshot with other rows")


Hashes = Mapping[Path, Future[str]]


@contextlib.contextmanager
def _hashes(outcome: ReportOutcome) -> Iterator[Hashes]:
    """Hash the files of rows in a thread, while pages are made of them."""
    results = [outcome.staged, *outcome.further.values()]
    paths = [result.path for result in results if result] + ([outcome.csv] if outcome.csv else [])
    pool = ThreadPoolExecutor(1, thread_name_prefix="file-hash")
    try:
        yield {path: pool.submit(file_hash, path) for path in paths}
    finally:
        pool.shutdown(cancel_futures=True)


def _write_files(
    draft: Path, report: Report, rules: ReportRules, outcome: ReportOutcome, hashes: Hashes
) -> Iterator[KeptFile]:
    staged = outcome.staged
    if staged is None:
        return
    yield _linked(staged.path, draft / "data.parquet", f"rows:{outcome.statement.name}", hashes)
    for name, result in outcome.further.items():
        yield _linked(result.path, draft / f"data.{_file_part(name)}.parquet", f"rows:{name}", hashes)
    if outcome.csv:
        yield _linked(outcome.csv, draft / "data.csv", ReportFormat.CSV, hashes)
    if any(rule.to == "email" and _attaches(rule.attach, rules, ReportFormat.CSV) for rule in rules.deliver):
        write_people_csv(staged.path, draft / "report.csv")
        yield _kept(draft / "report.csv", PEOPLE_CSV)
    if ReportFormat.HTML in rules.formats:
        yield _written(draft / "report.html", page(report, rules).encode("utf-8", "replace"), ReportFormat.HTML)
    if {ReportFormat.HTML, ReportFormat.PNG} & set(rules.formats):
        yield _written(draft / "report.png", png(report, rules), ReportFormat.PNG)
    if ReportFormat.PDF in rules.formats:
        yield _written(draft / "report.pdf", pdf(report, rules), ReportFormat.PDF)
    if ReportFormat.XLSX in rules.formats:
        write_xlsx(draft / "report.xlsx", report, rules)
        (draft / "report.xlsx").chmod(0o600)
        yield _kept(draft / "report.xlsx", ReportFormat.XLSX)


def _attaches(attach: tuple[ReportFormat, ...] | None, rules: ReportRules, form: ReportFormat) -> bool:
    return form in (rules.formats if attach is None else attach)


def _file_part(name: str) -> str:
    return "".join(each if each.isalnum() or each in "-_" else "_" for each in name)


def _linked(source: Path, destination: Path, kind: str, hashes: Hashes) -> KeptFile:
    """Give a file a second name; published results are replaced and never changed, so both keep their content."""
    try:
        os.link(source, destination)
    except OSError:  # another file system, or one without links
        with contextlib.suppress(FileExistsError):
            shutil.copyfile(source, destination)
        destination.chmod(0o600)
    return KeptFile(destination.name, str(kind), destination.stat().st_size, hashes[source].result())


def _written(path: Path, content: bytes, kind: str) -> KeptFile:
    with LocalFile(path) as file:
        file.write(content)
    return _kept(path, kind)


def _kept(path: Path, kind: str) -> KeptFile:
    return KeptFile(path.name, str(kind), path.stat().st_size, file_hash(path))


def _manifest(outcome: ReportOutcome, report: Report, digest: str, rows: str, files: tuple[KeptFile, ...]) -> Manifest:
    order = outcome.order
    formatter = Formatter("en", report.timezone)
    values = {name: value for name, value in order.values.items() if name not in PARTITION_PARAMETERS}
    return Manifest(
        asset=report.asset,
        title=report.title,
        partition=report.partition,
        digest=digest,
        rows_digest=rows,
        generated_at=report.generated_at.isoformat(),
        data_as_of=outcome.seen or outcome.started.isoformat(),
        rows=outcome.rows,
        code_version=order.query.code_version,
        file_sha256=file_hash(outcome.statement.path),
        owners=report.owners,
        compared_with=report.compared_with,
        parameters={name: "NULL" if value is None else formatter.text(value) for name, value in values.items()},
        checks=tuple(
            {
                "name": check.name,
                "passed": check.passed,
                "severity": check.severity.value,
                "wrong_rows": check.wrong_rows,
                "evaluated": not check.error,
            }
            for check in outcome.checks
        ),
        alerts=report.alerts,
        unjudged=report.unjudged,
        kpis=kept_kpis(report),
        files=files,
    )
