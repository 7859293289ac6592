"""A purge that is only "older than", which CockroachDB does by itself."""

from __future__ import annotations

from sqlglot import exp

from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.parsing.commands import StatementKind
from cockroach_pipelines.queries.parsing.parser import SQLParser
from cockroach_pipelines.queries.query import Query, QueryKind

_OF_TIME = ("date", "time", "timestamp", "interval")


def ttl_proposal(query: Query) -> str:
    """Say how row-level TTL would do what a file does; empty where it would not.

    Source: CockroachDB's docs, "Batch Delete Expired Data with Row-Level TTL".
    """
    if query.kind is not QueryKind.MAINTENANCE:
        return ""
    for statement in query.statements.values():
        if statement.parsed.kind is not StatementKind.DELETE:
            continue
        tree = SQLParser().tree(statement.bound.source)
        where = tree.args.get("where") if tree else None
        older = _older_than(where.this.unnest(), query.header) if where else None
        if older and len(statement.parsed.tables_written) == 1:
            (table,) = statement.parsed.tables_written
            column, span = older
            return (
                f"CockroachDB deletes rows older than a span by itself, in the background: ALTER TABLE {table} SET "
                f"(ttl_expiration_expression = '{column} + {span}', ttl_job_cron = '@daily')."
            )
    return ""


def _older_than(condition: exp.Expr, header: Header) -> tuple[str, str] | None:
    """Give the column that a condition compares with a moment, and the span in quotes for a string; None for any other."""
    if isinstance(condition, exp.LT | exp.LTE):
        column, moment = condition.this, condition.expression
    elif isinstance(condition, exp.GT | exp.GTE):
        column, moment = condition.expression, condition.this
    else:
        return None
    if not isinstance(column, exp.Column) or moment.find(exp.Column, exp.Select) or not _is_moment(moment, header):
        return None
    interval = moment.find(exp.Interval)
    span = interval.sql(dialect="postgres") if interval else "INTERVAL '…'"
    return column.name, span.replace("'", "''")


def _is_moment(node: exp.Expr, header: Header) -> bool:
    if node.find(exp.CurrentTimestamp, exp.CurrentDate, exp.Interval):
        return True
    cast = node.find(exp.Cast)
    if cast is not None and cast.to.this.name.lower().startswith(_OF_TIME):
        return True
    binds = [each.name for each in node.find_all(exp.Placeholder, exp.Parameter)]
    types = [header.params[name].type if name in header.params else name for name in binds]
    return any(each.startswith((*_OF_TIME, "partition_")) for each in types)
