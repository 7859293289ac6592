"""Maintenance in its simple form: one statement in a transaction."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace

import pyarrow as pa

from cockroach_pipelines.database import CockroachDBConnection, ServerVersion
from cockroach_pipelines.execution import Order, Outcome, QueryExecutor, TransactionalExecutor, evaluate, run_statement
from cockroach_pipelines.queries import Statement


def run_maintenance(writer: TransactionalExecutor, reader: QueryExecutor, order: Order) -> Outcome:
    """Run a statement in a transaction of its own, or outside any where the header says autocommit; then its checks.

    Raises:
        StatementError: The server refused the statement or ended it; nothing of it was kept, unless it is an
            `AmbiguousCommitError`.
        QueryFileError: The file has no statement for the connection's dialect.
    """
    header = order.query.header
    started, clock = dt.datetime.now(dt.UTC), time.perf_counter()

    def work(connection: CockroachDBConnection) -> tuple[Statement, ServerVersion, int, pa.Table | None]:
        statement = order.query.statement_for(connection.version.dialect)
        rows, preview = run_statement(connection, statement, order.values, special=header.special)
        return statement, connection.version, rows, preview

    if header.autocommit:
        statement, server, rows, preview = writer.run_autocommit(
            header.connection, work, timeout=header.timeout, timezone=order.timezone
        )
    else:
        statement, server, rows, preview = writer.run(
            header.connection, work, timeout=header.timeout, timezone=order.timezone
        )
    outcome = Outcome(
        order=order,
        statement=statement,
        connection=header.connection,
        server=server,
        started=started,
        seconds=time.perf_counter() - clock,
        rows=rows,
        preview=preview,
        checks=(),
    )
    if not order.query.checks:
        return outcome
    with reader.snapshot(header.connection, timeout=header.timeout, timezone=order.timezone) as snapshot:
        # The statement has been committed: it is not run again, so its checks look at tables, not at `result`.
        checks = tuple(evaluate(snapshot, check, None, order.values) for check in order.query.checks.values())
    return replace(outcome, checks=checks)
