"""SQL files: their headers, parameters, analysis, and the repository that holds them."""

from cockroach_pipelines.queries.asked_comparison import asked_comparison
from cockroach_pipelines.queries.automation_header import Freshness, MappingKind, PartitionMapping, Trigger
from cockroach_pipelines.queries.batch import Batch, NarrowedStatement, PagedStatement
from cockroach_pipelines.queries.check_header import Checks
from cockroach_pipelines.queries.check_loading import column_advice
from cockroach_pipelines.queries.check_rules import (
    ROWS,
    AcceptedValues,
    Check,
    FreshColumn,
    NoChangeBeyond,
    NotNull,
    RowCount,
    Rule,
    Severity,
    Unique,
    column_of,
)
from cockroach_pipelines.queries.collecting import collecting_rarely
from cockroach_pipelines.queries.column_formats import ColumnFormat, FormatKind
from cockroach_pipelines.queries.commands import StatementKind
from cockroach_pipelines.queries.comparison import SIDES, ComparedSide, Comparison, Fragment
from cockroach_pipelines.queries.defaults import HeaderDefaults, header_defaults
from cockroach_pipelines.queries.errors import ParameterError, QueryFileError, QueryNotFoundError, combine
from cockroach_pipelines.queries.figures import Aggregate, Figure
from cockroach_pipelines.queries.header_models import Header
from cockroach_pipelines.queries.key_prefix import checked_prefix
from cockroach_pipelines.queries.lineage import ColumnOrigin, column_origins
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
from cockroach_pipelines.queries.migration_file import MigrationFile, MigrationStatement
from cockroach_pipelines.queries.migration_folder import MigrationFolder, MigrationSet
from cockroach_pipelines.queries.migration_rules import Finding, findings
from cockroach_pipelines.queries.migration_version import MigrationVersion
from cockroach_pipelines.queries.monitor_header import (
    MONITOR_KEYS,
    MonitorHeader,
    MonitorKeys,
    Threshold,
    Watch,
    place_of_column,
    watches_of,
)
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
    earlier_window,
    example_key,
    first_moment,
    name_of_keys,
    partition_window,
)
from cockroach_pipelines.queries.query import BrokenQuery, CheckQuery, Query, QueryKind, ResultCheck
from cockroach_pipelines.queries.reconciliation_header import (
    RECONCILIATION_KEYS,
    Bounds,
    Expect,
    MeasureRule,
    ReconciliationHeader,
    ToleranceRule,
)
from cockroach_pipelines.queries.report_comparison import PREVIOUS_PARTITION, PREVIOUS_SNAPSHOT, Compare
from cockroach_pipelines.queries.report_destinations import DeliveryRule, Into, Occasion
from cockroach_pipelines.queries.report_loading import place_in_header, refuse_unknown_columns
from cockroach_pipelines.queries.report_shown import (
    Alert,
    Chart,
    ChartType,
    ColumnRule,
    KpiRule,
    SectionRule,
    Shown,
)
from cockroach_pipelines.queries.report_values import ReportFormat
from cockroach_pipelines.queries.reporting_header import REPORTING_KEYS, ReportingHeader, ReportRules
from cockroach_pipelines.queries.repository import SQLRepository, sql_files
from cockroach_pipelines.queries.statement import Statement
from cockroach_pipelines.queries.table_names import TableName, TableOn, parse_table_name
from cockroach_pipelines.queries.templates import RenderedTemplate, SQLTemplate
from cockroach_pipelines.queries.ttl import ttl_proposal
from cockroach_pipelines.queries.watch import WatchQuery

__all__ = [
    "AFTER",
    "BATCH_SIZE",
    "MONITOR_KEYS",
    "MOST_KEYS",
    "PARTITION_PARAMETERS",
    "PREVIOUS_PARTITION",
    "PREVIOUS_SNAPSHOT",
    "RECONCILIATION_KEYS",
    "REPORTING_KEYS",
    "ROWS",
    "SIDES",
    "AcceptedValues",
    "Aggregate",
    "Alert",
    "Backfill",
    "Batch",
    "BatchRules",
    "BatchSize",
    "BoundSQL",
    "Bounds",
    "BrokenQuery",
    "Chart",
    "ChartType",
    "Check",
    "CheckQuery",
    "Checks",
    "ColumnFormat",
    "ColumnOrigin",
    "ColumnRule",
    "Compare",
    "ComparedSide",
    "Comparison",
    "DeliveryRule",
    "Effect",
    "Expect",
    "Figure",
    "Finding",
    "FormatKind",
    "Fragment",
    "FreshColumn",
    "Freshness",
    "Gone",
    "Header",
    "HeaderDefaults",
    "Into",
    "KeysPartition",
    "KpiRule",
    "LocatedSQL",
    "MaintenanceHeader",
    "MappingKind",
    "MeasureRule",
    "MigrationFile",
    "MigrationFolder",
    "MigrationSet",
    "MigrationStatement",
    "MigrationVersion",
    "MonitorHeader",
    "MonitorKeys",
    "NarrowedStatement",
    "NoChangeBeyond",
    "NotNull",
    "Occasion",
    "PagedStatement",
    "ParameterError",
    "ParameterSpec",
    "ParsedSQL",
    "Partition",
    "PartitionEvery",
    "PartitionMapping",
    "PartitionWindow",
    "Permission",
    "Query",
    "QueryFileError",
    "QueryKind",
    "QueryNotFoundError",
    "QueryPartition",
    "ReconciliationHeader",
    "RenderedTemplate",
    "ReportFormat",
    "ReportRules",
    "ReportingHeader",
    "ResultCheck",
    "RowCount",
    "Rule",
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
    "TableOn",
    "Threshold",
    "TimePartition",
    "ToleranceRule",
    "Trigger",
    "TwoDimensions",
    "Unique",
    "Watch",
    "WatchQuery",
    "Window",
    "asked_comparison",
    "bind_positions",
    "checked_prefix",
    "collecting_rarely",
    "column_advice",
    "column_of",
    "column_origins",
    "combine",
    "contiguous",
    "earlier_window",
    "example_key",
    "findings",
    "first_moment",
    "header_defaults",
    "key_problem",
    "name_of_keys",
    "parse_table_name",
    "partition_window",
    "place_in_header",
    "place_of_column",
    "refuse_unknown_columns",
    "sql_files",
    "ttl_proposal",
    "watches_of",
]
