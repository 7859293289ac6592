"""What the commands of `maintenance` do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from cockroach_pipelines.cli.console import CROSS, TICK, out
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.cli.project import load_project
from cockroach_pipelines.config import ConfigurationError, PipelinesError
from cockroach_pipelines.database import ConnectionManager
from cockroach_pipelines.embedded import connection_manager
from cockroach_pipelines.maintenance import JobState, Overseer
from cockroach_pipelines.queries import Query


def list_jobs(config: Path | None, *, as_json: bool) -> ExitCode:
    """List the batch jobs; see the command's help. One whose database cannot be asked never hides the others."""
    code = ExitCode.OK
    entries: list[dict[str, Any]] = []
    with _jobs(config) as (queries, connections):
        for query in queries:
            entry = _entry(query)
            try:
                entry |= _state_entry(Overseer(connections, query.header.connection).state(query))
            except PipelinesError as error:
                entry |= {"state": "unknown", "error": error.message}
                code = ExitCode.FAILED
            entries.append(entry)
    if as_json:
        out.print_json(json.dumps(entries, default=str))
        return code
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    for column in ("job", "table", "key", "state", "last run"):
        table.add_column(column, no_wrap=column == "job", overflow="fold")
    for entry in entries:
        last = entry.get("last_run")
        ended = (
            f"{last['reason'] or 'no end was written down'}, {last['rows']:,} rows" if last else entry.get("error", "")
        )
        cells = (entry["job"], entry["table"], ", ".join(entry["key"]), entry["state"], ended)
        table.add_row(*(escape(str(cell)) for cell in cells))
    out.print(table)
    return code


def show_status(name: str, config: Path | None, *, as_json: bool) -> ExitCode:
    """Tell how things stand with a job; see the command's help."""
    with _jobs(config) as (queries, connections):
        query = _named(queries, name)
        state = Overseer(connections, query.header.connection).state(query)
    if as_json:
        out.print_json(json.dumps({**_entry(query), **_state_entry(state)}, default=str))
    else:
        for line in _lines(query, state):
            out.print(line, highlight=False, soft_wrap=True)
    return ExitCode.HELD if state.pausing or (state.holder and not state.expired) else ExitCode.OK


def arm_job(name: str, config: Path | None) -> ExitCode:
    """Arm a job; see the command's help."""
    with _jobs(config) as (queries, connections):
        query = _named(queries, name)
        Overseer(connections, query.header.connection).arm(query)
    _say(f"{query.name} may change data, as it is now")
    return ExitCode.OK


def pause_jobs(name: str | None, config: Path | None, *, everything: bool, reason: str) -> ExitCode:
    """Pause a job or all; see the command's help."""
    with _jobs(config) as (queries, connections):
        for connection, query in _asked(queries, name, everything=everything):
            Overseer(connections, connection).pause(query, reason)
            _say(f"{query.name if query else f'every job of {connection}'} is paused")
    return ExitCode.OK


def resume_jobs(name: str | None, config: Path | None, *, everything: bool) -> ExitCode:
    """Let a job or all run again; see the command's help."""
    with _jobs(config) as (queries, connections):
        for connection, query in _asked(queries, name, everything=everything):
            was_paused = Overseer(connections, connection).resume(query)
            what = query.name if query else f"every job of {connection}"
            _say(f"{what} may run again" if was_paused else f"{what} was not paused under that name")
    return ExitCode.OK


def show_audit(name: str, last: int, config: Path | None, *, as_json: bool) -> ExitCode:
    """Show the last runs of a file; see the command's help."""
    with _jobs(config) as (queries, connections):
        query = _named(queries, name)
        overseer = Overseer(connections, query.header.connection)
        runs, batches = overseer.runs(query, last), overseer.batches(query, last)
    if as_json:
        record = {"runs": [asdict(each) for each in runs], "batches": [asdict(each) for each in batches]}
        out.print_json(json.dumps(record, default=str))
        return ExitCode.OK
    table = Table("started", "by", "ended", "rows", "batches", header_style="bold", box=SIMPLE_HEAD)
    for run in runs:
        reason = "dry run" if run.dry_run else run.reason or "no end was written down"
        ended = f"{reason}: {run.message}" if run.message and not run.dry_run else reason
        cells = (f"{run.started_at:%Y-%m-%d %H:%M:%S}Z", run.owner, ended, f"{run.rows:,}", f"{run.batches:,}")
        table.add_row(*map(escape, cells))
    out.print(table)
    table = Table("committed", "batch", "rows", "of", "seconds", "archive", header_style="bold", box=SIMPLE_HEAD)
    for batch in batches:
        shown = (
            f"{batch.committed_at:%Y-%m-%d %H:%M:%S}Z",
            *(f"{batch.batch:,}", f"{batch.rows:,}", f"{batch.size:,}"),
            *(f"{batch.seconds:.3f}", batch.archive or ""),
        )
        table.add_row(*map(escape, shown))
    out.print(table)
    return ExitCode.OK


