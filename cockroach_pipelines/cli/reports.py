"""`report`: snapshots are made, listed, opened, sent again and told apart."""

from __future__ import annotations

import json
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from cockroach_pipelines.cli.console import CROSS, TICK, err, out, rows_table
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.cli.progress import ProgressObserver
from cockroach_pipelines.cli.project import load_project
from cockroach_pipelines.cli.run import given_parameters, partition_of
from cockroach_pipelines.config import ConfigManager, ConfigurationError
from cockroach_pipelines.embedded import connection_manager
from cockroach_pipelines.execution import (
    Activity,
    Order,
    QueryExecutor,
    ResultProcessor,
    everyone,
    preview_records,
    structured_log,
)
from cockroach_pipelines.queries import Query
from cockroach_pipelines.queries.loading import SQLRepository
from cockroach_pipelines.reporting import (
    REPORTS,
    Deliverer,
    Produced,
    ReportOutcome,
    Snapshot,
    SnapshotStore,
    produce,
    read_report,
)
from cockroach_pipelines.reporting.delivering import Again, confirm
from cockroach_pipelines.reporting.differences import StatementDifferences, differences
from cockroach_pipelines.reporting.index import write_index
from cockroach_pipelines.reporting.ledger import Ledger

_DELIVERY_WIDTH = 20  # columns, in which each word of it stands whole


def store_of(manager: ConfigManager) -> SnapshotStore:
    """Give the snapshots of a project."""
    return SnapshotStore(manager.settings.results_folder / REPORTS)


