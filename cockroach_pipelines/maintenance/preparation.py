"""What is found out, and looked at by the guards, before a batch job touches anything."""

from __future__ import annotations

from dataclasses import dataclass

from cockroach_pipelines.database import CockroachDBConnection, Dialect
from cockroach_pipelines.execution import Order
from cockroach_pipelines.maintenance.batches import Batches, PageBatches, RangeBatches, returned
from cockroach_pipelines.maintenance.catalogue import Column, TableShape, describe
from cockroach_pipelines.maintenance.guards import (
    index_of_key,
    key_columns,
    most_rows,
    refuse_key_for_paging,
    refuse_null_keys,
)
from cockroach_pipelines.maintenance.outcome import DryRun
from cockroach_pipelines.maintenance.ranges import RangeSQL, estimated_rows, plan_of
from cockroach_pipelines.queries import Batch, PagedStatement

_SAMPLE_ROWS = 10
_MORE_THAN_ANY = 2**31 - 1
"""Rows of a batch that would be the only one, of a table of which no statistics are known."""


@dataclass(frozen=True)
class Prepared:
    """A job that no guard refused.

    Attributes:
        batches: How its rows are touched.
        shape: Its table.
        index: The index that gives its key's order.
        estimated: How many rows it is to touch by the server's estimate.
        most_rows: How many the limit on the share of the table allows.
    """

    batch: Batch
    batches: Batches
    key: tuple[Column, ...]
    shape: TableShape
    index: str
    estimated: int | None
    most_rows: int | None


def prepare(connection: CockroachDBConnection, order: Order, batch: Batch) -> Prepared:
    """Find out about a job's table, and let the guards look at it, in a transaction that only reads.

    Raises:
        GuardError: The job would do harm, or not what it says.
        StatementError: The server refused a part of it; its place is the line of the SQL file.
    """
    shape = describe(connection, batch.rules.table)
    key = key_columns(batch, shape)
    index = index_of_key(batch, shape)
    statement = batch.statement_for(connection.version.dialect)
    special = order.query.header.special
    batches: Batches
    estimated = None
    if isinstance(statement, PagedStatement):
        refuse_key_for_paging(batch, key, shape)
        batches = PageBatches(batch, statement, key, order.values, special)
    else:
        ranges = RangeSQL(statement, key, order.values)
        if any(column.nullable for column in key):
            refuse_null_keys(batch, bool(ranges.without_key().query(connection)))
        estimated = estimated_rows(connection, ranges.matching_rows())
        batches = RangeBatches(ranges, special)
    return Prepared(batch, batches, key, shape, index.name, estimated, most_rows(batch, shape, estimated))


def look(connection: CockroachDBConnection, prepared: Prepared) -> DryRun:
    """Find out what a job would do. A statement that pages by itself is run for a few rows, which is rolled back.

    Raises:
        GuardError: It would touch too large a share of the table.
    """
    if isinstance(prepared.batches, PageBatches):
        return _look_by_running(connection, prepared, prepared.batches)
    assert isinstance(prepared.batches, RangeBatches)  # noqa: S101 - there is no third way
    sql = prepared.batches.sql
    start = prepared.batch.rules.size.start
    end = sql.end_of_batch(None, start).query(connection)
    last = tuple(map(str, end[0])) if end else None
    plan = plan_of(connection, sql.batch(None, last, returning=prepared.batch.rules.archive is not None))
    return _dry_run(prepared, prepared.estimated, plan, returned(connection, sql.sample(_SAMPLE_ROWS), "text"))


def looks_by_writing(prepared: Prepared, dialect: Dialect) -> bool:
    """Whether `look` needs a transaction that may write, although it writes nothing.

    CockroachDB before v25.3 refuses to explain a DELETE where one may only read (cockroachdb/cockroach#103754).
    """
    return dialect is Dialect.COCKROACHDB or isinstance(prepared.batches, PageBatches)


def _look_by_running(connection: CockroachDBConnection, prepared: Prepared, pages: PageBatches) -> DryRun:
    start = pages.before_the_first(connection)
    if start is None:
        return _dry_run(prepared, 0, "the table is empty", None)
    estimated = estimated_rows(connection, pages.sql(start, prepared.shape.rows or _MORE_THAN_ANY))
    most_rows(prepared.batch, prepared.shape, estimated)
    plan = plan_of(connection, pages.sql(start, prepared.batch.rules.size.start))
    connection.execute("SAVEPOINT look")
    sample = returned(connection, pages.sql(start, _SAMPLE_ROWS), "text")
    connection.execute("ROLLBACK TO SAVEPOINT look")
    return _dry_run(prepared, estimated, plan, sample)


def _dry_run(prepared: Prepared, estimated: int | None, plan: str, sample: object) -> DryRun:
    unique = prepared.shape.is_unique(prepared.batch.rules.key)
    return DryRun(estimated, prepared.shape.rows, prepared.index, unique, plan, sample)
