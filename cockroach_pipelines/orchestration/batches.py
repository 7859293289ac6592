"""Maintenance that works batch by batch, as steps."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.execution import Activity, BatchFinished, Event, Observer, Order
from cockroach_pipelines.execution.lease import LeaseHeldError, LeaseLostError
from cockroach_pipelines.maintenance import (
    BatchedRun,
    BatchProgress,
    EndReason,
    checks_of,
)
from cockroach_pipelines.orchestration.failures import failure, shown
from cockroach_pipelines.orchestration.metadata import check_results, table_value
from cockroach_pipelines.orchestration.observer import DagsterObserver
from cockroach_pipelines.orchestration.partitions import partition_windows
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.queries import PartitionWindow, Query

ARM = "arm"
"""The key of a run's configuration that lets a file, as it is now, change data."""
DRY_RUN = "dry_run"

_PROGRESS_SECONDS = 5.0
_UNFINISHED = frozenset({EndReason.SHARE, EndReason.THROTTLED, EndReason.PAUSED})


def batch_config_schema() -> dict[str, dg.Field]:
    """Give what the configuration of a batch job's run holds beside its parameters."""
    return {
        ARM: dg.Field(
            bool,
            default_value=False,
            description="Let this file, as it is now, change data: in this run and later ones. Its first run is dry otherwise.",
        ),
        DRY_RUN: dg.Field(bool, default_value=False, description="Say what it would do, and change nothing."),
    }


def batch_events(
    context: dg.AssetExecutionContext, query: Query, archives: Path, given: Mapping[str, object]
) -> Iterator[Any]:
    """Run a batch job, partition by partition, and give what its step yields.

    Raises:
        dagster.Failure: It failed, or somebody or something holds it; what it committed stays, and the next run goes on.
        dagster.RetryRequested: It failed in a way that can pass.
    """
    parameters = {name: value for name, value in given.items() if name not in (ARM, DRY_RUN)}
    arm, dry_run = bool(given.get(ARM)), bool(given.get(DRY_RUN))
    observer = DagsterObserver(context.log)
    resource: CockroachDBResource = getattr(context.resources, query.header.connection)
    activity = Activity(asset=query.name, run=context.run.run_id)

    def run(window: PartitionWindow | None) -> BatchedRun | dg.Failure | dg.RetryRequested:
        order = Order(query, parameters, window)
        progress = _ProgressLog(context.log.info)
        try:
            engine = resource.batched(archives, activity, _quietly(observer), progress)
            outcome = engine.run(order, arm=arm, dry_run=dry_run)
            context.log.info(f"{query.name}{f' {window.key}' if window else ''}: {outcome.headline}")
            return _checked(outcome, resource, activity)
        except (LeaseHeldError, LeaseLostError) as error:
            return dg.Failure(str(error), metadata={"end_reason": "locked"}, allow_retries=False)
        except PipelinesError as error:
            context.log.error(shown(error))
            return failure(error, context.retry_number, retries=query.header.retries != 0)

    outcomes = []
    for window in partition_windows(context, query.header.partition):
        outcome = run(window)
        if not isinstance(outcome, BatchedRun):
            raise outcome
        outcomes.append(outcome)
        if window:
            context.add_asset_metadata(batch_metadata([outcome]), partition_key=window.key)
        if outcome.reason in _UNFINISHED:
            raise dg.Failure(outcome.headline, metadata=batch_metadata(outcomes), allow_retries=False)
        if outcome.dry_run is not None:
            context.log.warning(
                f"{query.name}: this was a dry run, which changed nothing. Let it change data with `{ARM}: true` in the "
                f"run's configuration, or by `cockroach-pipelines maintenance arm {query.name}`."
            )
    yield dg.MaterializeResult(
        metadata=batch_metadata(outcomes) | observer.metadata(),
        check_results=check_results(outcomes, context.asset_key),
    )


def _checked(outcome: BatchedRun, resource: CockroachDBResource, activity: Activity) -> BatchedRun:
    return replace(outcome, checks=checks_of(resource.reader(activity), outcome.order))


def batch_metadata(outcomes: Sequence[BatchedRun]) -> dict[str, Any]:
    """Give what runs came to; numbers as such, so that Dagster plots them over runs."""
    last = outcomes[-1]
    seconds = sum(each.seconds for each in outcomes)
    rows = sum(each.rows for each in outcomes)
    metadata: dict[str, Any] = {
        "end_reason": last.reason.value,
        "dry_run": last.dry_run is not None,
        "connection": f"{last.connection} ({last.server})",
        "duration": dg.MetadataValue.float(round(seconds, 3)),
        "statement": dg.MetadataValue.md(f"```sql\n{last.order.query.statement_for(last.server.dialect).sql}\n```"),
    }
    if last.detail:
        metadata["end_detail"] = last.detail
    if last.dry_run is not None:
        found = last.dry_run
        metadata["would_do"] = str(found)
        if found.estimated is not None:
            metadata["estimated_rows"] = dg.MetadataValue.int(found.estimated)
        metadata["index"] = found.index
        metadata["plan"] = dg.MetadataValue.md(f"```\n{found.plan}\n```")
        if found.sample is not None and found.sample.num_columns:
            metadata["sample"] = table_value(found.sample)
        return metadata
    metadata |= {
        "rows_affected": dg.MetadataValue.int(rows),
        "rows_of_pass": dg.MetadataValue.int(last.pass_rows),
        "batches": dg.MetadataValue.int(sum(each.batches for each in outcomes)),
        "rows_per_second": dg.MetadataValue.float(round(rows / seconds, 1) if seconds else 0.0),
        "resumes": dg.MetadataValue.int(last.resumes),
        "audit": last.run,
    }
    if last.archive:
        metadata["archive"] = dg.MetadataValue.path(str(last.archive))
    return metadata


def _quietly(observer: Observer) -> Observer:
    """Leave single batches out: there may be thousands, and each line of the event log is kept."""

    def tell(event: Event) -> None:
        if not isinstance(event, BatchFinished):
            observer(event)

    return tell


class _ProgressLog:
    """Tells how far a job is, every few seconds, and at once when something begins to hold it.

    Args:
        tell: Takes a line of a log.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told = float("-inf")
        self._waiting = ""

    def __call__(self, at: BatchProgress) -> None:
        now = time.monotonic()
        if now - self._told >= _PROGRESS_SECONDS or at.waiting != self._waiting:
            self._told, self._waiting = now, at.waiting
            self._tell(f"{at.job}: {at}")
