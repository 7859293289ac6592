"""SQL files: their headers, parameters, analysis, and the repository that holds them."""

from cockroach_pipelines.queries.asked_comparison import asked_comparison
from cockroach_pipelines.queries.automation_header import Freshness, MappingKind, PartitionMapping, Trigger
from cockroach_pipelines.queries.commands import StatementKind
from cockroach_pipelines.queries.comparison import SIDES, ComparedSide, Comparison, Fragment
from cockroach_pipelines.queries.errors import ParameterError, QueryFileError, QueryNotFoundError
from cockroach_pipelines.queries.header_models import Check, Header, Severity
from cockroach_pipelines.queries.loader import SQLLoader
from cockroach_pipelines.queries.parameter_types import ParameterSpec
from cockroach_pipelines.queries.parameters import BoundSQL, LocatedSQL, bind_positions
from cockroach_pipelines.queries.parser import Effect, ParsedSQL, SQLParser
from cockroach_pipelines.queries.partition_header import (
    MOST_KEYS,
    PARTITION_PARAMETERS,
    Backfill,
    Gone,
    KeysPartition,
    Partition,
    PartitionEvery,
    QueryPartition,
    TimePartition,
    TwoDimensions,
    key_problem,
)
from cockroach_pipelines.queries.partitions import (
    PartitionWindow,
    contiguous,
    example_key,
    first_moment,
    name_of_keys,
    partition_window,
)
from cockroach_pipelines.queries.query import BrokenQuery, CheckQuery, Query, QueryKind
from cockroach_pipelines.queries.reconciliation_header import (
    RECONCILIATION_KEYS,
    Bounds,
    Expect,
    MeasureRule,
    ReconciliationHeader,
    ToleranceRule,
)
from cockroach_pipelines.queries.repository import SQLRepository
from cockroach_pipelines.queries.statement import Statement
from cockroach_pipelines.queries.table_names import TableName
from cockroach_pipelines.queries.templates import RenderedTemplate, SQLTemplate

__all__ = [
    "MOST_KEYS",
    "PARTITION_PARAMETERS",
    "RECONCILIATION_KEYS",
    "SIDES",
    "Backfill",
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
    "Freshness",
    "Gone",
    "Header",
    "KeysPartition",
    "LocatedSQL",
    "MappingKind",
    "MeasureRule",
    "ParameterError",
    "ParameterSpec",
    "ParsedSQL",
    "Partition",
    "PartitionEvery",
    "PartitionMapping",
    "PartitionWindow",
    "Query",
    "QueryFileError",
    "QueryKind",
    "QueryNotFoundError",
    "QueryPartition",
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
    "TimePartition",
    "ToleranceRule",
    "Trigger",
    "TwoDimensions",
    "asked_comparison",
    "bind_positions",
    "contiguous",
    "example_key",
    "first_moment",
    "key_problem",
    "name_of_keys",
    "partition_window",
]
