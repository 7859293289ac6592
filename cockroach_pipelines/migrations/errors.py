"""What keeps migrations from being applied."""

from __future__ import annotations

from cockroach_pipelines.config import PipelinesError


class MigrationStateError(PipelinesError):
    """Files and history do not fit together, or what is asked for does not fit them."""
