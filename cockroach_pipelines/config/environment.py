"""Settings in environment variables: `COCKROACH_<KEY>__<KEY>`.

CockroachDB's own tools, and Kubernetes for a service of that name, use variables with the same prefix. Ours are those
with `__` in the rest of the name, and those whose rest is a top-level key, or nearly one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.problems import Problem
from cockroach_pipelines.config.schema import ANY_NAME, ROOT, Member, SettingPath, dotted, every_path, member_at
from cockroach_pipelines.config.suggestions import nearest

PREFIX = "COCKROACH_"
FILE_VARIABLE = "COCKROACH_PIPELINES_CONFIG"
"""Names the configuration file."""

SEPARATOR = "__"
"""Stands between two keys."""

_LIKELY = 0.85
_CONNECTION_VARIABLE = re.compile(r"([A-Z]+)_+(CONNECTIONS__.+)")


@dataclass
class EnvironmentSettings:
    """What the environment sets, as `YamlDocument` has it; `variables` has the one that set each single value."""

    data: dict[str, object] = field(default_factory=dict)
    variables: dict[SettingPath, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: set[SettingPath] = field(default_factory=set)


def variable_name(path: SettingPath) -> str:
    """Give the variable that sets what stands at a path."""
    return PREFIX + SEPARATOR.join(key if key == ANY_NAME else key.upper() for key in path)


def variable_place(name: str) -> Place:
    """Give the place of what a variable sets."""
    return Place(f"environment {_printable(name)}")


def file_variable(environ: Mapping[str, str]) -> str | None:
    """Give the path that the environment names, None when it names none; an empty one counts as none."""
    given = [value for name, value in sorted(environ.items()) if name.upper() == FILE_VARIABLE]
    return environ.get(FILE_VARIABLE) or (given[-1] if given else None) or None


def read_environment(environ: Mapping[str, str], file_data: Mapping[str, object]) -> EnvironmentSettings:
    """Read our variables; `file_data` has the file's settings, whose spelling of connection names is kept.

    What is wrong with a variable is in `problems`: nothing is raised, and no message repeats a value. Unknown keys
    are in `data`, for validation to refuse.
    """
    return _Reader(environ, file_data).settings


class _Reader:
    def __init__(self, environ: Mapping[str, str], file_data: Mapping[str, object]) -> None:
        self.settings = EnvironmentSettings()
        self._environ = environ
        self._file_data = file_data
        ours = [(self._segments(name), name) for name in environ]
        # The deeper variable is more specific than the JSON of a shallow one, so it comes later.
        for segments, name in sorted(((s, n) for s, n in ours if s), key=lambda each: (len(each[0]), each[1])):
            self._read(name, segments)

    def _segments(self, name: str) -> tuple[str, ...]:
        """Give the name's keys, none when it is not ours; a name that is nearly ours is a problem."""
        upper = name.upper()
        rest = upper.removeprefix(PREFIX)
        if upper == FILE_VARIABLE:
            return ()
        if rest == upper:
            self._check_prefix(name, upper)
            return ()
        if SEPARATOR in rest or rest.lower() in ROOT.keys:
            return tuple(name[len(PREFIX) :].split(SEPARATOR))
        close = nearest(rest, (FILE_VARIABLE.removeprefix(PREFIX), *map(str.upper, ROOT.keys)), likeness=_LIKELY)
        likely = PREFIX + close if close else _with_single_underscores(rest)
        if likely is not None:
            self._report(name, "is no setting", f"Did you mean {likely!r}?")
        return ()

    def _check_prefix(self, name: str, upper: str) -> None:
        match = _CONNECTION_VARIABLE.fullmatch(upper)
        if match and nearest(match[1], [PREFIX.strip("_")], likeness=_LIKELY):
            self._report(name, "is no setting: its first word is misspelt", f"Did you mean {PREFIX + match[2]!r}?")

    def _read(self, name: str, segments: tuple[str, ...]) -> None:
        if not all(segments):
            advice = f"Write {variable_name(('connections', ANY_NAME, 'host'))} and the like."
            self._report(name, "has an empty key between its underscores", advice)
            return
        path: SettingPath = ()
        member: Member | None = ROOT
        for segment in segments:
            if member is None:
                break
            if not member.is_mapping:
                self._report(name, f"goes on below {dotted(path)}, which is one value", f"Set {variable_name(path)}.")
                return
            path = (*path, self._spelt(path, member, segment))
            member = member_at(path)
        value = self._environ[name]
        if any("\ud800" <= character <= "\udfff" for character in value):
            # Python stands half a character for each byte that it cannot decode; no driver would take them.
            self._report(name, "holds bytes that are not UTF-8", "Write it as UTF-8.")
            self.settings.unread.add(path)
        elif member is None:
            # Validation refuses the unknown key; its value is of no use to it.
            self._set(path, None, name)
        elif member.is_mapping:
            self._set_mapping(path, value, name)
        else:
            self._set(path, value, name)

    def _spelt(self, above: SettingPath, member: Member, segment: str) -> str:
        if member.is_model:
            return segment.lower()
        known = {*_mapping_at(self._file_data, above), *_mapping_at(self.settings.data, above)}
        alike = sorted(name for name in known if name.lower() == segment.lower())
        if segment in alike or not alike:
            return segment if segment in alike else segment.lower()
        return alike[0]

    def _set_mapping(self, path: SettingPath, value: str, name: str) -> None:
        try:
            data = json.loads(
                value,
                parse_int=str,
                parse_float=str,
                parse_constant=str,
                object_pairs_hook=_mapping_of_pairs,
            )
        except (_DuplicateKeyError, ValueError, RecursionError) as error:
            member = member_at(path)
            example = member.keys[0] if member and member.is_model else ANY_NAME
            why = f": {error}" if isinstance(error, _DuplicateKeyError) else ""
            advice = f'Write {{"{example}": …}}, or set {variable_name((*path, example))} and the like.'
            if path[:1] == ("connections",) and len(path) == 2 and member and path[1] in member.keys:
                advice = f"Did you mean {variable_name(('connections', 'main', path[1]))!r}?"
            self._report(name, f"must be a mapping in JSON{why}", advice)
            self.settings.unread.add(path)
            return
        self._set(path, _as_text(data), name)

    def _set(self, path: SettingPath, value: object, name: str) -> None:
        """Put a value at a path; a mapping is put key by key, over what shallower variables gave."""
        if isinstance(value, dict) and value:
            for key, inner in value.items():
                self._set((*path, key), inner, name)
            return
        rival = self.settings.variables.get(path)
        if rival is not None and rival.upper() == name.upper() and self._environ[rival] != self._environ[name]:
            self._report(name, f"and {_printable(rival)} set the same, differently", "Keep one of them.")
            return
        data: dict[str, object] = self.settings.data
        for depth, key in enumerate(path[:-1], start=1):
            inner = data.get(key)
            if not isinstance(inner, dict):
                inner = data[key] = {}
                self.settings.variables.pop(path[:depth], None)
            data = inner
        if value == {} and isinstance(data.get(path[-1]), dict):
            return
        data[path[-1]] = value
        for below in [each for each in self.settings.variables if each[: len(path)] == path]:
            del self.settings.variables[below]
        self.settings.variables[path] = name

    def _report(self, name: str, message: str, advice: str) -> None:
        self.settings.problems.append(Problem(variable_place(name), message, advice))


class _DuplicateKeyError(ValueError):
    """A JSON mapping has a key twice."""


def _mapping_of_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise _DuplicateKeyError("a key is there twice")
    return mapping


def _as_text(value: object) -> object:
    # Numbers are text already. The type of a setting reads its text, as it does for the file.
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return {key: _as_text(inner) for key, inner in value.items()}
    return [_as_text(inner) for inner in value] if isinstance(value, list) else value


def _mapping_at(data: Mapping[str, object], path: SettingPath) -> Mapping[str, object]:
    for key in path:
        inner = data.get(key)
        data = inner if isinstance(inner, dict) else {}
    return data


def _with_single_underscores(rest: str) -> str | None:
    """Give the variable that was meant by CONNECTIONS_MAIN_HOST; None when it ends with no setting of a connection."""
    for path in every_path():
        ending = variable_name(path[2:]).removeprefix(PREFIX)
        if len(path) > 2 and (match := re.fullmatch(f"CONNECTIONS_(.+)_{ending.replace('__', '_+')}", rest)):
            return variable_name(("connections", match[1], *path[2:]))
    return None


def _printable(name: str) -> str:
    return name.encode(errors="backslashreplace").decode()
