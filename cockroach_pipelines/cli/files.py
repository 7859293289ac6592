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
from cockroach_pipelines.cli.project import load_project, templates
from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.database import Dialect
from cockroach_pipelines.queries import Query, QueryFileError, combine, ttl_proposal
from cockroach_pipelines.queries.loading import SQLRepository
from cockroach_pipelines.queries.migrations import MigrationFolder
from cockroach_pipelines.queries.templates import SQLTemplate


def check_files(config: Path | None, *, as_json: bool) -> ExitCode:
    """Check every file; see the command's help."""
    manager, repository = load_project(config)
    found: dict[str, QueryFileError | None] = {
        **dict.fromkeys(repository.queries),
        **{name: broken.error for name, broken in repository.broken.items()},
        **{name: _template_error(path) for name, path in templates(manager).items()},
        **_migrations(manager),
    }
    errors = {name: error for name, error in sorted(found.items()) if error}
    notes = _notes(manager, repository)
    if as_json:
        out.print_json(json.dumps([_verdict(name, error, notes.get(name)) for name, error in sorted(found.items())]))
    else:
        for name, note in notes.items():
            err.print(f"[yellow]![/] [bold]{escape(name)}[/]: {escape(note)}", highlight=False, soft_wrap=True)
        for name, error in errors.items():
            err.print(f"{CROSS} [bold]{escape(name)}[/]", highlight=False)
            for line in str(error).splitlines():
                err.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
        out.print(
            f"{CROSS if errors else TICK} {len(found)} files in {manager.settings.sql_folder}: "
            f"{len(found) - len(errors)} good, {len(errors)} broken",
            highlight=False,
            soft_wrap=True,
        )
    return ExitCode.FAILED if errors else ExitCode.OK


def _template_error(path: Path) -> QueryFileError | None:
    try:
        SQLTemplate(path)
    except QueryFileError as error:
        return error
    return None


def _migrations(manager: ConfigManager) -> dict[str, QueryFileError | None]:
    """Give every migration with what is wrong with its name, its header or its text; only the history says which are applied."""
    found: dict[str, list[QueryFileError]] = {}
    settings = manager.settings
    for folder in dict.fromkeys(map(settings.migrations_folder, settings.connections)):
        if not folder.is_dir():
            continue
        for files in map(MigrationFolder(folder).for_dialect, Dialect):
            for file in files.files:
                found.setdefault(_migration_name(file.path, folder), [])
            for problem in (*files.problems, *files.unreadable):
                problems = found.setdefault(_migration_name(Path(problem.place.source), folder), [])
                problems += [problem] if str(problem) not in map(str, problems) else []
    return {name: combine(problems) if problems else None for name, problems in found.items()}


def _migration_name(path: Path, folder: Path) -> str:
    return f"{folder.name}/{path.relative_to(folder).as_posix().removesuffix('.sql')}"


def _notes(manager: ConfigManager, repository: SQLRepository) -> dict[str, str]:
    """Give what a file could leave to its database, where that may be CockroachDB."""
    connections = manager.settings.connections
    on_cockroachdb = {name for name, each in connections.items() if not each.embedded and each.dialect != "postgresql"}
    notes = {
        name: ttl_proposal(query)
        for name, query in repository.queries.items()
        if query.header.connection in on_cockroachdb and Dialect.COCKROACHDB in query.dialects
    }
    return {name: note for name, note in notes.items() if note}


def _verdict(name: str, error: QueryFileError | None, note: str | None) -> dict[str, Any]:
    if error is None:
        return {"name": name, "ok": True, **({"note": note} if note else {})}
    problems = [
        {
            "message": problem.message,
            "advice": problem.advice,
            "file": str(problem.place.source),
            "line": problem.place.line,
            "column": problem.place.column,
        }
        for problem in error.problems
    ]
    return {"name": name, "ok": False, "problems": problems}


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
        if entry["compares"]:
            tables = " ⇄ ".join(entry["compares"])
        by_itself = " ".join(part for part in (entry["schedule"], "watch" if entry["watch"] else None) if part)
        cells = (entry["asset"], entry["partition"] or "", by_itself, tables)
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
        "connection": query.connections[0],
        "compares": [str(side) for side in query.comparison.sides] if query.comparison else None,
        "dialects": sorted(dialect.value for dialect in query.dialects),
        "partition": header.partition.described if header.partition else None,
        "schedule": header.cron_schedule,
        "watch": header.watch.query if header.watch else None,
        "parameters": list(header.params),
        "checks": [*(watch.name for watch in query.watches), *header.checks.queries, *header.checks.rules],
        "reads": sorted(str(table) for table in query.tables_read),
        "writes": sorted(str(table) for table in query.tables_written),
    }
