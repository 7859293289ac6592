"""Partitions of a header in Dagster's terms."""

from collections.abc import Sequence
from datetime import UTC

import dagster as dg

from cockroach_pipelines.queries import Partition, PartitionEvery, PartitionWindow


def partitions_definition(partition: Partition) -> dg.TimeWindowPartitionsDefinition:
    """Give the partitions that a header declares; `to` is not among them, as in the header."""
    start = partition.start.isoformat()
    end = partition.end.isoformat() if partition.end else None
    match partition.every:
        case PartitionEvery.DAY:
            return dg.DailyPartitionsDefinition(start, end, timezone=partition.timezone)
        case PartitionEvery.WEEK:
            return dg.WeeklyPartitionsDefinition(
                start, end, timezone=partition.timezone, day_offset=partition.day_offset
            )
        case PartitionEvery.MONTH:
            return dg.MonthlyPartitionsDefinition(
                start, end, timezone=partition.timezone, day_offset=partition.day_offset
            )


def partition_windows(context: dg.AssetExecutionContext) -> Sequence[PartitionWindow | None]:
    """Give the partitions that this step has to make, oldest first; `[None]` for an asset without partitions.

    The asset's own partitions decide: in a run with a partition, an asset without any still sees a key in the context.
    """
    definition = context.assets_def.partitions_def
    if not isinstance(definition, dg.TimeWindowPartitionsDefinition):
        return [None]
    windows = []
    for key in context.partition_keys:
        window = definition.time_window_for_partition_key(key)
        windows.append(PartitionWindow(key, window.start.astimezone(UTC), window.end.astimezone(UTC)))
    return windows
