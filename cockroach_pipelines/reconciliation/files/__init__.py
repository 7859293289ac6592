"""Reconciliations that files of SQL describe."""

from cockroach_pipelines.reconciliation.files.differences import (
    NO_DIFFERENCES,
    run_reconciliation,
    run_reconciliation_range,
)
from cockroach_pipelines.reconciliation.files.running import Comparing

__all__ = ["NO_DIFFERENCES", "Comparing", "run_reconciliation", "run_reconciliation_range"]
