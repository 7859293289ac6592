"""A project folder of a test's own: a configuration for a server, and SQL files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from cockroach_pipelines.config import ConfigManager, DatabaseConfig


def make_project(
    folder: Path, connections: Mapping[str, DatabaseConfig], files: Mapping[str, str], **further: object
) -> ConfigManager:
    """Write config.yaml for the connections and the files below sql/queries; give the configuration as it loads.

    The file holds the passwords: it is the owner's alone. `further` are other settings.
    """
    settings = {"connections": {name: _settings(config) for name, config in connections.items()}, **further}
    path = folder / "config.yaml"
    path.touch(mode=0o600)
    path.write_text(json.dumps(settings))  # JSON is YAML
    for name, text in files.items():
        file = folder / "sql" / "queries" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip())
    return ConfigManager.load(path, {})


def _settings(config: DatabaseConfig) -> dict[str, object]:
    settings = config.model_dump(mode="json", exclude_unset=True)
    if config.password:
        settings["password"] = config.password.get_secret_value()
    return settings
