"""Two relations compared."""

from cockroach_pipelines.reconciliation.differences import NO_DIFFERENCES, run_reconciliation

__all__ = ["NO_DIFFERENCES", "run_reconciliation"]
