"""Running a file that reads: one snapshot for its statement and its checks, a staged result."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from pathlib import Path

from cockroach_pipelines.execution.checks import evaluate
from cockroach_pipelines.execution.outcome import Order, Outcome
from cockroach_pipelines.execution.query_executor import QueryExecutor, Snapshot
from cockroach_pipelines.execution.result_checks import evaluate_result
from cockroach_pipelines.execution.results import ResultProcessor, StagedResult
from cockroach_pipelines.execution.session import located
from cockroach_pipelines.queries.parsing import Statement


def run_reading(executor: QueryExecutor, processor: ResultProcessor, order: Order, path: Path) -> Outcome:
    """Run a file's statement and its checks in one read-only snapshot, and stage the rows in `path`.

    After an error that may pass all of it runs again, in a new snapshot, into the same file.

    Raises:
        StatementError: The server refused the statement or ended it.
        QueryFileError: The file has no statement for the connection's dialect.
    """
    header = order.query.header

    def read(snapshot: Snapshot) -> Outcome:
        return read_in(snapshot, processor, order, path)

    return executor.run(header.connection, read, order.reading_transaction, staged=True, retries=header.retries)


def read_in(
    snapshot: Snapshot,
    processor: ResultProcessor,
    order: Order,
    path: Path,
    also: Sequence[Path] = (),
    *,
    digested: bool = False,
) -> Outcome:
    """Run a file's statement and its checks in a snapshot, and stage the rows in `path` and in files of other formats."""
    started, clock = dt.datetime.now(dt.UTC), time.perf_counter()
    statement = order.query.statement_for(snapshot.server.dialect)
    checked = bool(order.query.result_checks)
    staged = stage_in(snapshot, processor, order, statement, path, also, checked=checked, digested=digested)
    checks = tuple(evaluate(snapshot, check, statement, order.values) for check in order.query.checks.values())
    checks += evaluate_result(order, staged.checked, started)
    return Outcome(
        order=order,
        statement=statement,
        connection=order.query.header.connection,
        server=snapshot.server,
        started=started,
        seconds=time.perf_counter() - clock,
        rows=staged.rows,
        preview=staged.preview,
        checks=checks,
        staged=staged,
        attempts=snapshot.narrator.attempt,
        seen=snapshot.seen,
    )


def stage_in(
    snapshot: Snapshot,
    processor: ResultProcessor,
    order: Order,
    statement: Statement,
    path: Path,
    also: Sequence[Path] = (),
    *,
    checked: bool = False,
    digested: bool = False,
) -> StagedResult:
    """Run one statement of a file in a snapshot, and stage its rows."""
    for file in (path, *also):
        file.unlink(missing_ok=True)  # of an attempt that failed further on
    with snapshot.narrator.statement(statement.path.name) as tally:
        with located(statement, numbered=False):  # the server may end a statement in mid-stream
            stream = snapshot.read(statement, order.values, special=order.query.header.special)
            staged = processor.stage(stream, path, also, checked=checked, digested=digested)
        tally.rows = staged.rows
    return staged
