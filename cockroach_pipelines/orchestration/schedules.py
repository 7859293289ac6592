"""Schedules that headers ask for."""

import dagster as dg

from cockroach_pipelines.orchestration.partitions import partitions_definition
from cockroach_pipelines.orchestration.translator import asset_key
from cockroach_pipelines.queries import Query


def sql_schedule(query: Query) -> dg.ScheduleDefinition | None:
    """Give the schedule of a file whose header has `cron` or `every`, running from the start; None without.

    A tick materializes the asset; for a partitioned one the latest partition that has ended. Once the partitions
    themselves have ended, a tick is skipped and says so.
    """
    cron = query.header.cron_schedule
    if cron is None:
        return None
    partitions = partitions_definition(query.header.partition) if query.header.partition else None

    @dg.schedule(
        name=query.name.replace("/", "__"),
        cron_schedule=cron,
        target=dg.AssetSelection.assets(asset_key(query.name)),
        execution_timezone=query.header.effective_timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{query.name}: {query.description}",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if partitions is None:
            return dg.RunRequest()
        now = context.scheduled_execution_time
        with dg.partition_loading_context(effective_dt=now):
            key = partitions.get_last_partition_key()
        if key is None:
            return dg.SkipReason("No partition has ended yet.")
        window = partitions.time_window_for_partition_key(key)
        if window.end + 2 * (window.end - window.start) < now:
            return dg.SkipReason(f"The partitions end with {key}.")
        return dg.RunRequest(run_key=key, partition_key=key)

    return tick
