"""Sensors: watermarks in the database, SQL files, Kerberos, and what failed."""

from cockroach_pipelines.orchestration.sensors.changed_files import FolderState
from cockroach_pipelines.orchestration.sensors.project import project_sensors
from cockroach_pipelines.orchestration.sensors.watermark import watch_sensor

__all__ = ["FolderState", "project_sensors", "watch_sensor"]
