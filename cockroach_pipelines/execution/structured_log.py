"""Events as lines of a log, by structlog."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any, TextIO

import structlog

from cockroach_pipelines.config import ConfigurationError, LoggingConfig
from cockroach_pipelines.database import Activity
from cockroach_pipelines.execution.events import (
    CommitInDoubt,
    Doubt,
    Event,
    Failure,
    Observer,
    RetryScheduled,
    StatementFailed,
    StatementStarted,
    ignore,
)


@contextmanager
def structured_log(config: LoggingConfig | None) -> Iterator[Observer]:
    """Give an observer that writes a line for each event, as the configuration says; it writes none without one.

    A line has `event` (such as `statement_finished`), `level`, `timestamp` in UTC, `project`, `asset`, `run`,
    `connection`, and what the event says.

    Raises:
        ConfigurationError: The file cannot be written.
    """
    if config is None:
        yield ignore
        return
    if config.file is None:
        yield log_observer(sys.stderr, config)
        return
    try:
        config.file.parent.mkdir(parents=True, exist_ok=True)
        config.file.touch(mode=0o600)
        stream = config.file.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise ConfigurationError(
            f"logging.file {config.file} cannot be written: {error.strerror}.", advice="Name another file."
        ) from error
    with stream:
        yield log_observer(stream, config)


def log_observer(stream: TextIO, config: LoggingConfig) -> Observer:
    """Give an observer that writes to a stream."""
    renderer = (
        structlog.processors.JSONRenderer(default=str)
        if config.format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty(), sort_keys=False)
    )
    logger = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, config.level.upper())),
        cache_logger_on_first_use=True,
    )

    def observe(event: Event) -> None:
        write: Callable[..., Any] = getattr(logger, _level(event))
        write(event_name(event), **told(event))

    return observe


def event_name(event: Event) -> str:
    """Give the name of an event in a log, such as `retry_scheduled`."""
    name = type(event).__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def told(event: Event) -> dict[str, object]:
    """Give what an event says as flat keys and plain values."""
    flat: dict[str, object] = {}
    for field in fields(event):
        value = getattr(event, field.name)
        match value:
            case Activity():
                flat |= {"project": value.project, "asset": value.asset, "run": value.run}
            case Failure():
                flat |= {"error": value.kind, "sqlstate": value.sqlstate, "message": value.message}
            case Doubt():
                flat[field.name] = value.value
            case float():
                flat[field.name] = round(value, 4)
            case _:
                flat[field.name] = value
    return flat


def _level(event: Event) -> str:
    match event:
        case StatementStarted():
            return "debug"
        case StatementFailed() | RetryScheduled():
            return "warning"
        case CommitInDoubt():
            return "error" if event.outcome is Doubt.UNKNOWN else "warning"
        case _:
            return "info"
