"""Results and tables as Arrow, over COPY: `read` streams a statement's result, `write` appends to a table."""

from cockroach_pipelines.database.arrow.copy_in import WriteResult, write
from cockroach_pipelines.database.arrow.errors import (
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

__all__ = [
    "ArrowStream",
    "MultipleStatementsError",
    "NoResultError",
    "Special",
    "StreamClosedError",
    "UnreadableDataError",
    "UnrepresentableInArrowError",
    "UnsafeLiteralsError",
    "UnsupportedTypeError",
    "WriteResult",
    "read",
    "text_of_intervals",
    "write",
]
