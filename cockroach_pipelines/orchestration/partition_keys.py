"""Sensors that keep the keys of partitions as a query gives them."""

from collections.abc import Iterable

import dagster as dg

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.execution import Activity, read_partition_keys
from cockroach_pipelines.orchestration.failures import shown
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.queries import Query, name_of_keys
from cockroach_pipelines.queries.headers import Gone, QueryPartition, TwoDimensions, key_problem
from cockroach_pipelines.queries.parsing import Statement

_NAMES_SHOWN = 10


def partition_key_sensors(queries: Iterable[Query]) -> list[dg.SensorDefinition]:
    """Give a sensor, running from the start, for each query that gives the keys of partitions.

    Files with the same query on the same connection share the keys and the sensor, which has the name of the first.
    """
    asking: dict[str, list[Query]] = {}
    for query in queries:
        if partition := _partition(query):
            asking.setdefault(name_of_keys(partition, query.header.connection), []).append(query)
    return [_sensor(name, sharing) for name, sharing in asking.items()]


def _sensor(name: str, sharing: list[Query]) -> dg.SensorDefinition:
    query = sharing[0]
    partition, statement = _partition(query), query.partition_query
    assert partition is not None and statement is not None  # noqa: S101 - for the type checker
    connection, every = query.header.connection, min(each.every for each in map(_partition, sharing) if each)
    removes = all(each.gone is Gone.REMOVE for each in map(_partition, sharing) if each)
    paired = any(isinstance(each.header.partition, TwoDimensions) for each in sharing)

    @dg.sensor(
        name=f"{query.name.replace('/', '__')}__keys",
        minimum_interval_seconds=int(every),
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={connection},
        description=f"Keys of the partitions of {', '.join(each.name for each in sharing)}: {partition.query}",
    )
    def ask(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        resource: CockroachDBResource = getattr(context.resources, connection)
        given = _ask(resource, query, statement)
        there = context.instance.get_dynamic_partitions(name)
        refused = {key: problem for key in given if (problem := key_problem(key, paired=paired))}
        new = [key for key in given if key not in there and key not in refused]
        # A table that is being loaded anew is empty for a while: that no key is left says nothing.
        gone = [key for key in there if key not in given] if removes and given else []
        if new:
            context.instance.add_dynamic_partitions(name, new)
        for key in gone:
            context.instance.delete_dynamic_partition(name, key)
        said = f"{len(given) - len(refused):,} keys; new: {_listed(new)}; removed: {_listed(gone)}"
        if refused:
            wrong = "; ".join(f"{key!r} {problem}" for key, problem in list(refused.items())[:_NAMES_SHOWN])
            raise dg.Failure(
                f"{len(refused):,} keys cannot be those of partitions: {wrong}.\n"
                f"Leave them out in the query, or give others in their place. The others are there: {said}."
            )
        return dg.SkipReason(said)

    return ask


def _ask(resource: CockroachDBResource, query: Query, statement: Statement) -> list[str]:
    reader = resource.reader(Activity(asset=query.name, run="keys"))
    try:
        return read_partition_keys(reader, query, statement)
    except PipelinesError as error:
        failed = dg.Failure(shown(error))
    raise failed  # without its cause, which may hold values


def _partition(query: Query) -> QueryPartition | None:
    partition = query.header.partition
    member = partition.members if isinstance(partition, TwoDimensions) else partition
    return member if isinstance(member, QueryPartition) else None


def _listed(keys: list[str]) -> str:
    shown_keys = ", ".join(keys[:_NAMES_SHOWN])
    return f"{shown_keys} and {len(keys) - _NAMES_SHOWN:,} more" if len(keys) > _NAMES_SHOWN else shown_keys or "none"
