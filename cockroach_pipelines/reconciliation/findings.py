"""What a person wants to know of the differences beside their number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.dataset import Parts
from cockroach_pipelines.reconciliation.histogram import histogram
from cockroach_pipelines.reconciliation.patterns import column_patterns, row_patterns
from cockroach_pipelines.reconciliation.result import Histogram, Pattern
from cockroach_pipelines.reconciliation.surroundings import Surroundings
from cockroach_pipelines.reconciliation.tally import Tally

_SAMPLE_ROWS = 20
_CELLS_FOR_PATTERNS = 16_384


@dataclass(frozen=True)
class Findings:
    """A sample of the differences, patterns among them, and where they lie."""

    sample: Any
    patterns: tuple[Pattern, ...]
    histogram: Histogram | None


def findings(path: Path, parts: Parts, tally: Tally, columns: ColumnMap, around: Surroundings) -> Findings:
    """Look at the differences that were found."""
    with pq.ParquetFile(path) as file:
        head = next(file.iter_batches(_CELLS_FOR_PATTERNS), None)
        schema = file.schema_arrow
    cells = pa.Table.from_batches([head] if head is not None else [], schema)
    if not tally.counts.total:
        return Findings(cells, (), None)
    patterns = [*column_patterns(cells, columns), *row_patterns(tally, columns, around.rows)]
    patterns.sort(key=lambda pattern: -pattern.share)
    return Findings(cells.slice(0, _SAMPLE_ROWS), tuple(patterns), histogram(parts, columns, around.low, around.high))
