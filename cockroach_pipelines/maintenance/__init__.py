"""Statements that keep a database in shape."""

from cockroach_pipelines.maintenance.monitor import MonitorError, run_monitor
from cockroach_pipelines.maintenance.statement import run_maintenance

__all__ = ["MonitorError", "run_maintenance", "run_monitor"]
