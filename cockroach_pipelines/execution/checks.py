"""Checks: queries whose rows are what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import pyarrow as pa

from cockroach_pipelines.database import (
    CancelledError,
    DatabaseError,
    StatementError,
)
from cockroach_pipelines.database.arrow import ArrowStream
from cockroach_pipelines.execution.query_executor import Snapshot
from cockroach_pipelines.execution.redaction import redacted
from cockroach_pipelines.execution.session import arranged, locate
from cockroach_pipelines.queries import CheckQuery
from cockroach_pipelines.queries.headers import Severity
from cockroach_pipelines.queries.parsing import Statement

SAMPLE_ROWS = 20


@dataclass(frozen=True)
class CheckOutcome:
    """What a check found."""

    name: str
    severity: Severity
    blocking: bool
    wrong_rows: int
    sample: pa.Table | None
    """The first wrong rows, at most `SAMPLE_ROWS`; None where there are none."""
    error: str = ""
    """Why the check could not be evaluated, without values; such a check has failed."""
    error_with_values: str = ""
    """The same with the values that the server repeated, where it did."""
    finding: str = ""
    """What is wrong, where that is not a number of rows."""
    note: str = ""
    """What there is to know of a check that passed."""
    figures: Mapping[str, Decimal | int | float | str] = field(default_factory=dict)
    """What was measured, by name."""

    @property
    def passed(self) -> bool:
        """Whether there is nothing wrong."""
        return not self.error and not self.finding and self.wrong_rows == 0

    @property
    def full_error(self) -> str:
        """Why it could not be evaluated, for nobody but the person who runs it by hand: values may be in it."""
        return self.error_with_values or self.error

    @property
    def said(self) -> str:
        """What was found, in a sentence; nothing of a check that passed without more to tell."""
        if self.error:
            return f"The check could not be evaluated: {self.error}"
        if self.finding:
            return self.finding
        if self.wrong_rows:
            return f"{self.wrong_rows:,} {'row is' if self.wrong_rows == 1 else 'rows are'} wrong."
        return self.note


def evaluate(
    snapshot: Snapshot, query: CheckQuery, result: Statement | None, values: Mapping[str, object]
) -> CheckOutcome:
    """Run a check in the snapshot that its asset's statement ran in.

    In the check's text `result` is the asset's own result: the statement becomes a common table expression before it,
    so the database compares and nothing is loaded. A check that cannot be evaluated is a failed one, never a silent one.
    """
    name, check, bound = query.name, query.check, query.bound
    before = f"WITH result AS (\n{result.bound.text}\n) SELECT * FROM (\n" if result else "SELECT * FROM (\n"
    parameters = [*(arranged(result.bound, values) if result else ()), *arranged(bound, values)]
    try:
        with snapshot.savepoint(), snapshot.narrator.statement(f"check {name}") as tally:
            # As the server's text nothing is without counterpart: a sample is for people.
            stream = snapshot.read_text(f"{before}{bound.text}\n) AS wrong_rows", parameters, special="text")
            wrong_rows, sample = count_and_sample(stream)
            tally.rows = wrong_rows
    except DatabaseError as error:
        if error.retryable or isinstance(error, CancelledError):
            raise  # nothing is wrong with the check: all of it may be tried again
        if isinstance(error, StatementError):
            locate(error, bound, numbered=False, before=len(before))
        else:
            error.place = bound.place(1)
        shown = redacted(error) if isinstance(error, StatementError) else error
        with_values = "" if shown is error else str(error)
        return CheckOutcome(
            name, check.severity, check.blocking, 0, None, error=str(shown), error_with_values=with_values
        )
    return CheckOutcome(name, check.severity, check.blocking, wrong_rows, sample)


def count_and_sample(stream: ArrowStream) -> tuple[int, pa.Table | None]:
    """Count a stream's rows and keep the first of them."""
    rows, head = 0, []
    with stream:
        for batch in stream:
            if rows < SAMPLE_ROWS:
                head.append(batch.slice(0, SAMPLE_ROWS - rows))
            rows += batch.num_rows
    return rows, pa.Table.from_batches(head, stream.schema) if rows else None
