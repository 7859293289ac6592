"""Comparisons on the command line: progress while they run, and what they found."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress as Bar
from rich.table import Table

from cockroach_pipelines.cli.console import CROSS, TICK, err, out, passing_bar, rows_table
from cockroach_pipelines.cli.exit_codes import ExitCode
from cockroach_pipelines.cli.target import Target
from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.embedded import connection_manager
from cockroach_pipelines.execution import (
    Activity,
    Event,
    Order,
    RetryScheduled,
    everyone,
    structured_log,
)
from cockroach_pipelines.queries import Comparison
from cockroach_pipelines.reconciliation import Progress, Reconciliation, Verdict, telling
from cockroach_pipelines.reconciliation.files import Comparing

_COLUMNS_SHOWN = 12
_NOTED = "[yellow]![/]"
_PATTERNS_SHOWN = 8


def compare_file(
    order: Order, comparison: Comparison, manager: ConfigManager, *, target: Target | None, rows: int, as_json: bool
) -> ExitCode:
    """Compare what a file names; see the help of `run`.

    Raises:
        PipelinesError: What is asked for cannot be done, or a database refused.
    """
    asked = Asked(order.query.name, comparison, order.values)
    partition = order.partition.key if order.partition else None
    with compared(asked, manager) as (result, _):
        blocked = comparison.header.expect.blocking and result.verdict is Verdict.FAIL
        console = err if target and target.destination is None else out
        if not as_json:
            show(result, console, rows=0 if console is err else rows)
        written = None
        try:
            if target and not blocked:
                target.publish_parquet(result.differences)
                written = str(target)
        finally:  # what was found is told whatever becomes of the file
            if as_json:
                record = {"asset": asked.name, "partition": partition, **record_of(result), "written_to": written}
                out.print_json(json.dumps(record, default=str))
        if target and not as_json:
            said = f"written to {target}" if written else f"not written to {target}: too much differs, and it blocks"
            console.print(said, highlight=False, soft_wrap=True, markup=False)
        return exit_code_of(result)


@dataclass(frozen=True)
class Asked:
    """What is to be compared, under the name that the servers' session lists show; `folder` is where to go on from."""

    name: str
    comparison: Comparison
    values: Mapping[str, object]
    folder: Path | None = None


@contextmanager
def compared(asked: Asked, manager: ConfigManager) -> Iterator[tuple[Reconciliation, Comparing]]:
    """Compare with a bar of progress on standard error; the file of differences is there within the block.

    Gives what was found, and what compared it, with connections that are still open.

    Raises:
        PipelinesError: What is asked for cannot be done, or a database refused.
    """
    with ExitStack() as stack:
        connections = stack.enter_context(connection_manager(manager.settings.connections))
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cockroach_pipelines-")))
        log = stack.enter_context(structured_log(manager.settings.logging))
        with passing_bar() as bar:
            comparing = Comparing(
                connections,
                asked.folder or scratch,
                Activity(asset=asked.name, run="cli"),
                observe=everyone(log, _RetryPrinter(bar.console)),
                progress=_BarUpdater(bar),
            )
            result = comparing.run(asked.comparison, asked.values)
        yield result, comparing


def exit_code_of(result: Reconciliation) -> ExitCode:
    """Give 0 only for a comparison that came to its end and found no more than is expected."""
    return ExitCode.OK if result.verdict is Verdict.PASS else ExitCode.FAILED


def show(result: Reconciliation, console: Console, *, rows: int) -> None:
    """Show what a comparison found: what weighs most comes first."""
    for difference in result.schema:
        console.print(f"{_NOTED} {escape(telling.schema_difference(difference))}", highlight=False, soft_wrap=True)
    sample = telling.sample(result, rows)
    if sample:
        console.print(rows_table(sample))
    if result.by_column:
        console.print(_by_column(result))
    for pattern in result.patterns[:_PATTERNS_SHOWN]:
        console.print(f"  {escape(str(pattern))}", highlight=False, soft_wrap=True)
    mark = TICK if result.verdict is Verdict.PASS else _NOTED if result.verdict is Verdict.WARN else CROSS
    console.print(
        f"{mark} {escape(str(result.source))} against {escape(str(result.target))}: {escape(result.headline)}",
        highlight=False,
        soft_wrap=True,
    )
    for line in _small_print(result):
        console.print(f"  [dim]{escape(line)}[/]", highlight=False, soft_wrap=True)
    if result.drilled:
        console.print(f"\n{telling.drilled(result)}:")
        show(result.drilled, console, rows=rows)


def _small_print(result: Reconciliation) -> Iterator[str]:
    yield from telling.oddities(result)
    if said := telling.recheck(result):
        yield said
    yield from telling.consistency(result)
    yield f"strategy {telling.strategy(result)}"
    yield f"chance that a difference was missed: {telling.certainty(result)}"
    rows = result.source_rows + result.target_rows
    speed = f", {rows / result.seconds:,.0f} rows/s" if result.seconds else ""
    yield f"{result.seconds:.2f} s{speed}"


def _by_column(result: Reconciliation) -> Table:
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    table.add_column("column")
    for heading in (f"changed {result.noun}s", f"share of {result.noun}s"):
        table.add_column(heading, justify="right")
    for each in result.by_column[:_COLUMNS_SHOWN]:
        table.add_row(escape(each.column), f"{each.rows:,}", f"{each.share:.4%}")
    return table


def record_of(result: Reconciliation) -> dict[str, Any]:
    """Give what `--json` says of a comparison."""
    record = result.as_record()
    # The files themselves are gone when the command has ended: `written_to` says where they are kept.
    for each in (record, record["drilled"] or {}):
        each.pop("differences_file", None)
    return record


class _BarUpdater:
    """Moves a bar with the engine's progress."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("connecting", total=None)

    def __call__(self, at: Progress) -> None:
        self._bar.update(
            self._task, description=escape(telling.progress(at)), completed=at.done, total=at.segments or None
        )


@dataclass(frozen=True)
class _RetryPrinter:
    """Prints retries, so that they stay to be read."""

    console: Console

    def __call__(self, event: Event) -> None:
        if isinstance(event, RetryScheduled):
            self.console.print(
                f"[yellow]attempt {event.attempt} failed, going on in {event.wait:.1f} s: {escape(event.failure.message)}[/]",
                highlight=False,
                soft_wrap=True,
            )
