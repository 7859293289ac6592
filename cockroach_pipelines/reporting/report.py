"""Reading a report: the rows of its statements, and of those that it is compared with, all in one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import pyarrow as pa

from cockroach_pipelines.execution import (
    Order,
    Outcome,
    QueryExecutor,
    ResultProcessor,
    Snapshot,
    StagedResult,
    read_in,
    run_range,
    run_reading,
    stage_in,
)
from cockroach_pipelines.execution.files import unique_names
from cockroach_pipelines.queries import PartitionWindow, earlier_window
from cockroach_pipelines.queries.headers.reporting import PREVIOUS_SNAPSHOT, ReportFormat, ReportRules
from cockroach_pipelines.queries.parsing import Statement
from cockroach_pipelines.reporting.preconditions import refuse_missing_packages, refuse_unfit_columns


@dataclass(frozen=True)
class Earlier:
    """What a report is compared with: its name for people, and files of rows by the name of their statement.

    Where there is nothing, `missing` says why.
    """

    label: str = ""
    files: Mapping[str, Path] = field(default_factory=dict)
    missing: str = ""


@dataclass(frozen=True)
class ReportOutcome(Outcome):
    """What reading a whole report came to.

    `further` are the results of the statements after the first, by name; `csv` is the result's exact CSV where the header
    asks for one; `earlier` is None where nothing is compared, or with the snapshot before.
    """

    further: Mapping[str, StagedResult] = field(default_factory=dict)
    csv: Path | None = None
    earlier: Earlier | None = None


def run_report(executor: QueryExecutor, processor: ResultProcessor, order: Order, path: Path) -> Outcome:
    """Run a report's first statement in a read-only session and stage its rows in `path`; see `run_reading`."""
    return run_reading(executor, processor, order, path)


def run_report_range(
    executor: QueryExecutor, processor: ResultProcessor, orders: Sequence[Order], folder: Path
) -> list[Outcome]:
    """Run a report once for several partitions and stage the rows of each in `folder`; see `run_range`."""
    return run_range(executor, processor, orders, folder)


def read_report(executor: QueryExecutor, processor: ResultProcessor, order: Order, path: Path) -> Outcome:
    """Read a report, with all that its header asks for, in one read-only snapshot.

    The rows of the first statement go to `path`, which is Parquet, others to files beside it. What the header asks for
    and cannot have is told before a statement runs. After an error that may pass all of it runs again.

    Raises:
        StatementError: The server refused a statement or ended it.
        QueryFileError: The file has no statement for the connection's dialect, or its header names a column that there
            is not.
        ReportError: A column is of a type with which what the header asks for cannot be done.
        ConfigurationError: A format or a delivery needs a package that is not installed.
    """
    rules, header = order.query.report, order.query.header
    if rules is None:
        return run_reading(executor, processor, order, path)

    refuse_missing_packages(order.query)

    def read(snapshot: Snapshot) -> ReportOutcome:
        _describe(snapshot, order)
        csv = path.with_suffix(".csv") if ReportFormat.CSV in rules.formats else None
        outcome = read_in(snapshot, processor, order, path, [csv] if csv else [], digested=True)
        further = {
            statement.name: stage_in(
                snapshot, processor, order, statement, _beside(path, f"section{number}"), digested=True
            )
            for number, statement in enumerate(outcome.statement.further, 1)
        }
        said = {each.name: getattr(outcome, each.name) for each in fields(Outcome)}
        earlier = _earlier(snapshot, processor, order, outcome.statement, path)
        return ReportOutcome(**said, further=further, csv=csv, earlier=earlier)

    return executor.run(header.connection, read, order.reading_transaction, staged=True, retries=header.retries)


def _describe(snapshot: Snapshot, order: Order) -> None:
    special = order.query.header.special
    statements = order.query.statement_for(snapshot.server.dialect).all
    schemas = {each.name: snapshot.describe(each, order.values, special=special) for each in statements}
    refuse_unfit_columns(order.query, {name: _as_stored(schema) for name, schema in schemas.items()})


def _as_stored(schema: pa.Schema) -> pa.Schema:
    names = unique_names(schema.names)
    return pa.schema([field.with_name(name) for field, name in zip(schema, names, strict=True)])


def _earlier(
    snapshot: Snapshot, processor: ResultProcessor, order: Order, statement: Statement, path: Path
) -> Earlier | None:
    rules = order.query.report
    if rules is None or rules.compare is None or rules.compare.to == PREVIOUS_SNAPSHOT or order.partition is None:
        return None
    window = _window(order, rules)
    if window is None:
        span = rules.compare.span
        said = f"{span} before {order.partition.key}" if span else f"before {order.partition.key}"
        return Earlier(missing=f"there is no partition {said}")
    before = Order(order.query, order.parameters, window)
    wanted = set(compared_statements(rules, statement.name))
    files = {
        each.name: stage_in(snapshot, processor, before, each, _beside(path, f"earlier{number}")).path
        for number, each in enumerate(statement.all)
        if each.name in wanted
    }
    return Earlier(window.key, files)


def _window(order: Order, rules: ReportRules) -> PartitionWindow | None:
    partition, window, compare = order.query.header.partition, order.partition, rules.compare
    if partition is None or window is None or compare is None:
        return None
    span = compare.span
    if span is None:
        return earlier_window(partition, window)
    return earlier_window(partition, window, days=span.days or 0, months=span.months or 0)


def compared_statements(rules: ReportRules, first: str) -> Iterator[str]:
    """Give the names of the statements whose earlier rows are needed: for figures, and for changes of rows."""
    for kpi in rules.kpis.values():
        yield kpi.of or first
    if rules.compares_rows or not rules.kpis:
        yield first


def _beside(path: Path, name: str) -> Path:
    return path.with_name(f"{path.stem}.{name}.parquet")
