"""Counting what differs while windows come in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cockroach_pipelines.reconciliation.arrays import from_integers, nulls
from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.matching import DuplicateKey, Matched, value_column
from cockroach_pipelines.reconciliation.result import Counts

_DUPLICATES_SHOWN = 100
_CONTEXT_ROWS = 4_000
_CONTEXT_ROWS_EACH = 400


@dataclass
class Tally:
    """What was found so far.

    Attributes:
        counts: Rows that differ, by kind.
        by_column: Changed rows by column.
        duplicates: The first keys that stand more than once and differ.
        duplicate_keys: How many there are.
        null_keys: Differing rows with a NULL in their key.
        context: Whole rows that differ, of the source where it has them, at most some thousand.
    """

    counts: Counts = field(default_factory=Counts)
    by_column: Counter[str] = field(default_factory=Counter)
    duplicates: list[DuplicateKey] = field(default_factory=list)
    duplicate_keys: int = 0
    null_keys: int = 0
    context: list[Any] = field(default_factory=list)
    context_rows: int = 0

    def add(self, matched: Matched, columns: ColumnMap) -> None:
        """Count what setting some rows against each other gave."""
        self.counts += Counts(len(matched.missing), len(matched.extra), len(matched.changed_source))
        for pair, cell in zip(columns.values, matched.cells, strict=True):
            if number := int(np.count_nonzero(cell)):
                self.by_column[pair.name] += number
        self.duplicate_keys += len(matched.duplicates)
        self.duplicates += matched.duplicates[: max(0, _DUPLICATES_SHOWN - len(self.duplicates))]
        sides = (
            (matched.source, matched.missing),
            (matched.source, matched.changed_source),
            (matched.target, matched.extra),
        )
        for table, rows in sides:
            if len(rows) and not columns.keyless:
                null = np.zeros(len(rows), bool)
                for position in range(len(columns.key)):
                    null |= nulls(table[value_column(position)].take(from_integers(rows)))
                self.null_keys += int(np.count_nonzero(null))
        for table, rows in sides:
            room = min(_CONTEXT_ROWS - self.context_rows, _CONTEXT_ROWS_EACH)
            if len(rows) and room > 0:
                chosen = rows[np.linspace(0, len(rows) - 1, min(room, len(rows))).astype(np.int64)]
                self.context.append(table.take(from_integers(np.unique(chosen))))
                self.context_rows += len(self.context[-1])

    def as_event(self) -> dict[str, Any]:
        """Give the numbers for the journal."""
        return {
            "counts": self.counts.as_dict(),
            "by_column": dict(self.by_column),
            "duplicates": [[each.key, each.source_copies, each.target_copies] for each in self.duplicates],
            "duplicate_keys": self.duplicate_keys,
            "null_keys": self.null_keys,
        }

    def add_event(self, event: dict[str, Any]) -> None:
        """Add numbers that an earlier run left in the journal."""
        self.counts += Counts(**event["counts"])
        self.by_column.update(event["by_column"])
        self.duplicates += [DuplicateKey(tuple(key), ours, theirs) for key, ours, theirs in event["duplicates"]]
        self.duplicate_keys += event["duplicate_keys"]
        self.null_keys += event["null_keys"]

    def add_tally(self, other: Tally) -> None:
        """Add another tally."""
        self.add_event(other.as_event())
        self.duplicates = self.duplicates[:_DUPLICATES_SHOWN]
        if self.context_rows < _CONTEXT_ROWS:
            self.context += other.context
            self.context_rows += other.context_rows
