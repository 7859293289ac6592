"""A result becomes files."""

from cockroach_pipelines.reporting.report import run_report, run_report_range

__all__ = ["run_report", "run_report_range"]
