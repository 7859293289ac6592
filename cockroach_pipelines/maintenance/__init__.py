"""Statements that keep a database in shape."""

from cockroach_pipelines.maintenance.statement import run_maintenance

__all__ = ["run_maintenance"]
