"""A reconciliation in its simple form: a query whose rows are the differences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cockroach_pipelines.execution import CheckOutcome, Order, Outcome, QueryExecutor, ResultProcessor, run_reading
from cockroach_pipelines.queries import Severity

NO_DIFFERENCES = "no_differences"
"""Name of the check that every reconciliation has."""


def run_reconciliation(executor: QueryExecutor, processor: ResultProcessor, order: Order, path: Path) -> Outcome:
    """Run a reconciliation in a read-only session, stage the differences in `path`, and check that there are none.

    See `run_reading`; the check `no_differences` comes first among the outcome's checks.
    """
    outcome = run_reading(executor, processor, order, path)
    check = CheckOutcome(
        NO_DIFFERENCES,
        Severity.ERROR,
        blocking=False,
        wrong_rows=outcome.rows,
        sample=outcome.preview if outcome.rows else None,
    )
    return replace(outcome, checks=(check, *outcome.checks))
