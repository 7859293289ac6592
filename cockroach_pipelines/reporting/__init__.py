"""A result becomes files."""

from cockroach_pipelines.reporting.delivering import Delivered, Deliverer
from cockroach_pipelines.reporting.errors import PublishError, ReportError, SnapshotNotFoundError
from cockroach_pipelines.reporting.producing import Produced, produce
from cockroach_pipelines.reporting.report import ReportOutcome, read_report, run_report, run_report_range
from cockroach_pipelines.reporting.snapshots import REPORTS, Snapshot, SnapshotStore

__all__ = [
    "REPORTS",
    "Delivered",
    "Deliverer",
    "Produced",
    "PublishError",
    "ReportError",
    "ReportOutcome",
    "Snapshot",
    "SnapshotNotFoundError",
    "SnapshotStore",
    "produce",
    "read_report",
    "run_report",
    "run_report_range",
]
