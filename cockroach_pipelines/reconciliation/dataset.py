"""The differences as rows: one for each column of a changed row, one for each missing or extra row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cockroach_pipelines.reconciliation.arrays import (
    EMPTY,
    from_booleans,
    from_integers,
    from_texts,
    integers,
    repeated,
    text,
)
from cockroach_pipelines.reconciliation.columns import ColumnMap, Pair
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.matching import Matched, value_column
from cockroach_pipelines.reconciliation.result import Kind

DIFFERENCE_COLUMNS = ("row", "kind", "column", "source", "target")
"""Columns of the dataset beside the key's.

`row` numbers the rows that differ: all cells of one have the same. `column`, `source` and `target` say what a changed row
has on both sides, as text. A missing or extra row has no `column`; `source` or `target` holds it whole, as JSON.
"""

_CELLS_EACH = 8_192
_CONTROL = r"[\x00-\x1f]"


def difference_schema(columns: ColumnMap) -> Any:
    """Give the dataset's Arrow schema: the key's columns, integers as such and all else as text, then the others."""
    keys = [
        pa.field(name, pa.int64() if pair.family is Family.INTEGER else pa.string())
        for name, pair in zip(key_names(columns), _keys(columns), strict=True)
    ]
    return pa.schema(
        [
            pa.field("row", pa.int64(), nullable=False),
            *keys,
            pa.field("kind", pa.string(), nullable=False),
            *(pa.field(name, pa.string()) for name in ("column", "source", "target")),
        ]
    )


def key_names(columns: ColumnMap) -> list[str]:
    """Give what the dataset calls the key's columns; a name that it has itself gets `key_` before it."""
    return [f"key_{pair.name}" if pair.name in DIFFERENCE_COLUMNS else pair.name for pair in _keys(columns)]


def differences(matched: Matched, columns: ColumnMap) -> Any:
    """Give the differences of some rows as a table, in the order of the source's rows, extra ones last."""
    pieces, orders = [], []
    offset = len(matched.source)
    for position, (pair, cell) in enumerate(zip(columns.values, matched.cells, strict=True)):
        if cell.any():
            ours, theirs = matched.changed_source[cell], matched.changed_target[cell]
            name = value_column(position + len(columns.key))
            pieces.append(
                _piece(
                    matched.source, ours, ours, Kind.CHANGED, columns, pair.name,
                    _taken(matched.source[name], ours), _taken(matched.target[name], theirs),
                )
            )  # fmt: skip
            orders.append((ours, np.full(len(ours), position)))
    if len(matched.missing):
        rows = matched.missing
        whole = _as_json(matched.source, rows, columns.all)
        pieces.append(_piece(matched.source, rows, rows, Kind.MISSING, columns, None, whole, None))
        orders.append((rows, np.zeros(len(rows), np.int64)))
    if len(matched.extra):
        rows = matched.extra
        whole = _as_json(matched.target, rows, columns.all)
        pieces.append(_piece(matched.target, rows, rows + offset, Kind.EXTRA, columns, None, None, whole))
        orders.append((rows + offset, np.zeros(len(rows), np.int64)))
    if not pieces:
        return pa.Table.from_batches([], difference_schema(columns))
    order = np.lexsort((np.concatenate([o[1] for o in orders]), np.concatenate([o[0] for o in orders])))
    table = pa.concat_tables(pieces).take(from_integers(order))
    numbers = integers(table["row"])
    renumbered = np.concatenate([[0], np.cumsum(numbers[1:] != numbers[:-1])])
    return table.set_column(0, table.schema.field(0), from_integers(renumbered))


def _piece(
    table: Any, rows: Any, numbers: Any, kind: Kind, columns: ColumnMap, column: str | None, source: Any, target: Any
) -> Any:
    schema = difference_schema(columns)
    count = len(rows)
    keys = []
    for position, pair in enumerate(_keys(columns)):
        values = _taken(table[value_column(position)], rows)
        keys.append(values.cast(pa.int64()) if pair.family is Family.INTEGER else values)
    nothing = pa.nulls(count, pa.string())
    name = nothing if column is None else repeated(column, count)
    kinds = repeated(str(kind), count)
    values = [nothing if side is None else side for side in (source, target)]
    return pa.Table.from_arrays([from_integers(numbers), *keys, kinds, name, *values], schema=schema)


def _keys(columns: ColumnMap) -> Sequence[Pair]:
    return () if columns.keyless else columns.key


def _taken(column: Any, rows: Any) -> Any:
    taken = column.take(from_integers(rows))
    return taken.combine_chunks() if isinstance(taken, pa.ChunkedArray) else taken


def _as_json(table: Any, rows: Any, pairs: Sequence[Pair]) -> Any:
    """Write rows as JSON objects of text, a column at a time."""
    members, quote = [], text('"')
    for position, pair in enumerate(pairs):
        values = _taken(table[value_column(position)], rows)
        if pc.any(pc.match_substring_regex(values, _CONTROL)).as_py():
            texts = from_texts([json.dumps(value, ensure_ascii=False) for value in values.to_pylist()])
        else:
            escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
            texts = pc.fill_null(pc.binary_join_element_wise(quote, escaped, quote, EMPTY), text("null"))
        members.append(pc.binary_join_element_wise(text(json.dumps(pair.name, ensure_ascii=False)), texts, text(": ")))
    return pc.binary_join_element_wise(text("{"), pc.binary_join_element_wise(*members, text(", ")), text("}"), EMPTY)


class Parts:
    """Differences on their way: a file for each window, written whole or not at all, then joined.

    Args:
        folder: Where they are; what is there already counts.
        schema: What the dataset has.
    """

    def __init__(self, folder: Path, schema: Any) -> None:
        self._folder = folder
        self._schema = schema
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(self, window: int, tables: Iterable[Any]) -> None:
        """Keep the differences of a window, each table as it comes; none leaves no file."""
        path = self._path(window)
        there = filter(len, tables)
        if (first := next(there, None)) is None:
            path.unlink(missing_ok=True)
            return
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        rows = 0
        with pq.ParquetWriter(part, self._schema, compression="zstd") as writer:
            for table in chain([first], there):
                writer.write_table(_shifted(table, rows))
                rows += int(table["row"][-1].as_py()) + 1
        part.replace(path)

    def tables(self) -> Iterator[Any]:
        """Give all differences in the order of the windows, their rows numbered through."""
        rows = 0
        for path in sorted(self._folder.glob("*.parquet")):
            last = rows
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_CELLS_EACH, use_threads=False):
                    table = _shifted(pa.Table.from_batches([batch]), rows)
                    last = int(table["row"][-1].as_py()) + 1
                    yield table
            rows = last

    def join(self, path: Path, limit: int | None) -> None:
        """Write all differences, of many the first rows, into one file."""
        path.touch(mode=0o600)
        with pq.ParquetWriter(path, self._schema, compression="zstd") as writer:
            for table in self.tables():
                if limit is not None:
                    table = table.filter(from_booleans(integers(table["row"]) < limit))
                    if not len(table):
                        break
                writer.write_table(table)

    def _path(self, window: int) -> Path:
        return self._folder / f"{window:08}.parquet"


def _shifted(table: Any, rows: int) -> Any:
    if rows == 0:
        return table
    return table.set_column(0, table.schema.field(0), from_integers(integers(table["row"]) + rows))
