"""Running a file that reads once for several partitions, and cutting its rows into theirs."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cockroach_pipelines.config import Place
from cockroach_pipelines.execution.checks import evaluate
from cockroach_pipelines.execution.files import writing
from cockroach_pipelines.execution.outcome import Order, Outcome
from cockroach_pipelines.execution.query_executor import QueryExecutor, Snapshot
from cockroach_pipelines.execution.result_checks import evaluate_result
from cockroach_pipelines.execution.results import ResultProcessor
from cockroach_pipelines.execution.session import located
from cockroach_pipelines.execution.splitting import PartitionSplitter
from cockroach_pipelines.queries import PartitionWindow
from cockroach_pipelines.queries.headers import TimePartition
from cockroach_pipelines.queries.parsing import Statement


def run_range(
    executor: QueryExecutor, processor: ResultProcessor, orders: Sequence[Order], folder: Path
) -> list[Outcome]:
    """Run a file's statement once, from the start of the first of its partitions to the end of the last.

    Each partition gets the rows whose column, which the header's partition names, is in its window, and a file of its own,
    be it without rows. The checks are of each partition, too, in the same snapshot: what is true of each, such as one row
    a carrier, need not be true of all together. The time taken is shared out evenly.

    Args:
        executor: Where it runs.
        processor: What writes the files.
        orders: The same file for partitions that follow each other without a gap.
        folder: Where the files are staged.

    Raises:
        StatementError: The server refused the statement or ended it.
        SplitError: The result does not have the column, or a row is of none of the partitions.
        QueryFileError: The file has no statement for the connection's dialect.
    """
    first, last = orders[0], orders[-1]
    header = first.query.header
    partition = header.partition.time if header.partition else None
    windows = [order.partition for order in orders if order.partition]
    assert partition is not None and len(windows) == len(orders)  # noqa: S101 - the caller's choice
    whole = replace(first, partition=windows[0].through(windows[-1]))

    def read(snapshot: Snapshot) -> list[Outcome]:
        started, clock = dt.datetime.now(dt.UTC), time.perf_counter()
        statement = first.query.statement_for(snapshot.server.dialect)
        attempt = folder / f"attempt-{snapshot.narrator.attempt}"
        with writing(attempt):
            attempt.mkdir()
        splitter = _split(snapshot, statement, whole, partition, windows, attempt)
        outcomes = []
        for number, order in enumerate(orders):
            path = attempt / f"{number}.parquet"
            staged = processor.stage_batches(splitter.schema, splitter.batches(number), path)
            checks = tuple(evaluate(snapshot, check, statement, order.values) for check in order.query.checks.values())
            checks += evaluate_result(order, staged.checked, started)
            outcomes.append(
                Outcome(
                    order=order,
                    statement=statement,
                    connection=header.connection,
                    server=snapshot.server,
                    started=started,
                    seconds=0,
                    rows=staged.rows,
                    preview=staged.preview,
                    checks=checks,
                    staged=staged,
                    attempts=snapshot.narrator.attempt,
                    seen=snapshot.seen,
                )
            )
        splitter.close()
        seconds = (time.perf_counter() - clock) / len(orders)
        return [replace(outcome, seconds=seconds) for outcome in outcomes]

    return executor.run(header.connection, read, last.reading_transaction, staged=True, retries=header.retries)


def _split(
    snapshot: Snapshot,
    statement: Statement,
    whole: Order,
    partition: TimePartition,
    windows: Sequence[PartitionWindow],
    folder: Path,
) -> PartitionSplitter:
    header = whole.query.header
    with snapshot.narrator.statement(statement.path.name) as tally, located(statement, numbered=False):
        with snapshot.read(statement, whole.values, special=header.special) as stream:
            splitter = PartitionSplitter(windows, partition, stream.schema, folder, place=Place(statement.path))
            for batch in stream:
                splitter.add(batch)
        tally.rows = splitter.rows
    return splitter
