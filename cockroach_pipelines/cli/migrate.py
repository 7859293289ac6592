"""`migrate`: versioned schema changes on the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from cockroach_pipelines.cli.console import CROSS, TICK, err, out
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.cli.progress import ProgressObserver
from cockroach_pipelines.config import ConfigManager, ConfigurationError
from cockroach_pipelines.config.durations import parse_seconds
from cockroach_pipelines.embedded import connection_manager
from cockroach_pipelines.execution import Activity, everyone, structured_log
from cockroach_pipelines.execution.lease import LeaseHeldError
from cockroach_pipelines.execution.schema_changes import AppliedFile
from cockroach_pipelines.migrations import Applied, Entry, Migrator
from cockroach_pipelines.queries import QueryFileError
from cockroach_pipelines.queries.migrations import MigrationVersion

_WARNING = "[yellow]![/]"
_PAUSE_SECONDS = 2.0


def show_info(config: Path | None, connection: str, *, as_json: bool) -> ExitCode:
    """Show the state of every migration; see the command's help."""
    with _migrator(config, connection) as migrator:
        server, found = migrator.info()
    if as_json:
        out.print_json(json.dumps([_entry(entry) for entry in found.entries], default=str))
        return ExitCode.OK
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    for column in ("version", "description"):
        table.add_column(column, overflow="fold")
    table.add_column("state", no_wrap=True)
    for column in ("applied on", "by"):
        table.add_column(column)
    table.add_column("ms", justify="right")
    for entry in found.entries:
        row = entry.row
        style = "red" if entry.is_wrong else "yellow" if entry.is_pending else ""
        state = f"[{style}]{entry.state}[/]" if style else str(entry.state)
        told = (
            (f"{row.installed_on:%Y-%m-%d %H:%M:%S}", row.installed_by, f"{row.execution_time:,}") if row else ("",) * 3
        )
        table.add_row(escape(entry.version or "repeatable"), escape(entry.description), state, *map(escape, told))
    out.print(table)
    for entry in found.entries:
        if entry.note:
            _say(CROSS if entry.is_wrong else _WARNING, f"{entry.script}: {entry.note}")
    _say(
        CROSS if found.wrong else TICK,
        f"{len(found.entries)} migrations of {migrator.folder} on {connection} ({server}): {len(found.pending)} pending, "
        f"{len(found.wrong)} wrong",
    )
    return ExitCode.OK


def validate(config: Path | None, connection: str, *, as_json: bool) -> ExitCode:
    """Check files and history; see the command's help."""
    with _migrator(config, connection) as migrator:
        found = migrator.validate()
    if as_json:
        record = {
            "ok": found.passed,
            "problems": [*map(_problem, found.errors), *({"message": str(entry)} for entry in found.survey.wrong)],
            "warnings": list(map(_problem, found.warnings)),
        }
        out.print_json(json.dumps(record))
    else:
        for entry in found.survey.wrong:
            _say(CROSS, str(entry))
        for error in found.errors:
            _say(CROSS, str(error))
        for warning in found.warnings:
            _say(_WARNING, str(warning))
        wrong = len(found.errors) + len(found.survey.wrong)
        _say(
            CROSS if wrong else TICK,
            f"{len(found.survey.entries)} migrations: {wrong} problems, {len(found.warnings)} warnings",
        )
    return ExitCode.OK if found.passed else ExitCode.FAILED


def apply(
    config: Path | None,
    connection: str,
    *,
    target: str | None,
    out_of_order: bool,
    wait: str,
    dry_run: bool,
    as_json: bool,
) -> ExitCode:
    """Apply what is pending; see the command's help."""
    wanted = None if target is None else _version(target, "--target")
    patience = _seconds(wait)

    def tell(applied: AppliedFile) -> None:
        if not as_json:
            resumed = f", from statement {applied.began_at} on" if applied.began_at > 1 else ""
            _say(
                TICK,
                f"{applied.file.script}: {len(applied.file.statements)} statements in {applied.seconds:.2f} s{resumed}",
            )

    with _migrator(config, connection) as migrator:
        apply_once = partial(migrator.apply, dry_run=dry_run, out_of_order=out_of_order, target=wanted, tell=tell)
        result = _when_free(apply_once, patience)
    if as_json:
        record = {
            "dry_run": dry_run,
            "pending": [_entry(entry) for entry in result.plan],
            "applied": [_applied(applied) for applied in result.done],
            "warnings": list(map(_problem, result.warnings)),
        }
        out.print_json(json.dumps(record, default=str))
        return ExitCode.OK
    for warning in result.warnings:
        _say(_WARNING, str(warning))
    if dry_run:
        _show_plan(result.plan)
    _say(
        TICK,
        f"{len(result.plan if dry_run else result.done)} migrations {'would be ' if dry_run else ''}applied to {connection}",
    )
    return ExitCode.OK


