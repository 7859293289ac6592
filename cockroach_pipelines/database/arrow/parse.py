"""Blocks of CSV into Arrow."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.csv as csv

from cockroach_pipelines.database.arrow.convert import from_text
from cockroach_pipelines.database.arrow.describe import Description
from cockroach_pipelines.database.arrow.errors import UnreadableDataError
from cockroach_pipelines.database.arrow.marks import USUAL, Marks
from cockroach_pipelines.database.arrow.types import Column, Special

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_SMALLEST_READ = 1024
_USUAL_POOL = "mimalloc"


def parse_block(block: bytes, description: Description, special: Special, marks: Marks = USUAL) -> Any:
    """Give the `pa.RecordBatch` of a block of whole rows; its schema is the description's.

    The reader takes most types at once. A block with a value it does not know (an infinity, a year before Christ, …) is
    read again as text, and what is odd in it is converted by itself.

    Raises:
        UnrepresentableInArrowError: A value has no counterpart and `special` is `error`.
        UnreadableDataError: The block is not CSV of these columns.
    """
    wanted = [column.read_as for column in description.columns]
    try:
        table = _read(block, wanted, marks)
    except pa.ArrowInvalid:
        table = _read_again(block, [pa.string() if _may_be_odd(each) else each for each in wanted], marks)
    arrays = [
        array if array.type == column.arrow else _converted(array, column, special)
        for array, column in zip(map(_one_chunk, table.columns), description.columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=description.schema)


def _converted(texts: Any, column: Column, special: Special) -> Any:
    try:
        return from_text(texts, column, special)
    except pa.ArrowInvalid as error:
        raise UnreadableDataError(
            f"Column {column.name!r}: the server's text of {column.pg_type} cannot be read: {error}",
            advice="Read it with special='text', or cast the column to text in the statement.",
        ) from error


def _read(block: bytes, types: list[Any], marks: Marks) -> Any:
    if block.startswith(_BYTE_ORDER_MARK):
        block = _BYTE_ORDER_MARK + block  # the reader strips one, and this one is data
    names = [str(position) for position in range(len(types))]  # columns of a result may have the same name
    return csv.read_csv(
        pa.BufferReader(block),
        csv.ReadOptions(column_names=names, block_size=max(len(block) + 1, _SMALLEST_READ), use_threads=False),
        csv.ParseOptions(
            delimiter=marks.separator,
            quote_char=marks.quote,
            ignore_empty_lines=False,  # an empty line is the NULL of a single column
        ),
        csv.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t", "true"],
            false_values=["f", "false"],
        ),
        memory_pool=_memory_pool(),
    )


def _read_again(block: bytes, types: list[Any], marks: Marks) -> Any:
    try:
        return _read(block, types, marks)
    except pa.ArrowInvalid as error:
        raise UnreadableDataError(
            f"The server's rows are not CSV of the columns it described: {error}",
            advice="If the text is not UTF-8, cast the column to bytea; if the table changed meanwhile, read it again.",
        ) from error


def _memory_pool() -> Any:
    """Give a pool that does not mind that one thread makes these buffers and another frees them: 5 % of a read."""
    pool = pa.default_memory_pool()
    if pool.backend_name == _USUAL_POOL and "jemalloc" in pa.supported_memory_backends():
        return pa.jemalloc_memory_pool()
    return pool


def _may_be_odd(arrow_type: Any) -> bool:
    return bool(pa.types.is_temporal(arrow_type) or pa.types.is_decimal(arrow_type))


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
