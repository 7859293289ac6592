"""A comparison's result in words, for whoever shows it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cockroach_pipelines.reconciliation.columns import SchemaDifference
from cockroach_pipelines.reconciliation.result import Progress, Reconciliation

if TYPE_CHECKING:  # what reads files of SQL needs their parser, which takes 30 MB
    from cockroach_pipelines.execution import PlainValue

_PHASES = {
    "describe": "looking at both sides",
    "sample": "sampling",
    "checksums": "checksums",
    "compare": "comparing",
    "recheck": "reading what differs again",
    "pause": "waiting for the throttle",
}

_LONGEST = 120


def strategy(result: Reconciliation) -> str:
    """Say how the rows met, and why so."""
    choice = result.choice
    how = (
        f"`{choice.strategy}`: {choice.reason}",
        f"hashes of kind {choice.hash}" if choice.hash else "every value compared",
        choice.segments,
    )
    return "; ".join(part for part in how if part)


def consistency(result: Reconciliation) -> Iterator[str]:
    """Say for each side as of when it was read."""
    for number, side in enumerate(result.consistency):
        name = ("source", "target")[number % 2]
        again = " (resumed)" if number > 1 else ""
        shared = ", shared with the other side" if side.shared_with_other_side else ""
        yield f"{name}{again}: {side.moment}{shared}, on {side.server}"


def certainty(result: Reconciliation) -> str:
    """Say how likely it is that a difference was missed."""
    if result.choice.hash is None:
        return "none, every value was compared"
    if result.collision_probability == 0:
        return "below 1e-300"
    return f"at most {result.collision_probability:.1e}"


def recheck(result: Reconciliation) -> str:
    """Say what reading the differences again gave; empty where that was not asked for."""
    outcome = result.recheck
    if outcome is None:
        return ""
    times = f"{outcome.times} times" if outcome.times > 1 else "once"
    return (
        f"read again {times}: {outcome.healed:,} were in flight and are equal, {outcome.confirmed:,} are confirmed, "
        f"{outcome.moving:,} still move"
    )


def drilled(result: Reconciliation) -> str:
    """Say of which groups the rows were compared."""
    groups, looked_into = result.counts.total, min(result.counts.total, result.spec.drill)
    if looked_into == groups:
        return "The rows of the groups that differ"
    return f"The rows of {looked_into:,} of the {groups:,} groups that differ"


def schema_difference(difference: SchemaDifference) -> str:
    """Say how a column itself differs, or which rows there are."""
    said = [side for side in (difference.source, difference.target) if side is not None]
    kinds = " against ".join(said)
    note = f": {difference.note}" if difference.note else ""
    what = f"column {difference.column}" if difference.column else "rows"
    return f"{what} ({difference.what}{', ' + kinds if kinds else ''}){note}"


def oddities(result: Reconciliation) -> Iterator[str]:
    """Say what else is out of the ordinary: keys that stand more than once, and NULL in keys."""
    if not result.key:
        yield "no key: whole rows were compared, as many times as they stand"
    if result.duplicate_keys:
        shown = ", ".join(str(each) for each in result.duplicates[:3])
        more = f", and {result.duplicate_keys - 3:,} more" if result.duplicate_keys > 3 else ""
        what = "keys" if result.key else "rows"
        yield f"{result.duplicate_keys:,} {what} stand more than once and differ: {shown}{more}"
    if result.null_keys:
        yield f"{result.null_keys:,} of the rows that differ have NULL in their key"


def sample(result: Reconciliation, limit: int) -> list[dict[str, PlainValue]]:
    """Give the first differences as records to be read: cells of changed rows, and keys of missing and extra ones.

    Blanks at the ends of a text, an empty text, and one that reads like NULL show by quotes.
    """
    records = []
    for cells in result.sample.slice(0, limit).to_pylist():
        shown = {name: _shown(value) for name, value in cells.items() if name != "row"}
        if cells["column"] is None:  # a whole row: where it has a key, that says which it is
            shown["column"] = ""
            for side in ("source", "target"):
                shown[side] = "" if result.key or cells[side] is None else shown[side]
        records.append(shown)
    return records


def _shown(value: object) -> PlainValue:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return value
    text = str(value)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 1]}…"
    return f"'{text}'" if text != text.strip() or text in ("", "NULL") else text


def progress(at: Progress) -> str:
    """Say how far a comparison is."""
    parts = [_PHASES.get(at.phase, at.phase)]
    if at.segments:
        parts.append(f"{at.done:,} of {at.segments:,} segments")
    if at.rows:
        parts.append(f"{at.rows:,} rows, {at.rows_per_second:,.0f} rows/s")
    if at.differences:
        parts.append(f"{at.differences:,} differences")
    if at.remaining_seconds and at.done < at.segments:
        parts.append(f"{_span(at.remaining_seconds)} left")
    return ", ".join(parts)


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
