"""A result becomes files."""

from cockroach_pipelines.reporting.report import run_report

__all__ = ["run_report"]
