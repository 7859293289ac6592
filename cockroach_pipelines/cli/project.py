"""The configuration and the SQL files that a command works on."""

from __future__ import annotations

from pathlib import Path

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.queries import SQLRepository


def load_project(config: Path | None) -> tuple[ConfigManager, SQLRepository]:
    """Load the configuration and every SQL file of its folder.

    Raises:
        ConfigurationError: The configuration cannot be used.
        QueryFileError: There is no folder of SQL.
    """
    manager = ConfigManager.load(config)
    return manager, SQLRepository(manager.settings.sql_folder, connections=manager.settings.connections)
