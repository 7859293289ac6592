"""Reading what differs again after a pause: what has healed was in flight."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.dataset import Parts, difference_schema, differences
from cockroach_pipelines.reconciliation.matching import match
from cockroach_pipelines.reconciliation.result import RecheckOutcome
from cockroach_pipelines.reconciliation.sides import Sides
from cockroach_pipelines.reconciliation.spec import Recheck
from cockroach_pipelines.reconciliation.statements import Statements
from cockroach_pipelines.reconciliation.suspects import suspects
from cockroach_pipelines.reconciliation.tally import Tally


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
    """Read what differs again, as often as asked: the rows of its keys, or where there is no key the same whole rows.

    Args:
        asked: When and how often.
        open_sides: Gives new snapshots.
        write: Gives the statements for them.
        columns: What is compared.
        parts: The differences of the first reading.
        folder: Where those of later ones go.
        waiting: Called now and then during a pause.
    """
    suspected = suspects(columns, parts)
    moments: list[str] = []
    tally, time_number = Tally(), 0
    for time_number in range(1, asked.times + 1):
        _pause(asked.after, waiting)
        place = folder / f"recheck-{time_number}"
        shutil.rmtree(place, ignore_errors=True)  # an attempt that failed may have left more than this one will write
        parts, tally = Parts(place, difference_schema(columns)), Tally()
        with open_sides() as sides:
            moments += [side.moment for side in sides.consistency]
            for window, (ours, theirs) in enumerate(suspected.read_again(sides, write(sides))):
                matched = match(ours, theirs, columns)
                tally.add(matched, columns)
                parts.write(window, [differences(matched, columns)])
        suspected.see(parts)
        if not tally.counts.total:
            break
    outcome = RecheckOutcome(
        time_number, suspected.healed, suspected.confirmed, suspected.moving, tuple(dict.fromkeys(moments))
    )
    return Rechecked(outcome, tally, parts)


def _pause(seconds: float, waiting: Callable[[], None]) -> None:
    deadline = time.monotonic() + seconds
    waiting()
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
