"""SQL files: their headers, parameters, analysis, and the repository that holds them."""

from cockroach_pipelines.queries.asked_comparison import asked_comparison
from cockroach_pipelines.queries.check_header import (
    ROWS,
    AcceptedValues,
    Check,
    Checks,
    Freshness,
    NoChangeBeyond,
    NotNull,
    RowCount,
    Rule,
    Severity,
    Unique,
    column_of,
)
from cockroach_pipelines.queries.check_loading import column_advice
from cockroach_pipelines.queries.collecting import collecting_rarely
from cockroach_pipelines.queries.commands import StatementKind
from cockroach_pipelines.queries.comparison import SIDES, ComparedSide, Comparison, Fragment
from cockroach_pipelines.queries.defaults import HeaderDefaults, header_defaults
from cockroach_pipelines.queries.errors import ParameterError, QueryFileError, QueryNotFoundError
from cockroach_pipelines.queries.header_models import (
    PARTITION_PARAMETERS,
    Header,
    Partition,
    PartitionEvery,
)
from cockroach_pipelines.queries.lineage import ColumnOrigin, column_origins
from cockroach_pipelines.queries.loader import SQLLoader
from cockroach_pipelines.queries.parameter_types import ParameterSpec
from cockroach_pipelines.queries.parameters import BoundSQL, LocatedSQL, bind_positions
from cockroach_pipelines.queries.parser import Effect, ParsedSQL, SQLParser
from cockroach_pipelines.queries.partitions import PartitionWindow, partition_window
from cockroach_pipelines.queries.query import BrokenQuery, CheckQuery, Query, QueryKind, ResultCheck
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
    "PARTITION_PARAMETERS",
    "RECONCILIATION_KEYS",
    "ROWS",
    "SIDES",
    "AcceptedValues",
    "BoundSQL",
    "Bounds",
    "BrokenQuery",
    "Check",
    "CheckQuery",
    "Checks",
    "ColumnOrigin",
    "ComparedSide",
    "Comparison",
    "Effect",
    "Expect",
    "Fragment",
    "Freshness",
    "Header",
    "HeaderDefaults",
    "LocatedSQL",
    "MeasureRule",
    "NoChangeBeyond",
    "NotNull",
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
    "ResultCheck",
    "RowCount",
    "Rule",
    "SQLLoader",
    "SQLParser",
    "SQLRepository",
    "SQLTemplate",
    "Severity",
    "Statement",
    "StatementKind",
    "TableName",
    "ToleranceRule",
    "Unique",
    "asked_comparison",
    "bind_positions",
    "collecting_rarely",
    "column_advice",
    "column_of",
    "column_origins",
    "header_defaults",
    "partition_window",
]
