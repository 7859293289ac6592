"""SQL that would make one side like the other, kept beside the differences."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cockroach_pipelines.database import DatabaseError
from cockroach_pipelines.execution import Destination
from cockroach_pipelines.reconciliation import Direction, Reconciliation, ReconciliationError

MOST_ROWS = 100_000
"""Of more rows that differ nothing is written by itself."""

_SHOWN = 3_000


@dataclass(frozen=True)
class Mending:
    """A file for each direction that there is one for, the beginning of each, and why there is none for another."""

    files: dict[Direction, Path] = field(default_factory=dict)
    beginnings: dict[Direction, str] = field(default_factory=dict)
    reasons: dict[Direction, str] = field(default_factory=dict)


def written(result: Reconciliation, folder: Path, sql: Callable[[Reconciliation, Direction], Iterator[str]]) -> Mending:
    """Write the SQL for both directions into a folder; it is never run.

    Args:
        result: What was found.
        folder: Where the files are written.
        sql: Gives the SQL for a direction.
    """
    mending = Mending()
    if not result.counts.total:
        return mending
    rows = (result.drilled or result).counts.total
    for direction in Direction:
        if rows > MOST_ROWS:
            mending.reasons[direction] = (
                f"{rows:,} rows differ, and it is written for at most {MOST_ROWS:,}. "
                "`cockroach-pipelines reconcile --mend FILE` writes it for any number."
            )
            continue
        path = folder / f"{direction}.sql"
        try:
            transactions = sql(result, direction)
            path.touch(mode=0o600)
            with path.open("w", encoding="utf-8") as file:
                file.writelines(f"{each}\n" for each in transactions)
        except (ReconciliationError, DatabaseError) as error:  # what was found stands without it
            path.unlink(missing_ok=True)
            mending.reasons[direction] = error.message
            continue
        mending.files[direction] = path
        with path.open(encoding="utf-8") as file:
            beginning = file.read(_SHOWN)
            mending.beginnings[direction] = (
                f"{beginning.rpartition(chr(10))[0]}\n…" if file.read(1) else beginning.rstrip()
            )
    return mending


def publish(mending: Mending, places: Mapping[Direction, Path]) -> None:
    """Put the files into their places, and remove those of an earlier run that are no longer true.

    Raises:
        FileWriteError: One cannot appear there.
    """
    for direction, place in places.items():
        if direction in mending.files:
            Destination.of(place).put(mending.files[direction])
        else:
            place.unlink(missing_ok=True)
