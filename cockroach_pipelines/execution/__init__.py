"""Statements, transactions, batches, retries, results."""

from cockroach_pipelines.database import Activity, Isolation, Priority, QualityOfService, Transaction
from cockroach_pipelines.execution.asking import NoSingleValueError, ask
from cockroach_pipelines.execution.batch_executor import BatchError, BatchesRun, BatchExecutor
from cockroach_pipelines.execution.catalogue import TableColumn, table_columns
from cockroach_pipelines.execution.checks import SAMPLE_ROWS, CheckOutcome, evaluate
from cockroach_pipelines.execution.command import Command, CommandResult
from cockroach_pipelines.execution.events import (
    BatchFinished,
    CommitInDoubt,
    Doubt,
    Event,
    Failure,
    Observer,
    RetryScheduled,
    StatementFailed,
    StatementFinished,
    StatementStarted,
    TransactionCommitted,
    everyone,
    ignore,
)
from cockroach_pipelines.execution.files import (
    ENDINGS,
    Destination,
    FileWriteError,
    WrittenFile,
    ending_of,
    is_unscaled_numeric,
    write_file,
)
from cockroach_pipelines.execution.outcome import Order, Outcome
from cockroach_pipelines.execution.partition_keys import PartitionKeysError, read_partition_keys
from cockroach_pipelines.execution.preview import PREVIEW_ROWS, PlainValue, preview_records
from cockroach_pipelines.execution.query_executor import QueryExecutor, Snapshot
from cockroach_pipelines.execution.range_reading import run_range
from cockroach_pipelines.execution.reading import read_in, run_reading, stage_in
from cockroach_pipelines.execution.redaction import redacted
from cockroach_pipelines.execution.result_checks import compared, evaluate_result
from cockroach_pipelines.execution.results import ResultProcessor, StagedResult
from cockroach_pipelines.execution.retry import Attempts, RetryPolicy, recovery_of
from cockroach_pipelines.execution.rows_digest import rows_digest
from cockroach_pipelines.execution.session import arranged, locate
from cockroach_pipelines.execution.splitting import PartitionSplitter, SplitError
from cockroach_pipelines.execution.structured_log import structured_log
from cockroach_pipelines.execution.transactional_executor import CommandsRun, TransactionalExecutor
from cockroach_pipelines.execution.write_session import WriteSession

__all__ = [
    "ENDINGS",
    "PREVIEW_ROWS",
    "SAMPLE_ROWS",
    "Activity",
    "Attempts",
    "BatchError",
    "BatchExecutor",
    "BatchFinished",
    "BatchesRun",
    "CheckOutcome",
    "Command",
    "CommandResult",
    "CommandsRun",
    "CommitInDoubt",
    "Destination",
    "Doubt",
    "Event",
    "Failure",
    "FileWriteError",
    "Isolation",
    "NoSingleValueError",
    "Observer",
    "Order",
    "Outcome",
    "PartitionKeysError",
    "PartitionSplitter",
    "PlainValue",
    "Priority",
    "QualityOfService",
    "QueryExecutor",
    "ResultProcessor",
    "RetryPolicy",
    "RetryScheduled",
    "Snapshot",
    "SplitError",
    "StagedResult",
    "StatementFailed",
    "StatementFinished",
    "StatementStarted",
    "TableColumn",
    "Transaction",
    "TransactionCommitted",
    "TransactionalExecutor",
    "WriteSession",
    "WrittenFile",
    "arranged",
    "ask",
    "compared",
    "ending_of",
    "evaluate",
    "evaluate_result",
    "everyone",
    "ignore",
    "is_unscaled_numeric",
    "locate",
    "preview_records",
    "read_in",
    "read_partition_keys",
    "recovery_of",
    "redacted",
    "rows_digest",
    "run_range",
    "run_reading",
    "stage_in",
    "structured_log",
    "table_columns",
    "write_file",
]
