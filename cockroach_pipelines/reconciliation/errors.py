"""What can be wrong with a reconciliation itself."""

from __future__ import annotations

from cockroach_pipelines.config import PipelinesError


class ReconciliationError(PipelinesError):
    """Two relations cannot be compared as it was asked."""


class NoCommonColumnsError(ReconciliationError):
    """The relations share no column that could be compared."""


class KeyColumnError(ReconciliationError):
    """The key names a column that a side lacks, or one whose type cannot be a key."""
