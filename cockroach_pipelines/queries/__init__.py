"""SQL files: their headers, parameters, analysis, and the repository that holds them."""

from cockroach_pipelines.queries.asked_comparison import asked_comparison
from cockroach_pipelines.queries.column_formats import ColumnFormat, FormatKind
from cockroach_pipelines.queries.commands import StatementKind
from cockroach_pipelines.queries.comparison import SIDES, ComparedSide, Comparison, Fragment
from cockroach_pipelines.queries.errors import ParameterError, QueryFileError, QueryNotFoundError
from cockroach_pipelines.queries.figures import Aggregate, Figure
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
from cockroach_pipelines.queries.partitions import PartitionWindow, earlier_window, partition_window
from cockroach_pipelines.queries.query import BrokenQuery, CheckQuery, Query, QueryKind
from cockroach_pipelines.queries.reconciliation_header import (
    RECONCILIATION_KEYS,
    Bounds,
    Expect,
    MeasureRule,
    ReconciliationHeader,
    ToleranceRule,
)
from cockroach_pipelines.queries.report_loading import place_in_header, refuse_unknown_columns
from cockroach_pipelines.queries.reporting_header import (
    PREVIOUS_PARTITION,
    PREVIOUS_SNAPSHOT,
    REPORTING_KEYS,
    Alert,
    Chart,
    ChartType,
    ColumnRule,
    Compare,
    DeliveryRule,
    Into,
    KpiRule,
    Occasion,
    ReportFormat,
    ReportingHeader,
    ReportRules,
    SectionRule,
    Shown,
)
from cockroach_pipelines.queries.repository import SQLRepository
from cockroach_pipelines.queries.statement import Statement
from cockroach_pipelines.queries.table_names import TableName
from cockroach_pipelines.queries.templates import RenderedTemplate, SQLTemplate

__all__ = [
    "PARTITION_PARAMETERS",
    "PREVIOUS_PARTITION",
    "PREVIOUS_SNAPSHOT",
    "RECONCILIATION_KEYS",
    "REPORTING_KEYS",
    "SIDES",
    "Aggregate",
    "Alert",
    "BoundSQL",
    "Bounds",
    "BrokenQuery",
    "Chart",
    "ChartType",
    "Check",
    "CheckQuery",
    "ColumnFormat",
    "ColumnRule",
    "Compare",
    "ComparedSide",
    "Comparison",
    "DeliveryRule",
    "Effect",
    "Expect",
    "Figure",
    "FormatKind",
    "Fragment",
    "Header",
    "Into",
    "KpiRule",
    "LocatedSQL",
    "MeasureRule",
    "Occasion",
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
    "ReportFormat",
    "ReportRules",
    "ReportingHeader",
    "SQLLoader",
    "SQLParser",
    "SQLRepository",
    "SQLTemplate",
    "SectionRule",
    "Severity",
    "Shown",
    "Statement",
    "StatementKind",
    "TableName",
    "ToleranceRule",
    "asked_comparison",
    "bind_positions",
    "earlier_window",
    "partition_window",
    "place_in_header",
    "refuse_unknown_columns",
]
