"""The sensors of a project."""

import dagster as dg

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration.sensors.changed_files import FolderState, changed_files_sensor
from cockroach_pipelines.orchestration.sensors.freshness import freshness_sensor
from cockroach_pipelines.orchestration.sensors.notifications import notifications_sensor
from cockroach_pipelines.orchestration.sensors.tickets import kerberos_sensor


def project_sensors(config: ConfigManager, loaded: FolderState) -> list[dg.SensorDefinition]:
    """Give the sensors that no single file asks for: of the files and of the configuration they were loaded with.

    Args:
        config: The configuration.
        loaded: The files as they were before they were read.
    """
    settings = config.settings
    logins = {name: each.kerberos for name, each in settings.connections.items() if each.kerberos}
    sensors = [
        changed_files_sensor(config, loaded),
        kerberos_sensor(logins, settings.notifications),
        notifications_sensor(settings.notifications),
        freshness_sensor(settings.notifications),
    ]
    return [sensor for sensor in sensors if sensor]
