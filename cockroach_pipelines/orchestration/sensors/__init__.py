"""Sensors: watermarks in the database, SQL files, Kerberos, and what failed."""

from cockroach_pipelines.orchestration.sensors.changed_files import FolderState
from cockroach_pipelines.orchestration.sensors.project import project_sensors

__all__ = ["FolderState", "project_sensors"]
