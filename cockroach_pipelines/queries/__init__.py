"""SQL files: their headers, parameters, analysis, and the repository that holds them."""

from cockroach_pipelines.queries.asked_comparison import asked_comparison
from cockroach_pipelines.queries.batch import Batch, NarrowedStatement, PagedStatement
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
from cockroach_pipelines.queries.maintenance_header import (
    AFTER,
    BATCH_SIZE,
    BatchRules,
    BatchSize,
    MaintenanceHeader,
    Permission,
    Window,
)
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
from cockroach_pipelines.queries.repository import SQLRepository
from cockroach_pipelines.queries.statement import Statement
from cockroach_pipelines.queries.table_names import TableName, parse_table_name
from cockroach_pipelines.queries.templates import RenderedTemplate, SQLTemplate
from cockroach_pipelines.queries.ttl import ttl_proposal

__all__ = [
    "AFTER",
    "BATCH_SIZE",
    "PARTITION_PARAMETERS",
    "RECONCILIATION_KEYS",
    "SIDES",
    "Batch",
    "BatchRules",
    "BatchSize",
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
    "MaintenanceHeader",
    "MeasureRule",
    "NarrowedStatement",
    "PagedStatement",
    "ParameterError",
    "ParameterSpec",
    "ParsedSQL",
    "Partition",
    "PartitionEvery",
    "PartitionWindow",
    "Permission",
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
    "Window",
    "asked_comparison",
    "bind_positions",
    "parse_table_name",
    "partition_window",
    "ttl_proposal",
]
