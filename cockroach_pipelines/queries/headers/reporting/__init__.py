"""What the header of a report says: columns, figures, charts, comparisons, destinations."""

from cockroach_pipelines.queries.headers.reporting.column_formats import ColumnFormat, FormatKind
from cockroach_pipelines.queries.headers.reporting.comparison import PREVIOUS_PARTITION, PREVIOUS_SNAPSHOT, Compare
from cockroach_pipelines.queries.headers.reporting.destinations import DeliveryRule, Into, Occasion
from cockroach_pipelines.queries.headers.reporting.figures import Aggregate, Figure
from cockroach_pipelines.queries.headers.reporting.report import REPORTING_KEYS, ReportingHeader, ReportRules
from cockroach_pipelines.queries.headers.reporting.shown import (
    Alert,
    Chart,
    ChartType,
    ColumnRule,
    KpiRule,
    SectionRule,
    Shown,
)
from cockroach_pipelines.queries.headers.reporting.values import ReportFormat

__all__ = [
    "PREVIOUS_PARTITION",
    "PREVIOUS_SNAPSHOT",
    "REPORTING_KEYS",
    "Aggregate",
    "Alert",
    "Chart",
    "ChartType",
    "ColumnFormat",
    "ColumnRule",
    "Compare",
    "DeliveryRule",
    "Figure",
    "FormatKind",
    "Into",
    "KpiRule",
    "Occasion",
    "ReportFormat",
    "ReportRules",
    "ReportingHeader",
    "SectionRule",
    "Shown",
]
