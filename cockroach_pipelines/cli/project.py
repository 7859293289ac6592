"""The configuration and the SQL files that a command works on."""

from __future__ import annotations

from pathlib import Path

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.queries.loading import SQLRepository
from cockroach_pipelines.queries.templates import SQLTemplate


def load_project(config: Path | None) -> tuple[ConfigManager, SQLRepository]:
    """Load the configuration and every SQL file of its folder.

    Raises:
        ConfigurationError: The configuration cannot be used.
        QueryFileError: There is no folder of SQL.
    """
    manager = ConfigManager.load(config)
    return manager, SQLRepository(manager.settings.sql_folder, connections=manager.settings.connections)


def templates(manager: ConfigManager) -> dict[str, Path]:
    """Give the templates by name, such as `templates/dynamic_select_template`."""
    folder = manager.settings.sql_folder / "templates"
    return {
        f"templates/{path.relative_to(folder).as_posix().removesuffix('.sql')}": path
        for path in sorted(folder.rglob("*.sql"))
    }


def find_template(manager: ConfigManager, name: str) -> SQLTemplate | None:
    """Give the template of a name, or of a file's path; None when there is none.

    Raises:
        QueryFileError: The template cannot be used.
    """
    known = templates(manager)
    path = known.get(name.removesuffix(".sql")) or Path(name).absolute()
    return SQLTemplate(path) if path in known.values() else None
