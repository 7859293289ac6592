"""Statements, transactions, results."""

from cockroach_pipelines.execution.checks import SAMPLE_ROWS, CheckOutcome, evaluate
from cockroach_pipelines.execution.files import (
    ENDINGS,
    Destination,
    FileWriteError,
    WrittenFile,
    ending_of,
    write_file,
)
from cockroach_pipelines.execution.outcome import Order, Outcome
from cockroach_pipelines.execution.preview import PREVIEW_ROWS, PlainValue, preview_records
from cockroach_pipelines.execution.query_executor import QueryExecutor, Snapshot
from cockroach_pipelines.execution.reading import run_reading
from cockroach_pipelines.execution.results import ResultProcessor, StagedResult
from cockroach_pipelines.execution.session import Activity
from cockroach_pipelines.execution.transactional_executor import TransactionalExecutor, run_statement

__all__ = [
    "ENDINGS",
    "PREVIEW_ROWS",
    "SAMPLE_ROWS",
    "Activity",
    "CheckOutcome",
    "Destination",
    "FileWriteError",
    "Order",
    "Outcome",
    "PlainValue",
    "QueryExecutor",
    "ResultProcessor",
    "Snapshot",
    "StagedResult",
    "TransactionalExecutor",
    "WrittenFile",
    "ending_of",
    "evaluate",
    "preview_records",
    "run_reading",
    "run_statement",
    "write_file",
]
