"""Partitions of a header in Dagster's terms."""

from collections.abc import Sequence
from datetime import UTC

import dagster as dg

from cockroach_pipelines.queries import PartitionSpec, PartitionWindow

_DEFINITIONS: dict[str, type[dg.TimeWindowPartitionsDefinition]] = {
    "day": dg.DailyPartitionsDefinition,
    "week": dg.WeeklyPartitionsDefinition,
    "month": dg.MonthlyPartitionsDefinition,
}


def partitions_definition(spec: PartitionSpec) -> dg.TimeWindowPartitionsDefinition:
    """Give the partitions that a header declares; `to` is not among them, as in the header."""
    return _DEFINITIONS[spec.every](
        start_date=spec.start.isoformat(),
        end_date=spec.end.isoformat() if spec.end else None,
        timezone=spec.timezone,
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
