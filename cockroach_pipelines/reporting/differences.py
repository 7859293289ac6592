"""What two snapshots have, and the other has not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.reporting.errors import ReportError
from cockroach_pipelines.reporting.manifest import KeptFile
from cockroach_pipelines.reporting.snapshots import Snapshot
from cockroach_pipelines.reporting.values import row_count, schema_of, values_of

MOST_ROWS = 1_000_000
"""Rows of a statement that are held in memory to be told apart."""

_ROWS = "rows:"


@dataclass(frozen=True)
class StatementDifferences:
    """Of one statement: columns that only one snapshot has, and rows by the columns of both.

    Where only one of the two has the statement, `missing_in` is the letter of the other, A or B, and all of its rows count.
    """

    name: str
    columns: tuple[str, ...] = ()
    only_first: int = 0
    only_second: int = 0
    first_sample: pa.Table | None = None
    second_sample: pa.Table | None = None
    missing_in: str = ""

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not (self.columns or self.only_first or self.only_second or self.missing_in)


@dataclass(frozen=True)
class Differences:
    """Figures that differ (label, and both texts), and the statements of both snapshots, in order."""

    figures: tuple[tuple[str, str | None, str | None], ...]
    statements: tuple[StatementDifferences, ...]

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.figures and all(each.equal for each in self.statements)


def differences(first: Snapshot, second: Snapshot, sample: int) -> Differences:
    """Compare the figures and the rows of every statement of two snapshots; a row that is there twice counts twice.

    Raises:
        ReportError: There are too many rows to be told apart.
    """
    texts = [{kpi.label: kpi.text for kpi in each.manifest.kpis} for each in (first, second)]
    figures = [(label, texts[0].get(label), texts[1].get(label)) for label in dict.fromkeys([*texts[0], *texts[1]])]
    files = [_rows_files(each) for each in (first, second)]
    names = dict.fromkeys([*files[0], *files[1]])
    return Differences(
        figures=tuple(each for each in figures if each[1] != each[2]),
        statements=tuple(
            _of_statement(name, first.folder, files[0].get(name), second.folder, files[1].get(name), sample)
            for name in names
        ),
    )


def _rows_files(snapshot: Snapshot) -> dict[str, KeptFile]:
    """Give the files of rows by the name of their statement."""
    files = {file.kind.removeprefix(_ROWS): file for file in snapshot.manifest.files if file.kind.startswith(_ROWS)}
    if not files:
        raise ReportError(f"{snapshot.folder} has no rows.")
    return files


def _of_statement(
    name: str, one: Path, first: KeptFile | None, other: Path, second: KeptFile | None, sample: int
) -> StatementDifferences:
    if first is None or second is None:
        return StatementDifferences(
            name,
            only_first=row_count(one / first.name) if first else 0,
            only_second=row_count(other / second.name) if second else 0,
            missing_in="A" if first is None else "B",
        )
    if first.sha256 == second.sha256:
        return StatementDifferences(name)
    paths = [one / first.name, other / second.name]
    for path in paths:
        if (count := row_count(path)) > MOST_ROWS:
            raise ReportError(
                f"{path} has {count:,} rows, and at most {MOST_ROWS:,} are told apart here.",
                advice="Compare tables of them with `cockroach-pipelines reconcile`.",
            )
    names = [schema_of(path).names for path in paths]
    common = [column for column in names[0] if column in names[1]]
    counted = [Counter(_rows(path, common)) for path in paths]
    alone = [counted[0] - counted[1], counted[1] - counted[0]]
    return StatementDifferences(
        name,
        columns=tuple(sorted(set(names[0]) ^ set(names[1]))),
        only_first=alone[0].total(),
        only_second=alone[1].total(),
        first_sample=_sample(alone[0], common, sample),
        second_sample=_sample(alone[1], common, sample),
    )


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str | None, ...]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=list(columns)):
            table = pa.Table.from_batches([batch])
            if not columns:
                yield from [()] * batch.num_rows
                continue
            texts = [[None if value is None else str(value) for value in values_of(table[name])] for name in columns]
            yield from zip(*texts, strict=True)


def _sample(rows: Counter[tuple[str | None, ...]], columns: Sequence[str], limit: int) -> pa.Table | None:
    shown = [row for row, _ in zip(rows.elements(), range(limit), strict=False)]
    if not shown:
        return None
    return pa.table({name: [row[number] for row in shown] for number, name in enumerate(columns)})
