"""A sensor that tells people of runs and checks that failed."""

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Literal, Protocol

import dagster as dg
from dagster._core.storage.tags import WILL_RETRY_TAG

from cockroach_pipelines.config import NotificationsConfig
from cockroach_pipelines.delivery import Channel, Email, Message
from cockroach_pipelines.orchestration.sensors.deliveries import Deliveries, channels
from cockroach_pipelines.orchestration.sensors.incidents import Incident, incident

NOTIFICATIONS = "notifications"
"""Name of the sensor."""

_EVERY_SECONDS = 15
_MOST_RUNS = 100
_TRIED_FOR_SECONDS = 24 * 3600.0
_ENDS: tuple[Literal[dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS], ...] = (
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_SUCCESS,
)


def notifications_sensor(settings: NotificationsConfig | None) -> dg.SensorDefinition | None:
    """Give the sensor, running from the start; None where nobody is to be told.

    It follows the ends of runs, and tells in one message what failed in each. Its cursor is the event up to which all was
    told; it starts at the present. What could not be delivered is tried again for a day, in pauses that grow, and a tick
    that failed to deliver fails with the reason.
    """
    if settings is None or not {"run_failure", "check_failure"} & set(settings.occasions):
        return None

    @dg.sensor(
        name=NOTIFICATIONS,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tells of what failed: {', '.join(each.name for each in channels(settings)) or 'e-mail to owners'}.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        if context.cursor is None:
            latest = _latest(context.instance)
            return dg.SensorResult(skip_reason="What fails from now on is told.", cursor=str(latest))
        ended = _ended(context.instance, _position(context.cursor))
        deliveries = Deliveries(context)
        position, waits = _position(context.cursor), False
        for record in ended:
            found = _incident(context, record, settings)
            waits |= found is not None and not _told(context, found, settings, deliveries)
            if not waits:
                position = record.storage_id
        if deliveries.errors:
            raise dg.Failure("\n".join(deliveries.errors), allow_retries=False)
        if not waits:
            deliveries.forget(deliveries.known)
        return dg.SensorResult(skip_reason=_said(deliveries, waits), cursor=str(position))

    return tick


def _said(deliveries: Deliveries, waits: bool) -> str:
    sent = f"{deliveries.sent} messages were delivered." if deliveries.sent else ""
    waiting = deliveries.paused or "The rest is told by the next tick." if waits else ""
    return f"{sent} {waiting}".strip() or "Nothing failed since."


def _position(cursor: str) -> int:
    if cursor.isdecimal():
        return int(cursor)
    raise dg.Failure(
        f"The cursor of this sensor is {cursor!r}, and must be the number of an event.\n"
        "Clear it under Automation: what fails from then on is told.",
        allow_retries=False,
    )


def _latest(instance: dg.DagsterInstance) -> int:
    """Give the number of the last event that ended a run, 0 where none has."""
    last = [record for kind in _ENDS for record in instance.fetch_run_status_changes(kind, limit=1).records]
    return max((record.storage_id for record in last), default=0)


def _ended(instance: dg.DagsterInstance, after: int) -> Sequence[dg.EventLogRecord]:
    """Give the events that ended runs after one of them, oldest first, without a gap."""
    found: list[dg.EventLogRecord] = []
    known_until = None
    for kind in _ENDS:
        wanted = dg.RunStatusChangeRecordsFilter(kind, after_storage_id=after)
        records = instance.fetch_run_status_changes(wanted, limit=_MOST_RUNS, ascending=True).records
        if len(records) == _MOST_RUNS:
            known_until = min(known_until or records[-1].storage_id, records[-1].storage_id)
        found += records
    found.sort(key=lambda record: record.storage_id)
    return [record for record in found if known_until is None or record.storage_id <= known_until]


def _incident(
    context: dg.SensorEvaluationContext, record: dg.EventLogRecord, settings: NotificationsConfig
) -> Incident | None:
    found = incident(context.instance, record, settings, _steps(context))
    if found is None or found.run.tags.get(WILL_RETRY_TAG) == "true":
        return None
    origin = found.run.remote_job_origin
    if origin and context.code_location_origin:
        repository = origin.repository_origin
        ours = (context.code_location_origin.location_name, context.repository_name)
        if (repository.code_location_origin.location_name, repository.repository_name) != ours:
            return None
    return found


def _steps(context: dg.SensorEvaluationContext) -> Mapping[str, dg.AssetKey]:
    if context.repository_def is None:
        return {}
    return {"__".join(key.path): key for key in context.repository_def.asset_graph.get_all_asset_keys()}


def _told(
    context: dg.SensorEvaluationContext, found: Incident, settings: NotificationsConfig, deliveries: Deliveries
) -> bool:
    """Deliver an incident to all who are told of it, and say whether nothing more has to be done."""
    if time.time() - found.ended > _TRIED_FOR_SECONDS:
        context.log.error(f"{found.message(settings).title} is not told any more: {deliveries.paused}")
        return True
    done = deliveries.deliver(found.identity, found.message(settings), channels(settings))
    for channel, message in to_owners(context, found, settings):
        done &= deliveries.deliver(found.identity, message, [channel])
    return done


class Told(Protocol):
    """What people are told of, which may be of assets of several owners."""

    @property
    def assets(self) -> Collection[dg.AssetKey]:
        """The assets that it is of."""

    def message(self, settings: NotificationsConfig, assets: Collection[dg.AssetKey] | None = None) -> Message:
        """Give what people are told, of some assets alone where these are given."""


def to_owners(
    context: dg.SensorEvaluationContext, found: Told, settings: NotificationsConfig
) -> Iterator[tuple[Channel, Message]]:
    """Give each owner who is not told of everything the way, and what concerns the owner alone."""
    if settings.email is None or not settings.email.to_owners or context.repository_def is None:
        return
    graph = context.repository_def.asset_graph
    owned: dict[str, set[dg.AssetKey]] = {}
    for key in found.assets:
        for owner in graph.get(key).owners if graph.has(key) else ():
            if not owner.startswith("team:") and owner not in settings.email.to:
                owned.setdefault(owner, set()).add(key)
    for owner, keys in sorted(owned.items()):
        yield Email(settings.email, (owner,)), found.message(settings, keys)
