"""SQL files: their headers, parameters, analysis, and the repository that holds them."""

from cockroach_pipelines.queries.asked_comparison import asked_comparison
from cockroach_pipelines.queries.commands import StatementKind
from cockroach_pipelines.queries.comparison import SIDES, ComparedSide, Comparison, Fragment
from cockroach_pipelines.queries.errors import ParameterError, QueryFileError, QueryNotFoundError
from cockroach_pipelines.queries.header_models import (
    PARTITION_PARAMETERS,
    Check,
    Header,
    Partition,
    PartitionEvery,
    Severity,
)
from cockroach_pipelines.queries.loader import SQLLoader
from cockroach_pipelines.queries.parameter_types import ParameterSpec
from cockroach_pipelines.queries.parameters import BoundSQL, LocatedSQL, bind_positions
from cockroach_pipelines.queries.parser import Effect, ParsedSQL, SQLParser
from cockroach_pipelines.queries.partitions import PartitionWindow, partition_window
from cockroach_pipelines.queries.query import BrokenQuery, CheckQuery, Query, QueryKind
from cockroach_pipelines.queries.reconciliation_header import (
    RECONCILIATION_KEYS,
    Bounds,
    Expect,
    MeasureRule,
    ReconciliationHeader,
    ToleranceRule,
)
from cockroach_pipelines.queries.repository import SQLRepository, sql_files
from cockroach_pipelines.queries.statement import Statement
from cockroach_pipelines.queries.table_names import TableName
from cockroach_pipelines.queries.templates import RenderedTemplate, SQLTemplate
from cockroach_pipelines.queries.watch import WatchQuery

__all__ = [
    "PARTITION_PARAMETERS",
    "RECONCILIATION_KEYS",
    "SIDES",
    "BoundSQL",
    "Bounds",
    "BrokenQuery",
    "Check",
    "CheckQuery",
    "ComparedSide",
    "Comparison",
    "Effect",
    "Expect",
    "Fragment",
    "Header",
    "LocatedSQL",
    "MeasureRule",
    "ParameterError",
    "ParameterSpec",
    "ParsedSQL",
    "Partition",
    "PartitionEvery",
    "PartitionWindow",
    "Query",
    "QueryFileError",
    "QueryKind",
    "QueryNotFoundError",
    "ReconciliationHeader",
    "RenderedTemplate",
    "SQLLoader",
    "SQLParser",
    "SQLRepository",
    "SQLTemplate",
    "Severity",
    "Statement",
    "StatementKind",
    "TableName",
    "ToleranceRule",
    "WatchQuery",
    "asked_comparison",
    "bind_positions",
    "partition_window",
    "sql_files",
]
