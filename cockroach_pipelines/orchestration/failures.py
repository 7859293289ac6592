"""Errors in Dagster's terms."""

from typing import Any

import dagster as dg

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database import DatabaseError, PoolTimeoutError, StatementError
from cockroach_pipelines.execution import redacted

# The executor has tried again by itself, within seconds: what outlives that takes longer. Followed by `failure` alone:
# as an asset's own policy Dagster would follow it when a run is terminated, too, and begin the statement anew.
RETRY_POLICY = dg.RetryPolicy(max_retries=2, delay=15, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


def failure(error: PipelinesError, retry_number: int, *, retries: bool = True) -> dg.Failure | dg.RetryRequested:
    """Give what a step raises for an error: another try where the error can pass, else a failure without one.

    The event log is kept and shared, so it has no values: neither in the text nor, by way of a cause, in a traceback.

    Args:
        error: What went wrong.
        retry_number: How often the step was tried again.
        retries: Whether the file wants to be tried again at all.
    """
    if retries and _can_pass(error) and retry_number < RETRY_POLICY.max_retries:
        return dg.RetryRequested(RETRY_POLICY.max_retries, RETRY_POLICY.calculate_delay(retry_number + 1))
    shown = redacted(error) if isinstance(error, StatementError) else error
    metadata: dict[str, Any] = {"error": dg.MetadataValue.text(str(shown))}
    if shown.place:
        metadata["place"] = str(shown.place)
    if isinstance(shown, StatementError):
        metadata["sqlstate"] = shown.sqlstate
    return dg.Failure(description=str(shown), metadata=metadata, allow_retries=False)


def shown(error: PipelinesError) -> str:
    """Give the text of an error without values."""
    return str(redacted(error) if isinstance(error, StatementError) else error)


def _can_pass(error: PipelinesError) -> bool:
    return isinstance(error, DatabaseError) and (error.retryable or isinstance(error, PoolTimeoutError))