def baseline(
    config: Path | None, connection: str, version: str, description: str, *, dry_run: bool, as_json: bool
) -> ExitCode:
    """Begin a history; see the command's help."""
    begins = _version(version, "--version")
    with _migrator(config, connection) as migrator:
        migrator.baseline(begins, description, dry_run=dry_run)
    if as_json:
        out.print_json(json.dumps({"dry_run": dry_run, "version": begins.text}))
    else:
        _say(TICK, f"the history of {connection} {'would begin' if dry_run else 'begins'} at version {begins}")
    return ExitCode.OK


def repair(config: Path | None, connection: str, *, in_doubt: str | None, dry_run: bool, as_json: bool) -> ExitCode:
    """Put the history right; see the command's help."""
    with _migrator(config, connection) as migrator:
        done = migrator.repair(in_doubt=in_doubt, dry_run=dry_run)
    if as_json:
        out.print_json(json.dumps({"dry_run": dry_run, "repairs": list(done)}))
        return ExitCode.OK
    for what in done:
        _say(TICK, what)
    _say(TICK, f"{len(done)} repairs{' would be made' if dry_run else ''}" if done else "there is nothing to repair")
    return ExitCode.OK


@contextmanager
def _migrator(config: Path | None, connection: str) -> Iterator[Migrator]:
    manager = ConfigManager.load(config)
    manager.connection(connection)  # a name that is none is said before anything starts
    with (
        connection_manager(manager.settings.connections) as connections,
        structured_log(manager.settings.logging) as log,
        err.status("looking at the history") as status,
    ):
        activity = Activity(asset=f"migrations/{connection}", run="cli")
        observe = everyone(log, ProgressObserver(err, status))
        yield Migrator.of(manager.settings, connections, connection, activity, observe)


def _when_free(apply_once: Callable[[], Applied], patience: float) -> Applied:
    """Apply as soon as nobody else is at it, within so many seconds."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return apply_once()
        except LeaseHeldError as error:
            if time.monotonic() >= deadline:
                raise
            held = error.message
        err.print(f"waiting: {escape(held)}", highlight=False, soft_wrap=True)
        time.sleep(min(_PAUSE_SECONDS, max(0.0, deadline - time.monotonic())))


def _seconds(text: str) -> float:
    try:
        return float(str(parse_seconds(text)))
    except ValueError as error:
        raise ConfigurationError(f"--wait: {error}.") from error


def _version(text: str, option: str) -> MigrationVersion:
    try:
        return MigrationVersion.parse(text)
    except ValueError as error:
        message, _, advice = str(error).partition(". ")
        raise ConfigurationError(f"{option}: {message}.", advice=advice) from error


def _show_plan(plan: Sequence[Entry]) -> None:
    for entry in plan:
        if entry.file:
            _say("", f"{entry.script}{f' ({entry.note})' if entry.note else ''}")
            for statement in entry.file.statements:
                first, *more = statement.text.splitlines()
                _say("", f"  {statement.place.line}: {first}{' …' if more else ''}")


def _entry(entry: Entry) -> dict[str, Any]:
    row, file = entry.row, entry.file
    return {
        "version": entry.version or None,
        "description": entry.description,
        "script": entry.script,
        "state": entry.state.value,
        "note": entry.note or None,
        "type": row.type if row else "SQL",
        "checksum": file.checksum if file else None,
        "sha256": file.sha256 if file else None,
        "installed_rank": row.rank if row else None,
        "installed_on": row.installed_on if row else None,
        "installed_by": row.installed_by if row else None,
        "execution_time": row.execution_time if row else None,
    }


def _applied(applied: AppliedFile) -> dict[str, Any]:
    return {
        "script": applied.file.script,
        "installed_rank": applied.rank,
        "statements": len(applied.file.statements),
        "began_at": applied.began_at,
        "seconds": round(applied.seconds, 3),
    }


def _problem(error: QueryFileError) -> dict[str, Any]:
    return {
        "message": error.message,
        "advice": error.advice,
        "file": str(error.place.source),
        "line": error.place.line,
        "column": error.place.column,
    }


def _say(mark: str, text: str) -> None:
    out.print(f"{mark} {escape(text)}" if mark else escape(text), highlight=False, soft_wrap=True)
