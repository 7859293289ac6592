"""What keeps batched maintenance from running, or ends it."""

from __future__ import annotations

import datetime as dt

from cockroach_pipelines.config import PipelinesError


class MaintenanceError(PipelinesError):
    """A batch job cannot run as it is asked for."""


class GuardError(MaintenanceError):
    """A batch job would do harm, or not what it says; nothing of it ran."""


class LeaseLostError(MaintenanceError):
    """Another process has taken the job over; the batch that was under way is rolled back."""

    def __init__(self, job: str) -> None:
        super().__init__(
            f"{job} was taken over by another process, since this one had been silent for longer than its lease.",
            advice="The batch under way was rolled back, and the other process goes on. Raise `batch.lease` if that was too early.",
        )


class JobHeldError(MaintenanceError):
    """Another process runs the job.

    Attributes:
        owner: Who.
        until: When it can be taken over if its holder is silent from now on.
    """

    def __init__(self, job: str, owner: str, until: dt.datetime) -> None:
        super().__init__(
            f"{job} is being run by {owner}; this run did nothing.",
            advice=f"Wait for its end. If its process has died, the job can be run from {until.astimezone():%Y-%m-%d %H:%M:%S%z} on.",
        )
        self.owner = owner
        self.until = until
