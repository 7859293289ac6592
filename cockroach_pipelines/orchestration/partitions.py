"""Partitions of a header in Dagster's terms."""

import warnings
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import dagster as dg

from cockroach_pipelines.queries import PartitionWindow, Query, first_moment, name_of_keys, partition_window
from cockroach_pipelines.queries.headers import (
    Backfill,
    Header,
    KeysPartition,
    MappingKind,
    Partition,
    PartitionEvery,
    PartitionMapping,
    QueryPartition,
    TimePartition,
    TwoDimensions,
)

_DAY_KEY, _HOUR_KEY = "%Y-%m-%d", "%Y-%m-%d-%H:%M"


def partitions_definition(header: Header) -> dg.PartitionsDefinition[str] | None:
    """Give the partitions that a header declares, None where it declares none.

    `to` is not among them, as in the header. The keys of a query are kept by Dagster's instance, under a name that every
    file with the same query on the same connection shares.
    """
    return _definition(header.partition, header.connection) if header.partition else None


def time_definition(definition: dg.PartitionsDefinition[str] | None) -> dg.TimeWindowPartitionsDefinition | None:
    """Give the windows of time among the dimensions of a definition."""
    if isinstance(definition, dg.MultiPartitionsDefinition):
        each = definition.time_window_dimension.partitions_def
        return each if isinstance(each, dg.TimeWindowPartitionsDefinition) else None
    return definition if isinstance(definition, dg.TimeWindowPartitionsDefinition) else None


def keys_of_windows(definition: dg.PartitionsDefinition[str], times: Sequence[str]) -> Sequence[str]:
    """Give the keys of a definition that some windows of time have: these themselves, or each with every other key."""
    if not isinstance(definition, dg.MultiPartitionsDefinition):
        return times
    time = definition.time_window_dimension.name
    (other,) = (each for each in definition.partitions_defs if each.name != time)
    members = other.partitions_def.get_partition_keys()
    return [dg.MultiPartitionKey({time: each, other.name: member}) for each in times for member in members]


def backfill_policy(query: Query) -> dg.BackfillPolicy | None:
    """Give how Dagster is to run several partitions of a file."""
    if query.header.partition is None:
        return None
    single = query.backfill is not Backfill.PER_PARTITION
    return dg.BackfillPolicy.single_run() if single else dg.BackfillPolicy.multi_run(1)


def partition_windows(
    context: dg.AssetExecutionContext, partition: Partition | None
) -> Sequence[PartitionWindow | None]:
    """Give the partitions that this step has to make, oldest first; `[None]` for an asset without partitions.

    The asset's own partitions decide: in a run with a partition, an asset without any still sees a key in the context.
    """
    if partition is None:
        return [None]
    return [partition_window(partition, str(key)) for key in context.partition_keys]


def asset_dep(query: Query, key: dg.AssetKey) -> dg.AssetDep:
    """Give what a file comes after, with the partitions of it that the header says."""
    mapping = query.header.partition_mapping.get("/".join(key.path))
    return dg.AssetDep(key, partition_mapping=_mapping(mapping)) if mapping else dg.AssetDep(key)


def _definition(partition: Partition, connection: str) -> dg.PartitionsDefinition[str]:
    match partition:
        case TimePartition():
            return _windows(partition)
        case KeysPartition():
            return dg.StaticPartitionsDefinition(list(partition.keys))
        case QueryPartition():
            return dg.DynamicPartitionsDefinition(name=name_of_keys(partition, connection))
        case TwoDimensions():
            return dg.MultiPartitionsDefinition(
                {name: _definition(each, connection) for name, each in partition.root.items()}
            )


def _windows(partition: TimePartition) -> dg.TimeWindowPartitionsDefinition:
    hour, minute = divmod(partition.offset, 60)
    cron = {
        PartitionEvery.HOUR: f"{minute} * * * *",
        PartitionEvery.DAY: f"{minute} {hour} * * *",
        PartitionEvery.WEEK: f"{minute} {hour} * * {partition.day_offset}",
        PartitionEvery.MONTH: f"{minute} {hour} {partition.day_offset} * *",
    }[partition.every]
    zone = ZoneInfo(partition.timezone)
    bounds = [
        first_moment(partition, day).astimezone(zone) if day else None for day in (partition.start, partition.end)
    ]
    # Dagster puts the zone back; the fold, which it keeps, says which of two equal times it is.
    start, end = (each.replace(tzinfo=None) if each else None for each in bounds)
    assert start is not None  # noqa: S101 - for the type checker
    return dg.TimeWindowPartitionsDefinition(
        start=start,
        end=end,
        cron_schedule=cron,
        timezone=partition.timezone,
        fmt=_HOUR_KEY if partition.every is PartitionEvery.HOUR else _DAY_KEY,
    )


def _mapping(mapping: PartitionMapping) -> dg.PartitionMapping:
    match mapping.kind:
        case MappingKind.ALL:
            return dg.AllPartitionMapping()
        case MappingKind.LAST:
            return dg.LastPartitionMapping()
        case MappingKind.IDENTITY:
            return dg.IdentityPartitionMapping()
        case MappingKind.TIME_WINDOW:
            with warnings.catch_warnings():
                # The day before the first one is no reason to refuse the first; Dagster calls the parameter beta.
                warnings.filterwarnings(
                    "ignore", message="Parameter `allow_nonexistent_upstream", category=dg.BetaWarning
                )
                return dg.TimeWindowPartitionMapping(
                    start_offset=mapping.start_offset,
                    end_offset=mapping.end_offset,
                    allow_nonexistent_upstream_partitions=bool(mapping.start_offset or mapping.end_offset),
                )
