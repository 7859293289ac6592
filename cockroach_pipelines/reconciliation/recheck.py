"""Reading what differs again after a pause: what has healed was in flight."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from cockroach_pipelines.reconciliation.arrays import from_booleans
from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.dataset import Parts, difference_schema, differences, key_names
from cockroach_pipelines.reconciliation.equality import canonical, canonical_text
from cockroach_pipelines.reconciliation.matching import Row, match, value_column
from cockroach_pipelines.reconciliation.result import RecheckOutcome
from cockroach_pipelines.reconciliation.sides import Sides
from cockroach_pipelines.reconciliation.spec import Recheck
from cockroach_pipelines.reconciliation.statements import Statements
from cockroach_pipelines.reconciliation.tally import Tally
from cockroach_pipelines.reconciliation.windows import read_both

_KEYS_EACH = 1_000

Signatures = dict[Row, int]
"""For each key that differs, a hash of how it does."""


@dataclass(frozen=True)
class Rechecked:
    """What is left after all readings."""

    outcome: RecheckOutcome
    tally: Tally
    parts: Parts


def recheck(
    asked: Recheck,
    open_sides: Callable[[], Sides],
    write: Callable[[Sides], tuple[Statements, Statements]],
    columns: ColumnMap,
    parts: Parts,
    folder: Path,
    waiting: Callable[[], None],
) -> Rechecked:
    """Read the keys of the differences again, as often as asked.

    Args:
        asked: When and how often.
        open_sides: Gives new snapshots.
        write: Gives the statements for them.
        columns: What is compared.
        parts: The differences of the first reading.
        folder: Where those of later ones go.
        waiting: Called now and then during a pause.
    """
    healed = 0
    moved: set[Row] = set()
    moments: list[str] = []
    before = signatures(parts, columns)
    tally = Tally()
    for time_number in range(1, asked.times + 1):
        _pause(asked.after, waiting)
        fresh, tally = Parts(folder / f"recheck-{time_number}", difference_schema(columns)), Tally()
        with open_sides() as sides:
            moments += [side.moment for side in sides.consistency]
            statements = write(sides)
            for window, keys in enumerate(_batches(list(before), _KEYS_EACH)):
                _compare(sides, statements, columns, keys, window, fresh, tally)
        now = signatures(fresh, columns)
        healed += len(before.keys() - now.keys())
        moved |= {key for key, signature in now.items() if before.get(key) != signature}
        parts, before = fresh, now
        if not now:
            break
    moving = len(moved & before.keys())
    outcome = RecheckOutcome(asked.times, healed, len(before) - moving, moving, tuple(dict.fromkeys(moments)))
    return Rechecked(outcome, tally, parts)


def signatures(parts: Parts, columns: ColumnMap) -> Signatures:
    """Give the keys that differ and how."""
    names = key_names(columns)
    found: Signatures = {}
    for table in parts.tables():
        keys = zip(*(table[name].to_pylist() for name in names), strict=True)
        cells = zip(*(table[name].to_pylist() for name in ("kind", "column", "source", "target")), strict=True)
        for key, cell in zip(keys, cells, strict=True):
            texts = tuple(
                None if value is None else canonical_text(str(value), pair.family)
                for value, pair in zip(key, columns.key, strict=True)
            )
            found[texts] = found.get(texts, 0) ^ hash(cell)
    return found


def _compare(
    sides: Sides,
    statements: tuple[Statements, Statements],
    columns: ColumnMap,
    keys: Sequence[Row],
    window: int,
    parts: Parts,
    tally: Tally,
) -> None:
    ours, theirs = read_both(sides, statements, lambda each: each.rows_of(keys))
    wanted = set(keys)
    matched = match(_only(ours, wanted, columns), _only(theirs, wanted, columns), columns)
    tally.add(matched, columns)
    parts.write(window, [differences(matched, columns)])


def _only(table: Any, keys: set[Row], columns: ColumnMap) -> Any:
    """Leave out rows that merely equal a key for the server, such as by a collation blind to case."""
    texts = [
        canonical(table[value_column(position)].combine_chunks(), pair).to_pylist()
        for position, pair in enumerate(columns.key)
    ]
    return table.filter(from_booleans([row in keys for row in zip(*texts, strict=True)]))


def _pause(seconds: float, waiting: Callable[[], None]) -> None:
    deadline = time.monotonic() + seconds
    waiting()
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))


def _batches(keys: Sequence[Row], each: int) -> Iterator[list[Row]]:
    remaining = iter(keys)
    while batch := list(islice(remaining, each)):
        yield batch
