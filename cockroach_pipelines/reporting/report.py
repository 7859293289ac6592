"""A report: the rows of a query."""

from __future__ import annotations

from pathlib import Path

from cockroach_pipelines.execution import Order, Outcome, QueryExecutor, ResultProcessor, run_reading


def run_report(executor: QueryExecutor, processor: ResultProcessor, order: Order, path: Path) -> Outcome:
    """Run a report in a read-only session and stage its rows in `path`; see `run_reading`."""
    return run_reading(executor, processor, order, path)
