"""Comparing two relations as a file or a command asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.config import ConfigurationError, PipelinesError, Place
from cockroach_pipelines.database import ConnectionManager, DatabaseError, Recovery
from cockroach_pipelines.execution import (
    Activity,
    Attempts,
    Failure,
    Observer,
    QueryExecutor,
    RetryPolicy,
    RetryScheduled,
    ignore,
    recovery_of,
)
from cockroach_pipelines.queries import Comparison
from cockroach_pipelines.reconciliation.engine import reconcile
from cockroach_pipelines.reconciliation.files.question import Question, question_of
from cockroach_pipelines.reconciliation.files.rehearsal import rehearse
from cockroach_pipelines.reconciliation.mending import Direction, mending_sql
from cockroach_pipelines.reconciliation.result import Progress, Reconciliation
from cockroach_pipelines.reconciliation.upserting import upserting_sql


@dataclass(frozen=True)
class Comparing:
    """How comparisons are run.

    Args:
        connections: Where connections of both sides are lent.
        folder: Where differences are written, and what is needed to go on from where an attempt ended.
        activity: On whose behalf.
        observe: Told of retries.
        progress: Told how far it is.
    """

    connections: ConnectionManager
    folder: Path
    activity: Activity
    observe: Observer = ignore
    progress: Callable[[Progress], None] | None = None

    def run(self, comparison: Comparison, values: Mapping[str, object]) -> Reconciliation:
        """Compare what a file names; what may pass is tried again, and goes on from where it ended.

        Args:
            comparison: What a file, or a command, names.
            values: Of its parameters.

        Raises:
            StatementError: A server refused a statement or ended it, after the last attempt; its place is that in the file
                where it is known.
            ReconciliationError: What is asked for cannot be done.
        """
        question = question_of(comparison, values)
        name = question.source.connection
        attempts = Attempts(RetryPolicy.of(self.connections.retry_settings(name), question.retries))
        try:
            self._refuse_too_many(question)
            rehearse(QueryExecutor(self.connections, self.activity, self.observe), comparison, values)
            while True:
                try:
                    return self._attempt(question)
                except DatabaseError as error:
                    reached = all(self.connections.reached(each) for each in question.connections)
                    recovery, failed = recovery_of(error, reached=reached), attempts.number
                    wait, failure = attempts.next_wait(error, recovery), Failure.of(error)
                reconnects = recovery in (Recovery.RECONNECT, Recovery.PREPARE)
                self.observe(RetryScheduled(self.activity, name, failed, wait, reconnects, failure))
                attempts.sleep(wait)
        except PipelinesError as error:
            if comparison.path != Path():  # what a command asks has no file
                error.place = error.place or Place(comparison.path)
            raise

    def mending_sql(self, result: Reconciliation, direction: Direction, *, upsert: bool = False) -> Iterator[str]:
        """Give SQL that would make one side like the other: single statements, or upserts of rows that are read again.

        Raises:
            ReconciliationError: It cannot be mended; see `mending_sql` and `upserting_sql`.
            StatementError: A server refused to read the rows again.
        """
        if upsert:
            return upserting_sql(result, direction, connections=self.connections, activity=self.activity)
        return mending_sql(result, direction)

    def _attempt(self, question: Question) -> Reconciliation:
        return reconcile(
            question.source,
            question.target,
            question.spec,
            connections=self.connections,
            folder=self.folder,
            activity=self.activity,
            progress=self.progress,
        )

    def _refuse_too_many(self, question: Question) -> None:
        for name, needed in question.connections.items():
            size = self.connections.pool(name).connector.config.pool.size
            if needed > size:
                raise ConfigurationError(
                    f"This comparison takes {needed} connections {name!r} at once, and its pool has {size}.",
                    advice=f"Raise connections.{name}.pool.size, or lower `workers`.",
                )
