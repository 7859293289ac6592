"""A SQL file as a query with a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries.batch import Batch
from cockroach_pipelines.queries.comparison import Comparison
from cockroach_pipelines.queries.errors import ParameterError, QueryFileError
from cockroach_pipelines.queries.headers.check_rules import Check, Rule
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.monitor import Watch, watches_of
from cockroach_pipelines.queries.headers.partition import Backfill
from cockroach_pipelines.queries.headers.reporting.report import ReportingHeader, ReportRules
from cockroach_pipelines.queries.parsing.parameters import BoundSQL, refuse_unknown
from cockroach_pipelines.queries.parsing.parser import ParsedSQL
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.parsing.table_names import TableName, TableOn, parse_table_name
from cockroach_pipelines.queries.watch import WatchQuery


class QueryKind(StrEnum):
    """What a query is for: the first folder of its path."""

    RECONCILIATION = "reconciliation"
    REPORTING = "reporting"
    MAINTENANCE = "maintenance"


@dataclass(frozen=True)
class CheckQuery:
    """A check of a header: its query returns the rows of `result`, the asset's own result, that are wrong."""

    name: str
    check: Check
    bound: BoundSQL
    parsed: ParsedSQL


@dataclass(frozen=True)
class ResultCheck:
    """A check of a header that needs no SQL: it looks at the rows of the asset's own result."""

    name: str
    rule: Rule
    place: Place


@dataclass(frozen=True)
class Query:
    """A SQL file, or the files of one name for several dialects.

    `name` is the path below the folder of queries without ending, such as `reporting/finance/daily_revenue`.
    `statements` holds one statement for each dialect that has its own file, and under None the one for every other; it
    is empty for a reconciliation that compares two relations, which are in `comparison`. `partition_query` gives the keys
    of its partitions, where a query does. `batch` is there for maintenance that works batch by batch.
    """

    name: str
    kind: QueryKind
    header: Header
    statements: Mapping[Dialect | None, Statement]
    checks: Mapping[str, CheckQuery]
    code_version: str
    description: str
    comparison: Comparison | None = None
    partition_query: Statement | None = None
    watch: WatchQuery | None = None
    batch: Batch | None = None
    result_checks: Mapping[str, ResultCheck] = field(default_factory=dict)

    @property
    def backfill(self) -> Backfill:
        """How several partitions are run: as the header says, else in the way that is right for every statement.

        With `report` each partition has a report of its own, with sections and what it is compared with: statements that
        run once a partition, whether or not a column says of which one a row is.
        """
        time = self.header.partition.time if self.header.partition else None
        if self.header.backfill:
            return self.header.backfill
        if self.kind is QueryKind.MAINTENANCE:
            return Backfill.PER_PARTITION  # each is committed by itself: a run for each knows which of them are done
        return Backfill.ONE_STATEMENT if time and time.column and self.report is None else Backfill.ONE_RUN

    @property
    def path(self) -> Path:
        """The file, or the first of several."""
        if self.comparison:
            return self.comparison.path
        return next(iter(self.statements.values())).path

    @property
    def dialects(self) -> frozenset[Dialect]:
        """The databases that the query can run on."""
        if None in self.statements or self.comparison:
            return frozenset(Dialect)
        return frozenset(dialect for dialect in self.statements if dialect is not None)

    @property
    def connections(self) -> tuple[str, ...]:
        """Names of the connections that it reads from or writes to, that of the source first."""
        if self.comparison:
            return tuple(dict.fromkeys(side.connection for side in self.comparison.sides))
        return (self.header.connection,)

    @cached_property
    def watches(self) -> tuple[Watch, ...]:
        """The checks of a monitor; none of any other file."""
        return watches_of(self.header)

    @property
    def watched_connection(self) -> str:
        """Name of the connection that `watch` asks."""
        return (self.header.watch and self.header.watch.connection) or self.connections[0]

    @cached_property
    def tables_read(self) -> frozenset[TableName]:
        """Every table that the statement of any dialect, or either side of a comparison, reads."""
        if self.comparison:
            return self.comparison.tables_read
        return frozenset[TableName]().union(
            *(each.parsed.tables_read for statement in self.statements.values() for each in statement.all)
        )

    @cached_property
    def tables_written(self) -> frozenset[TableName]:
        """Every table that the statement of any dialect writes, and the one that a report's result becomes."""
        into = self.report.into if self.report else None
        return frozenset([parse_table_name(into.table)] if into else ()).union(
            *(statement.parsed.tables_written for statement in self.statements.values())
        )

    @cached_property
    def reads(self) -> frozenset[TableOn]:
        """Every table that it reads, by its canonical name, with the connection that it is read on."""
        if self.comparison:
            sides = self.comparison.sides
            return frozenset(TableOn(side.connection, each.canonical) for side in sides for each in side.tables_read)
        return frozenset(TableOn(self.header.connection, each.canonical) for each in self.tables_read)

    @cached_property
    def writes(self) -> frozenset[TableOn]:
        """Every table that it writes, by its canonical name, with its connection."""
        return frozenset(TableOn(self.header.connection, each.canonical) for each in self.tables_written)

    @property
    def report(self) -> ReportRules | None:
        """What becomes of a report's rows, where its header says so."""
        return self.header.report if isinstance(self.header, ReportingHeader) else None

    def statement_for(self, dialect: Dialect) -> Statement:
        """Give the statement that runs on a dialect: the one of its own file, else the one for every dialect.

        Raises:
            QueryFileError: There is none.
        """
        statement = self.statements.get(dialect) or self.statements.get(None)
        if statement is not None:
            return statement
        path, has = self.path, ", ".join(sorted(self.dialects))
        stem = path.name.split(".")[0]
        raise QueryFileError(
            f"{self.name} is written for {has}, and the connection {self.header.connection!r} is {dialect}.",
            place=Place(path, 1, 1),
            advice=f"Add {stem}.{dialect}.sql beside it, or set `connection` to one that is {has}.",
        )

    def parameter_values(self, given: Mapping[str, object]) -> dict[str, object]:
        """Give a value for every parameter: those given, as their types want them, and the defaults of the others.

        `partition_start`, `partition_end` and `partition_key` pass through as they are.

        Raises:
            ParameterError: A value is unknown, missing, or of the wrong type.
        """
        partition = self.header.partition.parameters if self.header.partition else ()
        refuse_unknown(given, (*self.header.params, *partition))
        values = {name: given[name] for name in partition if name in given}
        for name, spec in self.header.params.items():
            if name not in given and spec.required:
                place = Place(self.path)
                raise ParameterError(
                    f"The parameter {name!r} has no value.", place=place, advice=f"Give it one of type {spec.type}."
                )
            values[name] = spec.convert(given[name]) if name in given else spec.default
        return values


@dataclass(frozen=True)
class BrokenQuery:
    """A file that cannot be used as it is, under a name that an asset can have.

    `kind` is None when the file does not stand in a folder of a known kind.
    """

    name: str
    path: Path
    kind: QueryKind | None
    error: QueryFileError
