"""Schedules that headers ask for."""

from collections.abc import Sequence
from datetime import datetime

import dagster as dg
from dagster import DagsterInstance

from cockroach_pipelines.orchestration.jobs import job_of
from cockroach_pipelines.orchestration.partitions import keys_of_windows, partitions_definition, time_definition
from cockroach_pipelines.orchestration.translator import asset_key
from cockroach_pipelines.queries import Query
from cockroach_pipelines.queries.headers import Backfill

_SCHEDULE, _PARTITION = "dagster/schedule_name", "dagster/partition"
_RANGE_START, _RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
_MOST_LOOKED_AT = 100  # runs of a schedule; the newest that it asked for is among its last ones


def sql_schedule(query: Query) -> dg.ScheduleDefinition | None:
    """Give the schedule of a file whose header has `cron` or `every`, running from the start; None without.

    A tick materializes the asset. Of windows of time it asks for the latest that has ended, and for those before it that
    ended since the newest that this schedule has asked for: what no tick came for, because nothing ran, is not lost. The
    first tick ever asks for the latest alone. Of keys it asks for all. Several partitions are one run, or a run each, as
    the file's `backfill` says. Once the windows themselves have ended, a tick is skipped and says so.
    """
    cron = query.header.cron_schedule
    if cron is None:
        return None
    name = query.name.replace("/", "__")
    definition = partitions_definition(query.header)

    @dg.schedule(
        name=name,
        cron_schedule=cron,
        target=job_of(name, asset_key(query.name)),
        execution_timezone=query.header.effective_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{query.name}: {query.description}",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        if definition is None:
            return [dg.RunRequest()]
        now = context.scheduled_execution_time
        with dg.partition_loading_context(effective_dt=now, dynamic_partitions_store=context.instance):
            keys = _due(definition, now, context.instance, name)
        return keys if isinstance(keys, dg.SkipReason) else _requests(keys, query.backfill)

    return tick


def _due(
    definition: dg.PartitionsDefinition[str], now: datetime, instance: DagsterInstance, schedule: str
) -> Sequence[str] | dg.SkipReason:
    """Give the partitions that a tick asks for, in the definition's own order."""
    windows = time_definition(definition)
    if windows is None:
        return list(definition.get_partition_keys()) or dg.SkipReason("There are no keys yet.")
    last = windows.get_last_partition_window()
    if last is None:
        return dg.SkipReason("No partition has ended yet.")
    key = windows.get_last_partition_key() or ""
    asked = _asked_before(definition, windows, instance, schedule)
    missed: Sequence[str] = []
    if asked is not None and asked.end.timestamp() < last.end.timestamp():
        missed = windows.get_partition_keys_in_time_window(dg.TimeWindow(asked.end, last.end))
    elif last.end + 2 * (last.end - last.start) < now:
        return dg.SkipReason(f"The partitions end with {key}.")
    times = missed or [key]
    return keys_of_windows(definition, times) or dg.SkipReason("There are no keys beside the windows of time yet.")


def _asked_before(
    definition: dg.PartitionsDefinition[str],
    windows: dg.TimeWindowPartitionsDefinition,
    instance: DagsterInstance,
    schedule: str,
) -> dg.TimeWindow | None:
    """Give the newest window that a schedule's runs were for, None where there is none that is still one."""
    found = []
    for run in instance.get_runs(dg.RunsFilter(tags={_SCHEDULE: schedule}), limit=_MOST_LOOKED_AT):
        key = run.tags.get(_RANGE_END) or run.tags.get(_PARTITION)
        if key is None:
            continue
        if isinstance(definition, dg.MultiPartitionsDefinition):
            if not definition.is_valid_key_format(key):
                continue
            parts = definition.get_partition_key_from_str(key).keys_by_dimension
            key = parts[definition.time_window_dimension.name]
        try:
            found.append(windows.time_window_for_partition_key(key))
        except ValueError:
            continue  # the file was partitioned in another way then
    return max(found, key=lambda window: window.end.timestamp(), default=None)


def _requests(keys: Sequence[str], backfill: Backfill) -> list[dg.RunRequest]:
    if backfill is Backfill.PER_PARTITION or len(keys) == 1:
        return [dg.RunRequest(run_key=str(key), partition_key=key) for key in keys]
    tags = {_RANGE_START: str(keys[0]), _RANGE_END: str(keys[-1])}
    return [dg.RunRequest(run_key=f"{keys[0]}...{keys[-1]}", tags=tags)]
