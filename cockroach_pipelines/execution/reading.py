"""Running a file that reads: one snapshot for its statement and its checks, a staged result."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

from cockroach_pipelines.execution.checks import evaluate
from cockroach_pipelines.execution.outcome import Order, Outcome
from cockroach_pipelines.execution.query_executor import QueryExecutor, Snapshot
from cockroach_pipelines.execution.result_checks import evaluate_result
from cockroach_pipelines.execution.results import ResultProcessor
from cockroach_pipelines.execution.session import located


def run_reading(executor: QueryExecutor, processor: ResultProcessor, order: Order, path: Path) -> Outcome:
    """Run a file's statement and its checks in one read-only snapshot, and stage the rows in `path`.

    After an error that may pass all of it runs again, in a new snapshot, into the same file.

    Raises:
        StatementError: The server refused the statement or ended it.
        QueryFileError: The file has no statement for the connection's dialect.
    """
    header = order.query.header

    def read(snapshot: Snapshot) -> Outcome:
        started, clock = dt.datetime.now(dt.UTC), time.perf_counter()
        statement = order.query.statement_for(snapshot.server.dialect)
        with snapshot.narrator.statement(statement.path.name) as tally:
            with located(statement, numbered=False):  # the server may end a statement in mid-stream
                stream = snapshot.read(statement, order.values, special=header.special)
                staged = processor.stage(stream, path, checked=bool(order.query.result_checks))
            tally.rows = staged.rows
        checks = tuple(evaluate(snapshot, check, statement, order.values) for check in order.query.checks.values())
        checks += evaluate_result(order, staged.checked, started)
        return Outcome(
            order=order,
            statement=statement,
            connection=header.connection,
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

    return executor.run(header.connection, read, order.reading_transaction, staged=True, retries=header.retries)
