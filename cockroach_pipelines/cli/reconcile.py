"""`reconcile`: two tables compared without a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from rich.console import Console

from cockroach_pipelines.cli.comparing import Asked, compared, exit_code_of, record_of, show
from cockroach_pipelines.cli.console import err, out
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.cli.target import Target
from cockroach_pipelines.config import ConfigManager, ConfigurationError, did_you_mean
from cockroach_pipelines.execution import Destination
from cockroach_pipelines.queries.loading import asked_comparison
from cockroach_pipelines.reconciliation import Direction, Reconciliation
from cockroach_pipelines.reconciliation.files import Comparing

_SHOWN = {
    "source": "SOURCE",
    "target": "TARGET",
    **{key: f"--{key}" for key in ("key", "columns", "exclude", "where", "tolerance", "sample", "limit", "recheck")},
    "rename": "--rename",
    "expect": "--max-differences",
    "stop": "--stop-at",
    "care": "--workers",
    "as_of": "--as-of",
}
"""What this command calls the keys of a header."""


def reconcile_tables(
    values: Mapping[str, object],
    *,
    output: str | None,
    mend: Mend | None,
    resume: Path | None,
    rows: int,
    config: Path | None,
    as_json: bool,
) -> ExitCode:
    """Compare two tables; see the command's help.

    Raises:
        PipelinesError: What is asked for cannot be done, or a database refused.
    """
    manager = ConfigManager.load(config)
    target = Target.of(output, as_json=as_json)
    comparison = asked_comparison(values, shown=_SHOWN)
    for side in comparison.sides:
        if side.connection not in manager.settings.connections:
            raise ConfigurationError(
                f"There is no connection {side.connection!r}.",
                advice=did_you_mean(side.connection, manager.settings.connections),
            )
    asked = Asked(f"reconcile {comparison.source.table}", comparison, {}, resume)
    with compared(asked, manager) as (result, comparing):
        console = err if target and target.destination is None else out
        if not as_json:
            show(result, console, rows=0 if console is err else rows)
        said: dict[str, str | None] = {"written_to": None, "mending": None}
        try:
            if mend and (mended := _mend(result, comparing, mend)):
                said["mending"] = str(mended)
            if target:
                target.publish_parquet(result.differences)
                said["written_to"] = str(target)
        finally:  # what was found is told whatever becomes of the files
            if as_json:
                out.print_json(json.dumps({**record_of(result), **said}, default=str))
            else:
                _tell_of_files(said, console)
        return exit_code_of(result)


def _tell_of_files(said: Mapping[str, str | None], console: Console) -> None:
    if place := said["written_to"]:
        console.print(f"written to {place}", highlight=False, soft_wrap=True, markup=False)
    if place := said["mending"]:
        console.print(
            f"mending SQL is in {place}; read it before you run it", highlight=False, soft_wrap=True, markup=False
        )


@dataclass(frozen=True)
class Mend:
    """Where to write SQL that would make a side like the other, and how."""

    path: Path
    side: Direction = Direction.TARGET
    upsert: bool = False


def mend_asked(path: Path | None, *, source: bool, upsert: bool) -> Mend | None:
    """Read the options about mending.

    Raises:
        ConfigurationError: They say how, and no file.
    """
    if path is None:
        if said := next((option for option, given in (("--mend-source", source), ("--upsert", upsert)) if given), None):
            raise ConfigurationError(f"{said} says how to mend, and --mend is missing.", advice="Add --mend FILE.")
        return None
    return Mend(path, Direction.SOURCE if source else Direction.TARGET, upsert)


def _mend(result: Reconciliation, comparing: Comparing, mend: Mend) -> Path | None:
    """Write the SQL; None, and no file, where nothing differs."""
    if not result.counts.total:
        return None
    statements = comparing.mending_sql(result, mend.side, upsert=mend.upsert)  # refuses before a file is begun
    with Destination.of(mend.path).pending() as file:
        for statement in statements:
            file.write(f"{statement}\n".encode())
        file.publish()
    return mend.path


def listed(given: Sequence[str] | None) -> list[str] | None:
    """Read an option that may be repeated, and hold several names with commas between them."""
    return [part.strip() for each in given for part in each.split(",")] if given else None


def assigned(given: Sequence[str] | None, option: str) -> dict[str, object]:
    """Read an option NAME=VALUE that may be repeated; numbers become such.

    Raises:
        ConfigurationError: One has no value.
    """
    values: dict[str, object] = {}
    for each in given or ():
        name, separator, text = each.partition("=")
        if not separator or not name or not text:
            raise ConfigurationError(f"{option} {each!r} has no value.", advice=f"Write {option} COLUMN=VALUE.")
        values[name.strip()] = number_or_text(text.strip())
    return values


def number_or_text(text: str) -> object:
    """Read a number where there is one."""
    try:
        return int(text)
    except ValueError:
        try:
            return Decimal(text)
        except InvalidOperation:
            return text
