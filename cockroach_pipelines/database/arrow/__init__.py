"""Results and tables as Arrow, over COPY: `read` streams a result, `write` and `upsert` fill a table."""

from cockroach_pipelines.database.arrow.copy_in import WriteResult, write
from cockroach_pipelines.database.arrow.copy_integers import read_integers
from cockroach_pipelines.database.arrow.csv_rows import CSVRows, CSVStream, read_csv
from cockroach_pipelines.database.arrow.describe import describe
from cockroach_pipelines.database.arrow.errors import (
    DuplicateKeyError,
    MultipleStatementsError,
    NoResultError,
    StreamClosedError,
    UnreadableDataError,
    UnrepresentableInArrowError,
    UnsafeLiteralsError,
    UnsupportedTypeError,
)
from cockroach_pipelines.database.arrow.intervals import text_of_intervals
from cockroach_pipelines.database.arrow.stream import ArrowStream, read
from cockroach_pipelines.database.arrow.types import Special
from cockroach_pipelines.database.arrow.upsert import upsert

__all__ = [
    "ArrowStream",
    "CSVRows",
    "CSVStream",
    "DuplicateKeyError",
    "MultipleStatementsError",
    "NoResultError",
    "Special",
    "StreamClosedError",
    "UnreadableDataError",
    "UnrepresentableInArrowError",
    "UnsafeLiteralsError",
    "UnsupportedTypeError",
    "WriteResult",
    "describe",
    "read",
    "read_csv",
    "read_integers",
    "text_of_intervals",
    "upsert",
    "write",
]
