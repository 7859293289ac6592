"""`run` of a batch file: progress while it works, and what it came to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bar

from cockroach_pipelines.cli.console import CROSS, TICK, out, passing_bar, rows_table
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.embedded import connection_manager
from cockroach_pipelines.execution import (
    Activity,
    CommitInDoubt,
    Event,
    Order,
    QueryExecutor,
    RetryScheduled,
    everyone,
    preview_records,
    structured_log,
)
from cockroach_pipelines.maintenance import BatchedMaintenance, BatchedRun, BatchProgress, DryRun, EndReason, checks_of

_EXIT_CODES = {
    EndReason.SHARE: ExitCode.FAILED,
    EndReason.THROTTLED: ExitCode.HELD,
    EndReason.PAUSED: ExitCode.HELD,
}


def run_batches(order: Order, manager: ConfigManager, *, arm: bool, dry_run: bool, as_json: bool) -> ExitCode:
    """Run a batch file; see the help of `run`.

    Raises:
        PipelinesError: A guard refused it, another process runs it, or the database refused.
    """
    activity = Activity(asset=order.query.name, run="cli")
    with (
        connection_manager(manager.settings.connections) as connections,
        structured_log(manager.settings.logging) as log,
        passing_bar() as bar,
    ):
        engine = BatchedMaintenance(
            connections,
            archive_folder(manager),
            activity,
            everyone(log, _Printer(bar.console)),
            _BarUpdater(bar),
        )
        try:
            outcome = engine.run(order, arm=arm, dry_run=dry_run)
        except (KeyboardInterrupt, SystemExit):
            bar.console.print("interrupted: committed batches stay, and the next run goes on behind them")
            raise
        checks = checks_of(QueryExecutor(connections, activity, log), order)
    if as_json:
        out.print_json(json.dumps({**record_of(outcome), "checks": _checks(checks)}, default=str))
    else:
        _show(outcome, out)
        for check in checks:
            said = "passed" if check.passed else check.full_error or f"{check.wrong_rows:,} wrong rows"
            out.print(f"  {TICK if check.passed else CROSS} {escape(check.name)}: {escape(said)}", highlight=False)
    failed = outcome.dry_run is None and any(not check.passed for check in checks)
    return _EXIT_CODES.get(outcome.reason, ExitCode.FAILED if failed else ExitCode.OK)


def archive_folder(manager: ConfigManager) -> Path:
    """Give the folder that relative paths of `batch.archive` begin in."""
    return manager.settings.results_folder


def record_of(outcome: BatchedRun) -> dict[str, Any]:
    """Give what `--json` says of a run."""
    return {
        "asset": outcome.order.query.name,
        "partition": outcome.order.partition.key if outcome.order.partition else None,
        "connection": outcome.connection,
        "server": str(outcome.server),
        "run": outcome.run,
        "dry_run": _dry_run(outcome.dry_run) if outcome.dry_run else None,
        "end_reason": outcome.reason.value,
        "detail": outcome.detail or None,
        "rows": outcome.rows,
        "rows_of_pass": outcome.pass_rows,
        "batches": outcome.batches,
        "resumes": outcome.resumes,
        "retries": outcome.retries,
        "seconds": round(outcome.seconds, 3),
        "rows_per_second": round(outcome.rows_per_second),
        "archive": str(outcome.archive) if outcome.archive else None,
    }


def _dry_run(found: DryRun) -> dict[str, Any]:
    return {
        "estimated_rows": found.estimated,
        "table_rows": found.table_rows,
        "share_of_table": found.share,
        "index": found.index,
        "unique_key": found.unique,
        "plan": found.plan,
        "sample": _sample(found),
    }


def _sample(found: DryRun) -> list[dict[str, Any]]:
    return [] if found.sample is None else [dict(each) for each in preview_records(found.sample)]


def _checks(checks: Any) -> list[dict[str, Any]]:
    return [
        {"check": each.name, "passed": each.passed, "wrong_rows": each.wrong_rows, "error": each.full_error or None}
        for each in checks
    ]


def _show(outcome: BatchedRun, console: Console) -> None:
    partition = f" {outcome.order.partition.key}" if outcome.order.partition else ""
    found = outcome.dry_run
    if found is not None:
        if sample := _sample(found):
            console.print(rows_table(sample, title="the first rows"))
        console.print("the plan of a batch:", highlight=False)
        for line in found.plan.splitlines():
            console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
        key = ", ".join(outcome.order.query.batch.rules.key) if outcome.order.query.batch else ""
        console.print(f"  key: {escape(key)}, by the index {escape(found.index)}", highlight=False, soft_wrap=True)
        if not found.unique:
            console.print("  the key is not unique: a batch takes all rows of its last key", highlight=False)
    console.print(
        f"{escape(outcome.order.query.name)}{partition}: {escape(outcome.headline)} on {outcome.connection} ({outcome.server})",
        highlight=False,
        soft_wrap=True,
    )
    if outcome.resumes:
        console.print(f"  the pass was gone on with {outcome.resumes:,} times", highlight=False)
    if outcome.archive:
        kept = "would be kept" if found is not None else "are"
        console.print(f"  deleted rows {kept} in {outcome.archive}", highlight=False, soft_wrap=True, markup=False)
    if found is not None:
        console.print(
            f"Let it change data: cockroach-pipelines maintenance arm {outcome.order.query.name}, or run it with --arm.",
            highlight=False,
            soft_wrap=True,
            markup=False,
        )


class _BarUpdater:
    """Moves a bar with the engine's progress; while something holds it, that is printed once."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("connecting", total=None)
        self._held = ""

    def __call__(self, at: BatchProgress) -> None:
        self._bar.update(
            self._task, description=escape(f"{at.job}: {at}"), completed=at.rows, total=at.estimated or None
        )
        if at.waiting and at.waiting != self._held:
            self._bar.console.print(f"[yellow]{escape(at.waiting)}[/]", highlight=False, soft_wrap=True)
        self._held = at.waiting


class _Printer:
    """Prints what did not go smoothly, so that it stays to be read."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, event: Event) -> None:
        if isinstance(event, RetryScheduled):
            self._say(f"attempt {event.attempt} failed, again in {event.wait:.1f} s: {event.failure.message}")
        elif isinstance(event, CommitInDoubt):
            self._say(f"COMMIT got no answer: {event.outcome.value}")

    def _say(self, text: str) -> None:
        self._console.print(f"[yellow]{escape(text)}[/]", highlight=False, soft_wrap=True)