@contextmanager
def _jobs(config: Path | None) -> Iterator[tuple[list[Query], ConnectionManager]]:
    manager, repository = load_project(config)
    queries = [query for query in repository.queries.values() if query.batch]
    with connection_manager(manager.settings.connections) as connections:
        yield queries, connections


def _named(queries: list[Query], name: str) -> Query:
    found = [
        query
        for query in queries
        if name.removesuffix(".sql") in (query.name, query.name.rpartition("/")[2])
        or Path(name).absolute() == query.path
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(
            f"{name!r} is more than one batch file.", advice=f"Say which: {', '.join(query.name for query in found)}."
        )
    raise ConfigurationError(
        f"There is no batch file {name!r}.",
        advice=f"There are {', '.join(query.name for query in queries)}."
        if queries
        else "None has `batch` in its header.",
    )


def _asked(queries: list[Query], name: str | None, *, everything: bool) -> Iterator[tuple[str, Query | None]]:
    if everything == (name is not None):
        raise ConfigurationError("Name one batch file, or write --all.", advice="See `maintenance list`.")
    if name is not None:
        query = _named(queries, name)
        yield query.header.connection, query
        return
    for connection in sorted({query.header.connection for query in queries}):
        yield connection, None


def _entry(query: Query) -> dict[str, Any]:
    assert query.batch  # noqa: S101 - the caller's choice
    rules = query.batch.rules
    return {"job": query.name, "connection": query.header.connection, "table": rules.table, "key": list(rules.key)}


def _state_entry(state: JobState) -> dict[str, Any]:
    cursor = state.cursor
    return {
        "state": state.headline,
        "armed": state.armed,
        "paused": str(state.pausing) if state.pausing else None,
        "held_by": state.holder.owner if state.holder else None,
        "held_until": state.holder.until if state.holder else None,
        "lease_expired": state.expired,
        "pass": {
            "rows": cursor.rows,
            "batches": cursor.batches,
            "resumes": cursor.resumes,
            "estimated": cursor.estimated,
        }
        if cursor and not cursor.finished
        else None,
        "last_run": asdict(state.last) if state.last else None,
    }


def _lines(query: Query, state: JobState) -> Iterator[str]:
    yield f"[bold]{escape(query.name)}[/]: {state.headline}"
    yield f"{TICK if state.armed else CROSS} {'armed' if state.armed else 'not armed: a run is a dry run'}"
    if state.pausing:
        yield f"{CROSS} {escape(str(state.pausing))}"
    if state.holder:
        said = "its lease has run out" if state.expired else f"until {state.holder.until:%Y-%m-%d %H:%M:%S}Z at least"
        yield f"  held by {escape(state.holder.owner)} since {state.holder.since:%Y-%m-%d %H:%M:%S}Z, {said}"
    if state.cursor and not state.cursor.finished:
        of = f" of about {state.cursor.estimated:,}" if state.cursor.estimated else ""
        yield f"  a pass is under way: {state.cursor.rows:,} rows{of} in {state.cursor.batches:,} batches"
    if state.last:
        last = state.last
        ended = last.reason or "no end was written down"
        yield (
            f"  last run: {last.started_at:%Y-%m-%d %H:%M:%S}Z by {escape(last.owner)}, {ended}"
            f"{', a dry run' if last.dry_run else f', {last.rows:,} rows'}"
        )


def _say(text: str) -> None:
    out.print(f"{TICK} {escape(text)}", highlight=False, soft_wrap=True)
