"""Telling observers what one attempt at a piece of work does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database import Activity
from cockroach_pipelines.execution.events import (
    Failure,
    Observer,
    StatementFailed,
    StatementFinished,
    StatementStarted,
)


@dataclass
class Tally:
    """What a statement came to so far: rows read or affected, -1 where the server does not say."""

    rows: int = -1


@dataclass(frozen=True)
class Narrator:
    """Tells an observer of the statements of one attempt."""

    observe: Observer
    activity: Activity
    connection: str
    attempt: int = 1

    @contextmanager
    def statement(self, name: str) -> Iterator[Tally]:
        """Tell when a statement starts and how it ends; whoever runs it notes its rows."""
        tally, clock = Tally(), time.perf_counter()
        self.observe(StatementStarted(self.activity, self.connection, name, self.attempt))
        try:
            yield tally
        except PipelinesError as error:
            seconds = time.perf_counter() - clock
            self.observe(
                StatementFailed(self.activity, self.connection, name, self.attempt, Failure.of(error), seconds)
            )
            raise
        seconds = time.perf_counter() - clock
        self.observe(StatementFinished(self.activity, self.connection, name, self.attempt, tally.rows, seconds))
