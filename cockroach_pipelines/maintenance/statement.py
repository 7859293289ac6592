"""Maintenance in its simple form: one statement in a transaction."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import replace

from cockroach_pipelines.database import ServerVersion
from cockroach_pipelines.execution import (
    CheckOutcome,
    Command,
    Order,
    Outcome,
    QueryExecutor,
    Snapshot,
    Transaction,
    TransactionalExecutor,
    evaluate,
)
from cockroach_pipelines.maintenance.monitor import run_monitor


def run_maintenance(writer: TransactionalExecutor, reader: QueryExecutor, order: Order) -> Outcome:
    """Run a statement in a transaction of its own, or outside any where the header says autocommit; then its checks.

    A monitor only reads: see `run_monitor`.

    Raises:
        StatementError: The server refused the statement or ended it; nothing of it was kept, unless it is an
            `AmbiguousCommitError`.
        QueryFileError: The file has no statement for the connection's dialect.
    """
    if order.query.watches:
        return run_monitor(reader, order)
    header = order.query.header
    started, clock = dt.datetime.now(dt.UTC), time.perf_counter()

    def commands(server: ServerVersion) -> Sequence[Command]:
        return [Command(order.query.statement_for(server.dialect), order.values, special=header.special)]

    if header.autocommit:
        run = writer.run_statements_autocommit(
            header.connection,
            commands,
            timeout=header.timeout,
            timezone=order.timezone,
            idempotent=header.idempotent,
            retries=header.retries,
        )
    else:
        run = writer.run_statements(
            header.connection,
            commands,
            Transaction(timeout=header.timeout, timezone=order.timezone),
            idempotent=header.idempotent,
            retries=header.retries,
        )
    (result,) = run.results
    outcome = Outcome(
        order=order,
        statement=order.query.statement_for(run.server.dialect),
        connection=header.connection,
        server=run.server,
        started=started,
        seconds=time.perf_counter() - clock,
        rows=result.rows,
        preview=result.returned,
        checks=(),
        attempts=run.attempts,
    )
    return replace(outcome, checks=checks_of(reader, order))


def checks_of(reader: QueryExecutor, order: Order) -> tuple[CheckOutcome, ...]:
    """Evaluate the checks of a file after its work: they look at tables, not at `result`, which is not run again."""
    if not order.query.checks:
        return ()

    def check(snapshot: Snapshot) -> tuple[CheckOutcome, ...]:
        return tuple(evaluate(snapshot, check, None, order.values) for check in order.query.checks.values())

    header = order.query.header
    return reader.run(header.connection, check, order.reading_transaction, staged=True, retries=header.retries)
