"""`check` and `list`: the SQL files as they are, without a database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from cockroach_pipelines.cli.console import CROSS, TICK, err, out
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.cli.project import load_project
from cockroach_pipelines.queries import Query


def check_files(config: Path | None, *, as_json: bool) -> ExitCode:
    """Check every file; see the command's help."""
    manager, repository = load_project(config)
    if as_json:
        found: list[dict[str, Any]] = [{"asset": name, "ok": True} for name in repository.queries]
        for name, broken in repository.broken.items():
            place = broken.error.place
            found.append({
                "asset": name,
                "ok": False,
                "error": broken.error.message,
                "advice": broken.error.advice,
                "file": str(place.source) if place else str(broken.path),
                "line": place.line if place else None,
                "column": place.column if place else None,
            })  # fmt: skip
        out.print_json(json.dumps(sorted(found, key=lambda entry: entry["asset"])))
    else:
        for broken in repository.broken.values():
            err.print(f"{CROSS} [bold]{escape(broken.name)}[/]", highlight=False)
            for line in str(broken.error).splitlines():
                err.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
        good, bad = len(repository.queries), len(repository.broken)
        mark = CROSS if bad else TICK
        out.print(
            f"{mark} {good + bad} files in {manager.settings.sql_folder}: {good} good, {bad} broken", highlight=False
        )
    return ExitCode.FAILED if repository.broken else ExitCode.OK


def list_files(config: Path | None, *, as_json: bool) -> ExitCode:
    """List the assets; see the command's help."""
    _, repository = load_project(config)
    if as_json:
        out.print_json(json.dumps([_entry(query) for query in repository.queries.values()]))
        return ExitCode.OK
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    table.add_column("asset", no_wrap=True)
    for column in ("partition", "schedule"):
        table.add_column(column, no_wrap=True)
    table.add_column("reads → writes")
    for query in repository.queries.values():
        entry = _entry(query)
        tables = ", ".join(entry["reads"]) + (f" → {', '.join(entry['writes'])}" if entry["writes"] else "")
        cells = (entry["asset"], entry["partition"] or "", entry["schedule"] or "", tables)
        table.add_row(*(escape(cell) for cell in cells))
    for broken in repository.broken.values():
        table.add_row(f"{CROSS} {escape(broken.name)}", "", "", "[red]broken: see check[/]")
    out.print(table)
    return ExitCode.OK


def _entry(query: Query) -> dict[str, Any]:
    header = query.header
    return {
        "asset": query.name,
        "kind": query.kind.value,
        "file": str(query.path),
        "description": query.description,
        "connection": header.connection,
        "dialects": sorted(dialect.value for dialect in query.dialects),
        "partition": header.partition.every if header.partition else None,
        "schedule": header.cron_schedule,
        "parameters": list(header.params),
        "checks": list(header.checks),
        "reads": sorted(str(table) for table in query.tables_read),
        "writes": sorted(str(table) for table in query.tables_written),
    }
