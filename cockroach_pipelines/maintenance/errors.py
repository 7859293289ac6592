"""What keeps batched maintenance from running, or ends it."""

from __future__ import annotations

from cockroach_pipelines.config import PipelinesError


class MaintenanceError(PipelinesError):
    """A batch job cannot run as it is asked for."""


class GuardError(MaintenanceError):
    """A batch job would do harm, or not what it says; nothing of it ran."""
