"""Where commands print: results on standard output, everything else on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from cockroach_pipelines.config import PipelinesError

_WIDTH_OF_FILES = 160  # columns; for a program or a file that reads what is printed, rich would fold tables at 80

# NO_COLOR and a missing terminal are honoured by rich itself.
out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDTH_OF_FILES)
err = Console(stderr=True)

TICK, CROSS = "[green]✓[/]", "[red]✗[/]"


def passing_bar() -> Progress:
    """Give a bar of long work, which is gone when the work is done."""
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24)
    return Progress(*columns, console=err, transient=True)


def print_error(error: PipelinesError) -> None:
    """Say what is wrong, where, and how to mend it."""
    headline, *details = str(error).splitlines()
    err.print(f"[bold red]error:[/] {escape(headline)}", highlight=False, soft_wrap=True)
    for line in details:
        err.print(f"  {escape(line)}", highlight=False, soft_wrap=True)


def rows_table(records: Sequence[Mapping[str, object]], title: str = "") -> Table:
    """Give rows as a table; a NULL shows as such."""
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for name in records[0] if records else ():
        numbers = all(isinstance(record[name], int | float | None) for record in records)
        table.add_column(escape(name), justify="right" if numbers else "left", overflow="fold")
    for record in records:
        table.add_row(*("[dim]NULL[/]" if value is None else escape(str(value)) for value in record.values()))
    return table
