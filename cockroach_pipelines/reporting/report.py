"""A report: the rows of a query."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cockroach_pipelines.execution import Order, Outcome, QueryExecutor, ResultProcessor, run_range, run_reading


def run_report(executor: QueryExecutor, processor: ResultProcessor, order: Order, path: Path) -> Outcome:
    """Run a report in a read-only session and stage its rows in `path`; see `run_reading`."""
    return run_reading(executor, processor, order, path)


def run_report_range(
    executor: QueryExecutor, processor: ResultProcessor, orders: Sequence[Order], folder: Path
) -> list[Outcome]:
    """Run a report once for several partitions and stage the rows of each in `folder`; see `run_range`."""
    return run_range(executor, processor, orders, folder)
