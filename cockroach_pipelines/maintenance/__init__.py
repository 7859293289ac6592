"""Statements that keep a database in shape, at once or batch by batch."""

from cockroach_pipelines.maintenance.engine import BatchedMaintenance, job_name
from cockroach_pipelines.maintenance.errors import GuardError, MaintenanceError
from cockroach_pipelines.maintenance.monitor import MonitorError, run_monitor
from cockroach_pipelines.maintenance.outcome import BatchedRun, DryRun, EndReason
from cockroach_pipelines.maintenance.overseeing import JobState, Overseer
from cockroach_pipelines.maintenance.progress import BatchProgress, span
from cockroach_pipelines.maintenance.runs import BatchRecord, Pausing, RunRecord
from cockroach_pipelines.maintenance.statement import checks_of, run_maintenance

__all__ = [
    "BatchProgress",
    "BatchRecord",
    "BatchedMaintenance",
    "BatchedRun",
    "DryRun",
    "EndReason",
    "GuardError",
    "JobState",
    "MaintenanceError",
    "MonitorError",
    "Overseer",
    "Pausing",
    "RunRecord",
    "checks_of",
    "job_name",
    "run_maintenance",
    "run_monitor",
    "span",
]
