"""What two snapshots have, and the other has not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.reporting.errors import ReportError
from cockroach_pipelines.reporting.snapshots import Snapshot
from cockroach_pipelines.reporting.values import row_count, schema_of, values_of

MOST_ROWS = 1_000_000
"""Rows of a snapshot that are held in memory to be told apart."""


@dataclass(frozen=True)
class Differences:
    """Figures that differ (label, and both texts), columns that only one has, and rows by the columns of both."""

    figures: tuple[tuple[str, str | None, str | None], ...]
    columns: tuple[str, ...]
    only_first: int
    only_second: int
    first_sample: pa.Table | None
    second_sample: pa.Table | None

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.figures or self.columns or self.only_first or self.only_second)


def differences(first: Snapshot, second: Snapshot, sample: int) -> Differences:
    """Compare the figures and the first statement's rows of two snapshots; a row that is there twice counts twice.

    Raises:
        ReportError: There are too many rows to be told apart.
    """
    texts = [{kpi.label: kpi.text for kpi in each.manifest.kpis} for each in (first, second)]
    figures = [(label, texts[0].get(label), texts[1].get(label)) for label in dict.fromkeys([*texts[0], *texts[1]])]
    paths = [_rows_of(each) for each in (first, second)]
    for path in paths:
        if (count := row_count(path)) > MOST_ROWS:
            raise ReportError(
                f"{path} has {count:,} rows, and at most {MOST_ROWS:,} are told apart here.",
                advice="Compare tables of them with `cockroach-pipelines reconcile`.",
            )
    names = [schema_of(path).names for path in paths]
    common = [name for name in names[0] if name in names[1]]
    counted = (
        [Counter(_rows(path, common)) for path in paths]
        if first.manifest.rows_digest != second.manifest.rows_digest
        else [Counter(), Counter()]
    )
    alone = [counted[0] - counted[1], counted[1] - counted[0]]
    return Differences(
        figures=tuple(each for each in figures if each[1] != each[2]),
        columns=tuple(sorted(set(names[0]) ^ set(names[1]))),
        only_first=alone[0].total(),
        only_second=alone[1].total(),
        first_sample=_sample(alone[0], common, sample),
        second_sample=_sample(alone[1], common, sample),
    )


def _rows_of(snapshot: Snapshot) -> Path:
    file = next((file for file in snapshot.manifest.files if file.kind.startswith("rows:")), None)
    if file is None:
        raise ReportError(f"{snapshot.folder} has no rows.")
    return snapshot.folder / file.name


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str | None, ...]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=list(columns)):
            table = pa.Table.from_batches([batch])
            texts = [[None if value is None else str(value) for value in values_of(table[name])] for name in columns]
            yield from zip(*texts, strict=True)


def _sample(rows: Counter[tuple[str | None, ...]], columns: Sequence[str], limit: int) -> pa.Table | None:
    shown = [row for row, _ in zip(rows.elements(), range(limit), strict=False)]
    if not shown:
        return None
    return pa.table({name: [row[number] for row in shown] for number, name in enumerate(columns)})
