"""Whatever holds rows, as a stream of Arrow batches for named columns of a table."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from typing import Any

import pyarrow as pa

from cockroach_pipelines.database.arrow.errors import UnsupportedTypeError

_IDENTIFIER = r'(?:"(?:[^"\0]|"")+"|[^\W\d][\w$]*)'
_TABLE = re.compile(rf"{_IDENTIFIER}(?:\.{_IDENTIFIER}){{0,2}}")

ColumnNames = Sequence[str] | Mapping[str, str]


class Incoming:
    """Rows on their way to a table.

    Attributes:
        table: The table's name as it stands in SQL.
        columns: Names of the table's columns, unquoted.
        schema: Arrow's types of them.
    """

    def __init__(self, table: str, data: Any, columns: ColumnNames | None) -> None:
        self.table = _checked(table)
        self._reader = reader_of(data)
        names = self._reader.schema.names
        if isinstance(columns, Mapping):
            self._positions = [_position(name, names) for name in columns]
            self.columns = list(columns.values())
        else:
            self._positions = list(range(len(names)))
            self.columns = list(names if columns is None else columns)
        if len(self.columns) != len(self._positions):
            raise ValueError(f"columns names {len(self.columns)} columns and the data has {len(names)}")
        if not self.columns:
            raise ValueError("the data has no columns")
        self.schema = pa.schema([self._reader.schema.field(position) for position in self._positions])

    @property
    def target(self) -> str:
        """The table with its columns, as COPY and INSERT name them."""
        return f"{self.table} ({', '.join(map(quoted, self.columns))})"

    def into(self, table: str) -> Incoming:
        """Give the same rows on their way to another table."""
        other = copy(self)
        other.table = table
        return other

    def batches(self, size: int) -> Iterator[Any]:
        """Give the rows as record batches of about `size` bytes, none of them empty."""
        for batch in self._reader:
            for piece in pieces(batch, size):
                yield piece.select(self._positions)


def pieces(batch: Any, size: int) -> Iterator[Any]:
    """Cut a record batch so that each piece has about so many bytes; a row is never cut, and no piece is empty."""
    rows = max(1, batch.num_rows * size // max(batch.nbytes, 1))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def quoted(name: str) -> str:
    """Give a name as an identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def _checked(table: str) -> str:
    if not _TABLE.fullmatch(table):
        raise ValueError(
            f'{table!r} is no name of a table: write it as it stands in SQL, such as orders, sales.orders or "Orders"'
        )
    return table


def _position(name: str, names: Sequence[str]) -> int:
    if names.count(name) != 1:
        how_many = "several columns" if name in names else "no column"
        raise ValueError(f"the data has {how_many} {name!r}; it has {', '.join(map(repr, names))}")
    return names.index(name)


def reader_of(data: Any) -> Any:
    """Give the `pa.RecordBatchReader` of whatever holds rows: Arrow, batches, a `pandas.DataFrame`, or a stream in C.

    Raises:
        UnsupportedTypeError: A DataFrame's column holds values of several types.
        TypeError: It holds no rows that Arrow knows of.
    """
    if isinstance(data, pa.RecordBatchReader):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(data.schema, [data])
    if isinstance(data, pa.Table):
        return data.to_reader()
    if _is_frame(data):
        return _table_of_frame(data).to_reader()
    if hasattr(data, "__arrow_c_stream__"):
        return pa.RecordBatchReader.from_stream(data)
    if isinstance(data, Iterable):
        return _reader_of_batches(iter(data))
    raise TypeError(f"rows come as Arrow or as a pandas.DataFrame, not as {type(data).__name__}")


def _is_frame(data: Any) -> bool:
    # By name, so that whoever does not use pandas need not import it.
    return any(f"{kind.__module__}.{kind.__name__}" in _FRAMES for kind in type(data).__mro__)


_FRAMES = frozenset({"pandas.DataFrame", "pandas.core.frame.DataFrame"})


def _table_of_frame(frame: Any) -> Any:
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise UnsupportedTypeError(
            f"The DataFrame cannot become Arrow: {error}",
            advice="Give each column values of one type, for instance with astype.",
        ) from error


def _reader_of_batches(batches: Iterator[Any]) -> Any:
    first = next(batches, None)
    if not isinstance(first, pa.RecordBatch):
        given = "an empty iterable" if first is None else f"an iterable of {type(first).__name__}"
        raise TypeError(f"rows are Arrow, a DataFrame or an iterable of pyarrow.RecordBatch, not {given}")
    return pa.RecordBatchReader.from_batches(first.schema, itertools.chain([first], batches))
