"""Rows of a Parquet file that share their values, in memory that does not grow with the file."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.execution.row_hashes import Hashes, canonical, row_hashes

_HASHES_AT_ONCE = 4_000_000
_GROUPS_BEFORE_MERGING = 250_000
_COUNT = "\0rows"


@dataclass(frozen=True)
class Duplicates:
    """Rows that share their values with another: how many, in how many groups, and the values of the first groups."""

    rows: int
    groups: int
    sample: pa.Table | None
    """The values, and under `rows` how many rows have them."""


def find_duplicates(
    file: Any, names: Sequence[str], *, sample: int, batch_rows: int, at_once: int = _HASHES_AT_ONCE
) -> Duplicates:
    """Find rows with the same values in some columns; rows with NULL in one of them are left out, as by SQL's UNIQUE.

    Rows are compared by hashes, a share of them at a time, and those whose hash is not the only one of its kind by
    their values. A file without duplicates is read once for every `at_once` rows.

    Args:
        file: The `pq.ParquetFile`.
        names: The columns.
        sample: How many groups to show.
        batch_rows: Rows read at once.
        at_once: Hashes held at once.
    """
    shares = max(1, -(-file.metadata.num_rows // at_once))
    batches = functools.partial(_batches, file, names, batch_rows)
    rows, groups = 0, 0
    shown: list[pa.Table] = []
    for share in range(shares):
        suspect = _repeated([_of_share(hashes, shares, share) for _, hashes in batches()])
        if not len(suspect):
            continue
        counted = _counted(batches, names, suspect)
        shared = counted.filter(pc.greater(counted[_COUNT], 1))
        rows += pc.sum(shared[_COUNT]).as_py() or 0
        groups += shared.num_rows
        if sum(map(len, shown)) < sample:
            shown.append(shared.slice(0, sample))
    if not rows:
        return Duplicates(0, 0, None)
    found = pa.concat_tables(shown).slice(0, sample)
    return Duplicates(rows, groups, found.rename_columns([*names, _free_name(names)]))


def _batches(file: Any, names: Sequence[str], batch_rows: int) -> Iterator[tuple[Any, Hashes]]:
    """Give the columns of rows without NULL, and the hashes of the rows."""
    for batch in file.iter_batches(batch_size=batch_rows, columns=list(dict.fromkeys(names))):
        table = pa.Table.from_batches([batch]).select(list(names)).combine_chunks()
        for name in names:
            if table[name].null_count:
                table = table.filter(pc.is_valid(table[name]))
        columns = [canonical(table[name].combine_chunks()) for name in names]
        if table.num_rows:
            yield pa.table(dict(zip(names, columns, strict=True))), row_hashes(columns)


def _of_share(hashes: Hashes, shares: int, share: int) -> Hashes:
    return hashes if shares == 1 else hashes[hashes % np.uint64(shares) == np.uint64(share)]


def _repeated(parts: Sequence[Hashes]) -> Hashes:
    """Give each hash that occurs more than once."""
    if not parts:
        return np.zeros(0, dtype=np.uint64)
    hashes = np.concatenate(parts)
    hashes.sort()
    return np.unique(hashes[1:][hashes[1:] == hashes[:-1]])


def _counted(batches: Any, names: Sequence[str], suspect: Hashes) -> pa.Table:
    """Count the rows of each set of values among those of some hashes."""
    parts: list[pa.Table] = []
    for table, hashes in batches():
        at = np.minimum(np.searchsorted(suspect, hashes), len(suspect) - 1)
        chosen = table.filter(pa.array(suspect[at] == hashes))
        if chosen.num_rows:
            ones = pa.array(np.ones(chosen.num_rows, dtype=np.int64))
            parts.append(_merged([chosen.append_column(_COUNT, ones)], names))
        if sum(part.num_rows for part in parts[1:]) > _GROUPS_BEFORE_MERGING:
            parts = [_merged(parts, names)]
    return _merged(parts, names)


def _merged(parts: Sequence[pa.Table], names: Sequence[str]) -> pa.Table:
    grouped = pa.concat_tables(parts).group_by(list(names)).aggregate([(_COUNT, "sum")])
    return grouped.select([*names, f"{_COUNT}_sum"]).rename_columns([*names, _COUNT])


def _free_name(names: Sequence[str]) -> str:
    name = "rows"
    while name in names:
        name += "_"
    return name
