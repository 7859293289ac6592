"""A sensor that looks at the tickets and keytabs of connections that log in by Kerberos."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import dagster as dg

from cockroach_pipelines.config import KerberosConfig, NotificationsConfig
from cockroach_pipelines.database import LoginState, login_state
from cockroach_pipelines.delivery import Level, Message
from cockroach_pipelines.orchestration.sensors.deliveries import Deliveries, channels

KERBEROS_LOGINS = "kerberos_logins"
"""Name of the sensor."""

_EVERY_SECONDS = 60


@dataclass(frozen=True)
class Concern:
    """What is wrong with a login, or soon will be; the same `identity` as long as it is the same thing."""

    connection: str
    identity: str
    level: Level
    text: str
    advice: str

    @property
    def message(self) -> Message:
        """What people are told."""
        fails = "cannot log in" if self.level is Level.ERROR else "will not be able to log in"
        return Message(
            f"Connection {self.connection} {fails} by Kerberos",
            tuple(part for part in (self.text, self.advice) if part),
            facts=(("connection", self.connection),),
            level=self.level,
            identity=self.identity,
        )


def kerberos_sensor(
    logins: Mapping[str, KerberosConfig], notifications: NotificationsConfig | None
) -> dg.SensorDefinition | None:
    """Give the sensor, running from the start; None where no connection logs in by Kerberos.

    Files are read, and nobody is asked: see `login_state`. A ticket that cannot be renewed is told of once, one that ends
    within the connection's `warn_before` once more, a file that cannot be used at once; all of it anew when it comes back.
    """
    if not logins:
        return None

    @dg.sensor(
        name=KERBEROS_LOGINS,
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Tickets and keytabs of {', '.join(logins)}.",
    )
    def tick(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        now = dt.datetime.now(dt.UTC)
        states = {name: login_state(config) for name, config in logins.items()}
        concerns = [concern for name, state in states.items() for concern in _concerns(name, state, logins[name], now)]
        said = " ".join([f"{each.connection}: {each.text}" for each in concerns] + list(_well(states, concerns, now)))
        if notifications and "kerberos" in notifications.occasions:
            _tell(context, concerns, notifications, said)
        return dg.SkipReason(said)

    return tick


def _tell(
    context: dg.SensorEvaluationContext, concerns: list[Concern], notifications: NotificationsConfig, said: str
) -> None:
    deliveries = Deliveries(context)
    for concern in concerns:
        deliveries.deliver(concern.identity, concern.message, channels(notifications))
    deliveries.forget(set(deliveries.known) - {each.identity for each in concerns})
    if deliveries.errors:
        raise dg.Failure("\n".join([said, *deliveries.errors]), allow_retries=False)


def _concerns(name: str, state: LoginState, config: KerberosConfig, now: dt.datetime) -> Iterator[Concern]:
    if state.problem:
        identity = f"{name}: {state.problem.cause}: {state.source}"
        yield Concern(name, identity, Level.ERROR, state.problem.message, state.problem.advice)
        return
    if state.expiry is None:
        return
    left = state.expiry - now
    if left.total_seconds() < config.warn_before:
        renew = (
            f"kinit -R makes it last longer, until {_moment(state.renewable_until)} at the most."
            if state.renewable
            else "It cannot be renewed: kinit gets another."
        )
        yield Concern(
            name,
            f"{name}: ends {state.expiry.isoformat()}: {state.source}",
            Level.WARNING,
            f"The ticket in {state.source} ends in {_minutes(left)}, at {_moment(state.expiry)}.",
            f"{renew} With a keytab nobody has to.",
        )
    elif not state.renewable:
        yield Concern(
            name,
            f"{name}: not renewable: {state.source}",
            Level.WARNING,
            f"The ticket in {state.source} ends at {_moment(state.expiry)} and cannot be renewed.",
            "Get one with kinit -r 7d and renew it by kinit -R, or use a keytab.",
        )


def _well(states: Mapping[str, LoginState], concerns: list[Concern], now: dt.datetime) -> Iterator[str]:
    concerned = {each.connection for each in concerns}
    for name, state in states.items():
        if name not in concerned:
            until = f", for {_minutes(state.expiry - now)}" if state.expiry else ""
            yield f"{name}: {state.source} serves{until}."


def _moment(moment: dt.datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""


def _minutes(span: dt.timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
