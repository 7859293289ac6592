"""A reconciliation in its simple form: a query whose rows are the differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cockroach_pipelines.execution import (
    CheckOutcome,
    Order,
    Outcome,
    QueryExecutor,
    ResultProcessor,
    run_range,
    run_reading,
)
from cockroach_pipelines.queries.headers import Expect, ReconciliationHeader, Severity
from cockroach_pipelines.reconciliation.files.question import expectation

NO_DIFFERENCES = "no_differences"
"""Name of the check that every reconciliation has."""


def run_reconciliation(executor: QueryExecutor, processor: ResultProcessor, order: Order, path: Path) -> Outcome:
    """Run a reconciliation in a read-only session, stage the differences in `path`, and check that there are none.

    See `run_reading`; the check `no_differences` comes first among the outcome's checks. It counts no rows as wrong when
    there are as few as the header's `expect` allows.
    """
    return _checked(run_reading(executor, processor, order, path))


def run_reconciliation_range(
    executor: QueryExecutor, processor: ResultProcessor, orders: Sequence[Order], folder: Path
) -> list[Outcome]:
    """Run a reconciliation once for several partitions, and check each of them; see `run_reconciliation`, `run_range`."""
    return [_checked(outcome) for outcome in run_range(executor, processor, orders, folder)]


def _checked(outcome: Outcome) -> Outcome:
    header = outcome.order.query.header
    expect = header.expect if isinstance(header, ReconciliationHeader) else Expect()
    expected = expectation(expect)
    error, warn = (bound.is_exceeded(outcome.rows, 0.0) for bound in (expected.error, expected.warn))
    check = CheckOutcome(
        NO_DIFFERENCES,
        Severity.ERROR if error or not warn else Severity.WARN,
        blocking=error and expect.blocking,
        wrong_rows=outcome.rows if error or warn else 0,
        sample=outcome.preview if error or warn else None,
    )
    return replace(outcome, checks=(check, *outcome.checks))
