"""Contestants doing the same work in turns."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.contestants.contestant import Place, Subject
from benchmarks.trial import Job, Trial

Say = Callable[[str], None]
Perform = Callable[[Job], Trial]
RUNS = 3
SLOW_ROUNDS = 3


@dataclass(frozen=True)
class Entry:
    """A contestant in a heat.

    Attributes:
        label: What it is called in the tables.
        contestant: `module:class` below `benchmarks.contestants`.
        share: One row of how many it gets; more than 1 for the slow, whose time is scaled by the row.
        in_memory: Whether its memory says anything.
    """

    label: str
    contestant: str
    share: int = 1
    in_memory: bool = True


@dataclass(frozen=True)
class Measured:
    """Medians of a contestant's rounds.

    Attributes:
        label: The contestant.
        work: What was done.
        rows: How many rows it moved in each run.
        cold: Seconds of the first run of a process, scaled to the rows of the heat.
        warm: Seconds of the last run of a process, scaled too.
        peak_bytes: The most memory its process had; None where that says nothing.
        rounds: How many processes.
        share: One row of how many it got.
    """

    label: str
    work: str
    rows: int | None
    cold: float
    warm: float
    peak_bytes: int | None
    rounds: int
    share: int = 1


class DifferentValuesError(RuntimeError):
    """Contestants did not move the same values."""


def run_heat(
    place: Place,
    work: str,
    entries: Sequence[Entry],
    subject: Callable[[Entry], Subject],
    *,
    schema_of: str,
    rounds: int,
    runs: int = RUNS,
    say: Say,
    perform: Perform,
    after: Callable[[Entry, Subject], None] = lambda _entry, _subject: None,
) -> dict[str, Measured]:
    """Run every entry in a fresh process in each round, in turns, and give the medians by label.

    Args:
        place: The server.
        work: What is done, for the tables.
        entries: Who does it.
        subject: What an entry moves.
        schema_of: The name of the benchmark's table whose columns that has.
        rounds: How many; the slow get three at most.
        runs: Runs of each process.
        say: Told how it goes.
        perform: Does a job, in a fresh process when the figures matter.
        after: Called after each trial of the first round, to look at what a write left.

    Raises:
        DifferentValuesError: The checksums of those who read the same rows differ.
        TrialError: A contestant failed.
    """
    trials: dict[str, list[Trial]] = {entry.label: [] for entry in entries}
    for number in range(rounds):
        for entry in entries:
            if entry.share > 1 and number >= SLOW_ROUNDS:
                continue
            say(f"{work}: round {number + 1} of {rounds}, {entry.label}")
            chosen = subject(entry)
            job = Job(entry.contestant, place, chosen, schema_of, runs, check=number == 0)
            trials[entry.label].append(perform(job))
            if number == 0:
                after(entry, chosen)
    _compare(work, entries, trials)
    return {entry.label: _medians(work, entry, trials[entry.label]) for entry in entries}


def _medians(work: str, entry: Entry, trials: Sequence[Trial]) -> Measured:
    return Measured(
        label=entry.label,
        work=work,
        rows=trials[0].rows,
        cold=statistics.median(trial.cold for trial in trials) * entry.share,
        warm=statistics.median(trial.warm for trial in trials) * entry.share,
        peak_bytes=round(statistics.median(trial.peak_bytes for trial in trials)) if entry.in_memory else None,
        rounds=len(trials),
        share=entry.share,
    )


def _compare(work: str, entries: Sequence[Entry], trials: dict[str, list[Trial]]) -> None:
    for share in {entry.share for entry in entries}:
        first = {entry.label: trials[entry.label][0] for entry in entries if entry.share == share}
        for what in ("rows", "checksum"):
            seen = {label: getattr(trial, what) for label, trial in first.items() if getattr(trial, what) is not None}
            if len(set(seen.values())) > 1:
                raise DifferentValuesError(f"{work}: not the same {what}: {seen}")