def list_snapshots(name: str | None, config: Path | None, *, as_json: bool) -> ExitCode:
    """List snapshots; see the command's help."""
    manager, repository = load_project(config)
    store = store_of(manager)
    if name:
        asset = _report(repository, name).name
        found = [snapshot for partition in store.partitions(asset) for snapshot in store.of(asset, partition)]
    else:
        latest = (store.latest(asset, store.partitions(asset)[-1]) for asset in store.assets())
        found = [snapshot for snapshot in latest if snapshot]
    if as_json:
        out.print_json(json.dumps([_entry(snapshot) for snapshot in found]))
        return ExitCode.OK
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    table.add_column("snapshot", overflow="fold")  # a name that is cut short names nothing
    table.add_column("generated", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("alerts", justify="right", no_wrap=True)
    table.add_column("deliveries", min_width=_DELIVERY_WIDTH)
    for snapshot in found:
        entry = _entry(snapshot)
        sent = ", ".join(f"{to}: {state}" for to, state in entry["deliveries"].items())
        cells = (
            entry["name"],
            f"{snapshot.manifest.moment:%Y-%m-%d %H:%M}",
            f"{entry['rows']:,}",
            str(len(entry["alerts"])),
            sent,
        )
        table.add_row(*map(escape, cells))
    out.print(
        table if found else "No report has a snapshot yet: materialize one, or `cockroach-pipelines report render`."
    )
    return ExitCode.OK


def _entry(snapshot: Snapshot) -> dict[str, Any]:
    manifest = snapshot.manifest
    ledger = {entry.delivery for entry in Ledger(snapshot.folder).entries()}
    states = {delivery: Ledger(snapshot.folder).state(delivery) for delivery in sorted(ledger)}
    return {
        "name": _address(snapshot),
        "asset": manifest.asset,
        "partition": manifest.partition,
        "snapshot": snapshot.id,
        "folder": str(snapshot.folder),
        "generated_at": manifest.generated_at,
        "rows": manifest.rows,
        "alerts": list(manifest.alerts),
        "not_evaluated": list(manifest.unjudged),
        "files": [file.name for file in manifest.files],
        "deliveries": {delivery: state.state.value for delivery, state in states.items() if state},
    }


def _address(snapshot: Snapshot) -> str:
    manifest = snapshot.manifest
    partition = f"@{manifest.partition}" if manifest.partition else ""
    return f"{manifest.asset}{partition}#{snapshot.id}"


def open_page(
    name: str | None, partition: str | None, snapshot: str | None, config: Path | None, *, show: bool
) -> ExitCode:
    """Open a page; see the command's help.

    Raises:
        SnapshotNotFoundError: There is none.
        ConfigurationError: The report has no page.
    """
    manager, repository = load_project(config)
    store = store_of(manager)
    if name is None:
        path = write_index(store)
    else:
        found = store.find(_report(repository, name).name, partition, snapshot)
        pages = [found.path(kind) for kind in ("html", "pdf", "png", "xlsx")]
        shown = next((page for page in pages if page), None)
        if shown is None:
            raise ConfigurationError(
                f"{_address(found)} has no page: its files are in {found.folder}.",
                advice="Add html to `formats` of the file, and make another snapshot.",
            )
        path = shown
    out.print(str(path), highlight=False, soft_wrap=True, markup=False)
    if not show and not webbrowser.open(path.resolve().as_uri()):
        err.print("No browser could be opened: open the file yourself.", highlight=False)
    return ExitCode.OK


def render_report(
    name: str, *, partition: str | None, params: Sequence[str], config: Path | None, as_json: bool
) -> ExitCode:
    """Make a snapshot; see the command's help.

    Raises:
        PipelinesError: The file, a parameter or the partition is wrong, or the database refused.
    """
    manager, repository = load_project(config)
    query = _report(repository, name)
    order = Order(query, given_parameters(params), partition_of(query, partition))
    store = store_of(manager)
    with (
        connection_manager(manager.settings.connections) as connections,
        structured_log(manager.settings.logging) as log,
        err.status(f"running {query.name}") as status,
    ):
        reader = QueryExecutor(
            connections, Activity(asset=query.name, run="cli"), everyone(log, ProgressObserver(err, status))
        )
        processor = ResultProcessor(manager.settings.results_folder)
        with processor.staging() as folder:
            outcome = read_report(reader, processor, order, folder / "result.parquet")
            assert isinstance(outcome, ReportOutcome)  # noqa: S101 - `_report` saw to it that it has rules
            if outcome.blocked:
                names = ", ".join(check.name for check in outcome.failed_checks if check.blocking)
                err.print(f"{CROSS} {escape(query.name)}: not kept, blocked by {escape(names)}", highlight=False)
                return ExitCode.FAILED
            status.update(f"drawing {query.name}")
            with store.alone(query.name, order.partition.key if order.partition else None):
                produced = produce(outcome, store)
            write_index(store)
    _tell(produced, as_json=as_json)
    wrong = outcome.failed_checks or produced.snapshot.manifest.unjudged
    return ExitCode.FAILED if wrong else ExitCode.OK


def _tell(produced: Produced, *, as_json: bool) -> None:
    manifest = produced.snapshot.manifest
    if as_json:
        out.print_json(json.dumps({**_entry(produced.snapshot), "new": produced.new}))
        return
    for kpi in manifest.kpis:
        before = f"  (from {kpi.before})" if kpi.before else ""
        out.print(f"{escape(kpi.label)}: [bold]{escape(kpi.text or 'no value')}[/]{escape(before)}", highlight=False)
    for line in (*manifest.alerts, *(f"not evaluated: {each}" for each in manifest.unjudged)):
        out.print(f"[yellow]![/] {escape(line)}", highlight=False, soft_wrap=True)
    for check in manifest.checks:
        out.print(f"{TICK if check['passed'] else CROSS} {escape(check['name'])}", highlight=False)
    said = "kept in" if produced.new else "the same content was kept before, in"
    out.print(f"{escape(_address(produced.snapshot))}: {manifest.rows:,} rows, {said}", highlight=False, soft_wrap=True)
    for file in manifest.files:
        out.print(f"  {produced.snapshot.folder / file.name}", highlight=False, soft_wrap=True, markup=False)


def send_again(
    name: str, partition: str | None, snapshot: str | None, config: Path | None, *, missing: bool
) -> ExitCode:
    """Deliver a snapshot again; see the command's help.

    Raises:
        ConfigurationError: The report goes nowhere.
        SnapshotNotFoundError: There is none.
    """
    manager, repository = load_project(config)
    query = _report(repository, name)
    rules = query.report
    if rules is None or not rules.deliver:
        raise ConfigurationError(f"{query.name} is delivered nowhere.", advice="Add `deliver` to its header.")
    store = store_of(manager)
    found = store.find(query.name, partition, snapshot)
    with store.alone(query.name, found.manifest.partition):
        again = Again.MISSING if missing else Again.EVERYTHING
        delivered = Deliverer.of(manager.settings.notifications, query.name).deliver(found, rules, store, again)
    for each in delivered:
        out.print(f"{TICK if each.passed else CROSS} {escape(str(each))}", highlight=False, soft_wrap=True)
    return ExitCode.OK if all(each.passed for each in delivered) else ExitCode.FAILED


def confirm_deliveries(name: str, partition: str | None, snapshot: str | None, config: Path | None) -> ExitCode:
    """Note that what is in doubt has arrived; see the command's help.

    Raises:
        SnapshotNotFoundError: There is none.
    """
    manager, repository = load_project(config)
    store = store_of(manager)
    found = store.find(_report(repository, name).name, partition, snapshot)
    with store.alone(found.manifest.asset, found.manifest.partition):
        confirmed = confirm(found)
    for each in confirmed:
        out.print(f"{TICK} {escape(str(each))}", highlight=False, soft_wrap=True)
    if not confirmed:
        out.print(f"Nothing of {escape(_address(found))} is in doubt.", highlight=False, soft_wrap=True)
    return ExitCode.OK


def tell_apart(first: str, second: str, config: Path | None, *, rows: int, as_json: bool) -> ExitCode:
    """Compare two snapshots; see the command's help.

    Raises:
        SnapshotNotFoundError: One of them is not there.
    """
    manager, repository = load_project(config)
    store = store_of(manager)
    one, other = (_found(repository, store, each) for each in (first, second))
    found = differences(one, other, rows)
    if as_json:
        record = {
            "a": _address(one),
            "b": _address(other),
            "equal": found.equal,
            "figures": [{"name": line[0], "a": line[1], "b": line[2]} for line in found.figures],
            "statements": [
                {
                    "name": each.name,
                    "missing_in": each.missing_in.lower() or None,
                    "columns_of_one_alone": list(each.columns),
                    "rows_of_a_alone": each.only_first,
                    "rows_of_b_alone": each.only_second,
                }
                for each in found.statements
            ],
        }
        out.print_json(json.dumps(record))
        return ExitCode.OK if found.equal else ExitCode.FAILED
    if found.figures:
        lines = [{"figure": label, "A": a or "no value", "B": b or "no value"} for label, a, b in found.figures]
        out.print(rows_table(lines))
    for each in found.statements:
        _tell_statement(each, rows)
    verdict = f"{TICK} equal" if found.equal else f"{CROSS} different"
    out.print(f"{verdict}: {escape(_address(one))} and {escape(_address(other))}", highlight=False, soft_wrap=True)
    return ExitCode.OK if found.equal else ExitCode.FAILED


def _tell_statement(found: StatementDifferences, rows: int) -> None:
    named = f"{escape(found.name)}: " if found.name else ""
    for letter, count, sample in (
        ("A", found.only_first, found.first_sample),
        ("B", found.only_second, found.second_sample),
    ):
        if count and sample is not None and rows:
            title = f"{named}{count:,} rows of {letter} alone"
            out.print(rows_table(preview_records(sample, limit=rows), title=title))
    if found.missing_in:
        out.print(f"{CROSS} {named}{found.missing_in} has no such statement", highlight=False)
    for column in found.columns:
        out.print(f"{CROSS} {named}column {escape(column)} is in one of them alone", highlight=False)
    alone = f"{CROSS} {named}{found.only_first:,} rows of A alone, {found.only_second:,} of B alone"
    out.print(alone if found.only_first + found.only_second else f"{TICK} {named}the rows are equal", highlight=False)


def _found(repository: SQLRepository, store: SnapshotStore, address: str) -> Snapshot:
    rest, _, snapshot = address.partition("#")
    name, _, partition = rest.partition("@")
    return store.find(_report(repository, name).name, partition or None, snapshot or None)


def _report(repository: SQLRepository, name: str) -> Query:
    query = repository.get(name)
    if query.report is None:
        raise ConfigurationError(
            f"The header of {query.name} says nothing of a report.", advice="Add `report: {formats: [html]}` to it."
        )
    return query
