"""Reads the configuration: YAML, overridden by the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from cockroach_pipelines.config.environment import read_environment
from cockroach_pipelines.config.errors import ConfigurationError, Place
from cockroach_pipelines.config.explanations import explain, unknown_key_advice
from cockroach_pipelines.config.given import Given
from cockroach_pipelines.config.located_paths import relative_to
from cockroach_pipelines.config.location import locate
from cockroach_pipelines.config.models import DatabaseConfig, Settings
from cockroach_pipelines.config.problems import Problem, configuration_error
from cockroach_pipelines.config.schema import SettingPath, dotted, member_at
from cockroach_pipelines.config.sources import SourcedSettings
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.config.yaml_places import YamlDocument, read_yaml


class ConfigManager:
    """The settings, and where each of them comes from; `ConfigManager.load` makes one.

    Args:
        settings: The settings, every path in them absolute.
        given: What the file and the environment say.
        folder: What relative paths counted from.
    """

    def __init__(self, settings: Settings, given: Given, folder: Path) -> None:
        self._settings = settings
        self._given = given
        self._folder = folder

    @classmethod
    def load(cls, path: Path | None = None, environ: Mapping[str, str] | None = None) -> ConfigManager:
        """Read the configuration.

        Args:
            path: The YAML file; without one the path in COCKROACH_PIPELINES_CONFIG, else `config.yaml` in the current
                folder, which may be missing when the environment defines the connections.
            environ: Variables `COCKROACH_<KEY>__<KEY>` override the file; those of the process when silent.

        Raises:
            ConfigurationError: No configuration was found, or something in it is wrong; everything that is wrong is
                in its message, each with its place.
        """
        environ = os.environ if environ is None else environ
        location = locate(path, environ)
        folder = location.path.absolute().parent
        text = location.read()
        document = YamlDocument() if text is None else read_yaml(text, location.path)
        environment = read_environment(environ, document.data)
        given = Given(None if text is None else location.path, document, environment)
        problems = [*document.problems, *environment.problems]
        if text is None and not given.is_given(("connections",)):
            if problems:
                raise configuration_error(problems)
            raise location.nothing_found()

        settings: Settings | None = None
        refused: ValidationError | None = None
        if document.data or not document.problems:
            try:
                with relative_to(folder):
                    settings = SourcedSettings.load([environment.data, document.data])
            except ValidationError as error:
                refused = error
        # Raised outside the handler: pydantic's error holds the values, and would travel along as the context.
        if refused is not None:
            problems += explain(refused, given)
        if problems or settings is None:
            raise configuration_error(sorted(problems, key=_order))
        return cls(settings, given, folder)

    @property
    def settings(self) -> Settings:
        """Every setting; paths are absolute."""
        return self._settings

    @property
    def path(self) -> Path | None:
        """The configuration file, absolute; None when there is none."""
        return self._given.file.absolute() if self._given.file else None

    @property
    def folder(self) -> Path:
        """The folder of the configuration file, the current one without a file; relative paths count from it."""
        return self._folder

    def connection(self, name: str = "main") -> DatabaseConfig:
        """Give the settings of a connection.

        Raises:
            ConfigurationError: No connection has that name.
        """
        connections = self._settings.connections
        if name not in connections:
            raise ConfigurationError(
                f"No connection is named {name!r}.",
                place=self._given.nearest_place(("connections",)),
                advice=did_you_mean(name, connections),
            )
        return connections[name]

    def origin(self, setting: str) -> str:
        """Say where a setting comes from: `config.yaml:3`, `environment COCKROACH_…`, or `default`.

        Args:
            setting: Its keys, such as `connections.main.host`.

        Raises:
            ConfigurationError: There is no such setting.
        """
        path = self._path(setting)
        if self._given.is_given(path):
            return _line_of(self._given.key_place(path))
        for length in range(1, len(path) + 1):
            if member_at(path[:length]) is None:
                raise ConfigurationError(f"{setting!r} is no setting.", advice=unknown_key_advice(path[:length]))
        if path[0] == "connections":
            self.connection(*path[1:2])
        return "default"

    def origins(self) -> dict[str, str]:
        """Say where each setting that is given comes from; what is not in it has its default."""
        return {dotted(path): _line_of(self._given.key_place(path)) for path in self._given.paths()}

    def __repr__(self) -> str:
        return f"ConfigManager(file={str(self._given.file)!r}, connections={sorted(self._settings.connections)})"

    def _path(self, setting: str) -> SettingPath:
        by_name = {dotted(path): path for path in self._given.paths()}
        return by_name.get(setting) or tuple(setting.split("."))


def _line_of(place: Place | None) -> str:
    return str(Place(place.source, place.line)) if place else "default"


def _order(problem: Problem) -> tuple[bool, str, int, int]:
    place = problem.place or Place("")
    return (not isinstance(place.source, Path), str(place.source), place.line or 0, place.column or 0)
