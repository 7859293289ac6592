"""Differences of groups, and of the rows of those that were looked into, as one dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.reconciliation.arrays import from_integers, integers, repeated
from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.dataset import DIFFERENCE_COLUMNS, difference_schema

LEVEL = "level"
"""Name of the column that says what a difference is of: `group` or `row`."""

_CELLS_EACH = 8_192


def join_levels(groups: Path, rows: Path | None, columns: ColumnMap) -> None:
    """Write the differences of rows behind those of groups.

    The dataset has the columns by which groups were compared and those of the rows' key, each NULL where it says nothing,
    and `level`. `row` goes on counting.

    Args:
        groups: The dataset of groups; it is replaced.
        rows: The dataset of rows; None where no group was looked into.
        columns: What rows are, or would be, compared by.
    """
    schema = _schema(pq.read_schema(groups), difference_schema(columns))
    part = groups.with_suffix(".part")
    part.touch(mode=0o600)
    numbered = 0
    with pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for level, path in (("group", groups), ("row", rows)):
            if path is None:
                continue
            before = numbered
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(_CELLS_EACH, use_threads=False):
                    table = _with_level(batch, level, before, schema)
                    writer.write_table(table)
                    numbered = int(table["row"][-1].as_py()) + 1
    part.replace(groups)


def _schema(groups: Any, rows: Any) -> Any:
    keys: dict[str, Any] = {}
    for schema in (groups, rows):
        for field in schema:
            if field.name not in DIFFERENCE_COLUMNS:
                other = keys.get(field.name, field)
                keys[field.name] = field if other.type == field.type else pa.field(field.name, pa.string())
    rest = [rows.field(name) for name in DIFFERENCE_COLUMNS[1:]]
    named = [field.with_name(_shown(field.name)) for field in keys.values()]
    return pa.schema([rows.field("row"), pa.field(LEVEL, pa.string(), nullable=False), *named, *rest])


def _shown(name: str) -> str:
    return f"key_{name}" if name == LEVEL else name


def _with_level(batch: Any, level: str, numbered: int, schema: Any) -> Any:
    own = {_shown(name): batch.column(name) for name in batch.schema.names}
    own["row"] = from_integers(integers(own["row"]) + numbered)
    own[LEVEL] = repeated(level, len(batch))
    columns = [
        own[field.name].cast(field.type) if field.name in own else pa.nulls(len(batch), field.type) for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
