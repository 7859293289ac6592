"""What can go wrong between the rows of a report and its readers."""

from __future__ import annotations

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.queries import QueryNotFoundError


class ReportError(PipelinesError):
    """A report cannot be made of its rows as its header asks for."""


class SnapshotNotFoundError(QueryNotFoundError):
    """There is no snapshot of the report that was asked for."""


class PublishError(PipelinesError):
    """The result cannot become the table that `into` names; the table is as it was."""
