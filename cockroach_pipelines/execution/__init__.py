"""Statements, transactions, results."""

from cockroach_pipelines.execution.checks import SAMPLE_ROWS, CheckOutcome, evaluate
from cockroach_pipelines.execution.executor import (
    Activity,
    QueryExecutor,
    Snapshot,
    TransactionalExecutor,
    run_statement,
)
from cockroach_pipelines.execution.outcome import Order, Outcome
from cockroach_pipelines.execution.reading import run_reading
from cockroach_pipelines.execution.results import (
    PREVIEW_ROWS,
    PlainValue,
    ResultProcessor,
    StagedResult,
    preview_records,
)

__all__ = [
    "PREVIEW_ROWS",
    "SAMPLE_ROWS",
    "Activity",
    "CheckOutcome",
    "Order",
    "Outcome",
    "PlainValue",
    "QueryExecutor",
    "ResultProcessor",
    "Snapshot",
    "StagedResult",
    "TransactionalExecutor",
    "evaluate",
    "preview_records",
    "run_reading",
    "run_statement",
]
