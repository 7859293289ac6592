"""A sensor for each file that watches the database."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import dagster as dg

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.execution import Activity, ask
from cockroach_pipelines.orchestration.failures import shown
from cockroach_pipelines.orchestration.jobs import job_of
from cockroach_pipelines.orchestration.partitions import keys_of_windows, partitions_definition, time_definition
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.orchestration.translator import asset_key
from cockroach_pipelines.queries import Query


@dataclass(frozen=True)
class Watermark:
    """What was seen last, and how many values were seen so far; it is the sensor's cursor."""

    seen: str
    number: int

    @classmethod
    def of_cursor(cls, cursor: str | None) -> "Watermark | None":
        """Read a cursor, None before the first value.

        Raises:
            dagster.Failure: It is none of these.
        """
        if not cursor:
            return None
        try:
            held = json.loads(cursor)
            return cls(str(held["seen"]), int(held["number"]))
        except (ValueError, TypeError, LookupError):
            pass
        raise dg.Failure(
            f"The cursor of this sensor is {cursor!r}, and must be such as {cls('2013-01-31', 1).cursor}.\n"
            "Set it so, or clear it under Automation: the next value then asks for a run, whatever it is.",
            allow_retries=False,
        )

    @property
    def cursor(self) -> str:
        """The text that Dagster keeps."""
        return json.dumps(asdict(self))

    @property
    def run_key(self) -> str:
        """What makes a run of this value the only one, also where a value comes back after another."""
        return f"{self.seen} ({self.number})"


def watch_sensor(query: Query) -> dg.SensorDefinition | None:
    """Give the sensor of a file whose header has `watch`, running from the start; None without.

    A tick asks the database for the value, in this process, which keeps its Java virtual machine: a process for each
    question would start Python, Java and Kerberos anew, for a second of processor time instead of milliseconds. Nothing
    is held between two ticks but the cursor. A value that differs from the last one asks for a run; NULL is no value yet.
    Of an asset with windows of time the latest that has ended is run, of one with other partitions each of them.
    """
    if query.watch is None:
        return None
    watch = query.watch.watch
    name = f"watch__{query.name.replace('/', '__')}"

    @dg.sensor(
        name=name,
        target=job_of(name, asset_key(query.name)),
        minimum_interval_seconds=round(watch.every),
        default_status=dg.DefaultSensorStatus.RUNNING,
        required_resource_keys={query.watched_connection},
        description=f"{query.name}: a new value of `{watch.query}` asks for a run.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        before = Watermark.of_cursor(context.cursor)
        value = _value(context, query)
        if isinstance(value, dg.Failure):
            raise value
        if value is None:
            return dg.SkipReason("The query gives NULL, or no row: there is nothing yet.")
        if before and value == before.seen:
            return dg.SkipReason(f"Still {value}.")
        now = Watermark(value, before.number + 1 if before else 1)
        requests = _requests(context, query, now)
        if not requests:
            return dg.SkipReason(f"{value} is new, and no partition has ended yet.")
        return dg.SensorResult(run_requests=requests, cursor=now.cursor)

    return tick


def _value(context: dg.SensorEvaluationContext, query: Query) -> str | dg.Failure | None:
    """Ask for the value; an error is given, not raised, so that it is raised without its cause and its values."""
    assert query.watch is not None  # noqa: S101 - there is no sensor without
    resource: CockroachDBResource = getattr(context.resources, query.watched_connection)
    executor = resource.reader(Activity(asset=f"watch {query.name}"))
    try:
        return ask(
            executor,
            query.watched_connection,
            query.watch.bound,
            name=f"watch of {query.path.name}",
            timeout=query.watch.watch.timeout,
        )
    except PipelinesError as error:
        return dg.Failure(f"{query.name} could not be watched: {shown(error)}", allow_retries=False)


def _requests(context: dg.SensorEvaluationContext, query: Query, mark: Watermark) -> Sequence[dg.RunRequest]:
    definition = partitions_definition(query.header)
    if definition is None:
        return [dg.RunRequest(run_key=mark.run_key)]
    with dg.partition_loading_context(dynamic_partitions_store=context.instance):
        windows = time_definition(definition)
        if windows is None:
            keys: Sequence[str] = definition.get_partition_keys()
        else:
            last = windows.get_last_partition_key()
            keys = keys_of_windows(definition, [last]) if last else []
        return [dg.RunRequest(run_key=f"{mark.run_key} {key}", partition_key=key) for key in keys]
