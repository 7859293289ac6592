"""What the file and the environment give together, and where each setting comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from cockroach_pipelines.config.environment import EnvironmentSettings, variable_place
from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.schema import SettingPath
from cockroach_pipelines.config.yaml_places import YamlDocument


class Given:
    """The settings of both sources, the environment over the file.

    Args:
        file: The configuration file, None when there is none.
        document: What the file says.
        environment: What the environment says.
    """

    def __init__(self, file: Path | None, document: YamlDocument, environment: EnvironmentSettings) -> None:
        self.file = file
        self.document = document
        self.environment = environment
        self._data = _merged(document.data, environment.data)

    def paths(self) -> Iterator[SettingPath]:
        """Give the path of every single setting, the file's order first; an empty mapping counts as one."""
        yield from _leaves(self._data)

    def value(self, path: SettingPath) -> object:
        """Give what is set at a path, None when nothing is."""
        return _find(self._data, path)[1]

    def is_given(self, path: SettingPath) -> bool:
        """Whether something is set at a path."""
        return _find(self._data, path)[0]

    def variable(self, path: SettingPath) -> str | None:
        """Give the variable that decides what stands at a path, None when the file or nothing does."""
        name = self.environment.variables.get(path)
        if name is None or (isinstance(self.value(path), Mapping) and path in self.document.places):
            return None
        return name

    def variables_below(self, path: SettingPath) -> list[str]:
        """Give the variables that set a path or anything below it, sorted."""
        variables = self.environment.variables
        return sorted({name for below, name in variables.items() if below[: len(path)] == path})

    def key_place(self, path: SettingPath) -> Place | None:
        """Give the place where a path is set, by its key in a file; None when nothing sets it."""
        return self._place(path, of_value=False)

    def value_place(self, path: SettingPath) -> Place | None:
        """Give the place of the value that is set at a path; None when nothing sets it."""
        return self._place(path, of_value=True)

    def nearest_place(self, path: SettingPath) -> Place | None:
        """Give the place of a path, else of what it would be in, else the file, None without any."""
        for length in range(len(path), 0, -1):
            place = self.key_place(path[:length])
            if place is not None:
                return place
        return Place(self.file) if self.file else None

    def _place(self, path: SettingPath, *, of_value: bool) -> Place | None:
        if not self.is_given(path):
            return None
        variable = self.variable(path)
        if variable is None and path in self.document.places:
            key, value = self.document.places[path]
            return value if of_value else key
        if variable is None:
            variable = next(iter(self.variables_below(path)), None)
        return variable_place(variable) if variable else None


def _merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = _merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return merged


def _leaves(data: Mapping[str, object], above: SettingPath = ()) -> Iterator[SettingPath]:
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key)


def _find(data: object, path: SettingPath) -> tuple[bool, object]:
    for key in path:
        if not isinstance(data, Mapping) or key not in data:
            return False, None
        data = data[key]
    return True, data
