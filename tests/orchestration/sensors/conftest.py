"""Ticks of sensors as Dagster's daemon asks for them, without the daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions

Tick = Callable[..., Any]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def tick(instance: dg.DagsterInstance) -> Tick:
    """Evaluate a sensor of a project with a cursor; gives what it asks for."""

    def tick(project: ConfigManager | dg.Definitions, name: str, cursor: str | None = None) -> Any:
        definitions = project if isinstance(project, dg.Definitions) else build_definitions(project)
        repository = definitions.get_repository_def()
        sensor = repository.get_sensor_def(name)
        resources = repository.get_top_level_resources()
        with dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            repository_def=repository,
            repository_name=repository.name,
            sensor_name=name,
            resources={key: resources[key] for key in sensor.required_resource_keys},
        ) as context:
            return sensor.evaluate_tick(context)

    return tick
