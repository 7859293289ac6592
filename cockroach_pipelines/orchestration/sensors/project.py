"""All the sensors of a folder of SQL."""

from collections.abc import Iterable

import dagster as dg

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration.sensors.changed_files import FolderState, changed_files_sensor
from cockroach_pipelines.orchestration.sensors.notifications import notifications_sensor
from cockroach_pipelines.orchestration.sensors.tickets import kerberos_sensor
from cockroach_pipelines.orchestration.sensors.watermark import watch_sensor
from cockroach_pipelines.queries import Query


def project_sensors(config: ConfigManager, queries: Iterable[Query], loaded: FolderState) -> list[dg.SensorDefinition]:
    """Give the sensors of some files and of the configuration they were loaded with.

    Args:
        config: The configuration.
        queries: The files that can be run.
        loaded: The files as they were before they were read.
    """
    settings = config.settings
    logins = {name: each.kerberos for name, each in settings.connections.items() if each.kerberos}
    sensors = [
        changed_files_sensor(config, loaded),
        kerberos_sensor(logins, settings.notifications),
        notifications_sensor(settings.notifications),
        *(watch_sensor(query) for query in queries),
    ]
    return [sensor for sensor in sensors if sensor]
