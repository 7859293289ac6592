"""The `watch` of a header: a query whose value asks for a run whenever it changes."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from cockroach_pipelines.config.base import Model, Seconds

SHORTEST_INTERVAL_SECONDS = 5.0
"""How often Dagster's daemon looks at sensors."""

LONGEST_TIMEOUT_SECONDS = 45.0
"""Dagster gives up on a sensor that takes a minute."""


def _written(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: write something, or remove the key")
    return text.strip()


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()!r} is no span of time: write a number of seconds, or 20s, 5m, 2h")  # noqa: TRY004 - pydantic reports ValueError alone
    return value


def _possible_interval(seconds: float) -> float:
    if seconds < SHORTEST_INTERVAL_SECONDS:
        raise ValueError(f"Dagster looks no more often than every {SHORTEST_INTERVAL_SECONDS:g}s: write 5s or more")
    return seconds


def _possible_timeout(seconds: float) -> float:
    if seconds > LONGEST_TIMEOUT_SECONDS:
        raise ValueError(
            f"Dagster waits a minute for a sensor: write {LONGEST_TIMEOUT_SECONDS:g}s or less, and watch what is found sooner"
        )
    return seconds


Written = Annotated[str, AfterValidator(_written)]
Interval = Annotated[Seconds, BeforeValidator(_no_boolean), AfterValidator(_possible_interval)]
ShortTimeout = Annotated[Seconds, BeforeValidator(_no_boolean), AfterValidator(_possible_timeout)]


class Watch(Model):
    """What is watched: `query` gives one value, asked for `every` so often; a new one asks for a run.

    `connection` is the file's own when None, `timeout` enforced by the server.
    """

    query: Written
    every: Interval = 60
    connection: Written | None = None
    timeout: ShortTimeout = 10
