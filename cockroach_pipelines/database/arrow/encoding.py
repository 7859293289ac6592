"""How rows are written for a COPY FROM STDIN: in the server's binary format, or as CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cockroach_pipelines.database.arrow import encode_binary
from cockroach_pipelines.database.arrow.conform import conform
from cockroach_pipelines.database.arrow.encode import csv_of
from cockroach_pipelines.database.arrow.types import Column


@dataclass(frozen=True)
class Encoding:
    """A format of COPY, and what turns a batch of the data into it."""

    options: str
    header: bytes
    trailer: bytes
    encode: Callable[[Any], Any]
    """`pa.RecordBatch` to a buffer of whole rows."""

    @property
    def is_text(self) -> bool:
        """Whether the server counts the lines of a text."""
        return not self.header


def encoding_for(columns: Sequence[Column], schema: Any, *, binary: bool) -> Encoding:
    """Give the quickest exact way to send data of a schema to columns of a table.

    Binary, when every column has a binary form of its type; else CSV, in which the server converts text to any type.

    Args:
        columns: The columns of the table, described by the server.
        schema: The data's, of as many fields.
        binary: Whether the server reads binary well.
    """

    def conformed(batch: Any) -> Any:
        arrays = [conform(array, column) for array, column in zip(batch.columns, columns, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, names=[column.name for column in columns])

    empty = pa.RecordBatch.from_arrays(
        [column.combine_chunks() for column in schema.empty_table().columns], schema=schema
    )
    encode = encode_binary.row_encoder(columns, conformed(empty).schema.types) if binary else None
    if encode is None:
        return Encoding("FORMAT csv", b"", b"", lambda batch: csv_of(conformed(batch)))
    return Encoding(
        "FORMAT binary", encode_binary.HEADER, encode_binary.TRAILER, lambda batch: encode(conformed(batch))
    )
