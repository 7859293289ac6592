"""A sensor that tells people of assets that were not made in the time in which they have to be."""

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.freshness import (
    CronFreshnessPolicy,
    FreshnessState,
    TimeWindowFreshnessPolicy,
)

from cockroach_pipelines.config import NotificationsConfig
from cockroach_pipelines.delivery import Level, Message
from cockroach_pipelines.orchestration.sensors.deliveries import Deliveries, channels
from cockroach_pipelines.orchestration.sensors.notifications import to_owners

FRESHNESS = "freshness"
"""Name of the sensor."""

_EVERY_SECONDS = 30
_MOST_TOLD = 20


@dataclass(frozen=True)
class Stale:
    """Assets that are not fresh, each with why, and the same `identity` for the same of them since the same time."""

    reasons: Mapping[dg.AssetKey, str]
    identity: str

    @property
    def assets(self) -> Collection[dg.AssetKey]:
        """The assets."""
        return self.reasons.keys()

    def message(self, settings: NotificationsConfig, assets: Collection[dg.AssetKey] | None = None) -> Message:
        """Give what people are told, of some assets alone where these are given."""
        told = {key.to_user_string(): why for key, why in self.reasons.items() if assets is None or key in assets}
        (first, *others) = sorted(told)
        paragraphs = [f"{name}: {told[name]}" for name in sorted(told)[:_MOST_TOLD]]
        if len(told) > _MOST_TOLD:
            paragraphs.append(f"And {len(told) - _MOST_TOLD} more.")
        return Message(
            f"{first} and {len(others)} more are not fresh" if others else f"{first} is not fresh",
            tuple(paragraphs),
            level=Level.ERROR,
            link=f"{settings.link}/assets/{first}" if settings.link else None,
            identity=self.identity,
        )


def freshness_sensor(settings: NotificationsConfig | None) -> dg.SensorDefinition | None:
    """Give the sensor, running from the start; None where nobody is to be told.

    Dagster's daemon says which assets are not fresh; those that became so since the last tick are one message, which is
    told once. Its cursor is what was told of. What was made again, and becomes stale again, is told of again.
    """
    if settings is None or "freshness" not in settings.occasions:
        return None

    @dg.sensor(
        name=FRESHNESS,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tells of what is not fresh: {', '.join(each.name for each in channels(settings)) or 'e-mail to owners'}.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = _stale(context)
        before: Mapping[str, str] = json.loads(context.cursor) if context.cursor else {}
        new = [key for key, since in now.items() if before.get(key.to_user_string()) != since]
        cursor = json.dumps({key.to_user_string(): since for key, since in now.items()})
        if not new:
            return dg.SensorResult(
                skip_reason=f"{len(now)} assets are not fresh." if now else "All is fresh.", cursor=cursor
            )
        told = json.dumps(sorted((key.to_user_string(), now[key]) for key in new))
        found = Stale(
            {key: _reason(context, key) for key in new}, f"stale {hashlib.sha256(told.encode()).hexdigest()[:16]}"
        )
        deliveries = Deliveries(context)
        done = deliveries.deliver(found.identity, found.message(settings), channels(settings))
        for channel, message in to_owners(context, found, settings):
            done &= deliveries.deliver(found.identity, message, [channel])
        if deliveries.errors:
            raise dg.Failure("\n".join(deliveries.errors), allow_retries=False)
        if not done:
            return dg.SensorResult(skip_reason=deliveries.paused, cursor=context.cursor)
        deliveries.forget(deliveries.known)
        return dg.SensorResult(skip_reason=f"{found.message(settings).title}: was told.", cursor=cursor)

    return tick


def _stale(context: dg.SensorEvaluationContext) -> Mapping[dg.AssetKey, str]:
    """Give the assets that are not fresh, and since when."""
    if context.repository_def is None:
        return {}
    graph = context.repository_def.asset_graph
    keys = [key for key in graph.get_all_asset_keys() if graph.get(key).freshness_policy]
    records = context.instance.get_freshness_state_records(keys)
    return {
        key: record.updated_at.isoformat()
        for key, record in sorted(records.items())
        if record.freshness_state is FreshnessState.FAIL
    }


def _reason(context: dg.SensorEvaluationContext, key: dg.AssetKey) -> str:
    event = context.instance.get_latest_materialization_event(key)
    made = f"{dt.datetime.fromtimestamp(event.timestamp, dt.UTC):%Y-%m-%d %H:%M} UTC" if event else "never"
    assert context.repository_def is not None  # noqa: S101 - it was asked before
    match context.repository_def.asset_graph.get(key).freshness_policy:
        case TimeWindowFreshnessPolicy() as policy:
            return f"last made {made}; it has to be made every {policy.fail_window.to_timedelta()}."
        case CronFreshnessPolicy() as policy:
            return f"last made {made}; it was due by {policy.deadline_cron} ({policy.timezone})."
        case _:
            return f"last made {made}."
