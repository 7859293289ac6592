"""A YAML text as plain data, with the place of every key and value."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.problems import Problem
from cockroach_pipelines.config.schema import SettingPath

_STANDARD = "tag:yaml.org,2002:"
_MERGE = f"{_STANDARD}merge"
_NULL = f"{_STANDARD}null"
_PLAIN_TAGS = frozenset(f"{_STANDARD}{name}" for name in ("str", "int", "float", "bool", "timestamp", "value"))
# Aliases of aliases grow without bound; a configuration is far below this.
_MOST_NODES = 100_000
_QUOTES = "Text that starts with one of @ ` % & * ! | > { [ or holds `: ` or ` #` needs quotes: 'like this'."


class KeyAndValue(NamedTuple):
    """Where a setting's key and its value start."""

    key: Place
    value: Place


@dataclass
class YamlDocument:
    """What a YAML text says.

    `data` has text, None, lists and mappings alone: a plain scalar stays text, for the type of the setting to read, so
    that `password: 0123` is no number, `user: no` no truth value, and the file reads as the environment does.
    `unread` has the paths below which something is missing in `data` because of a problem.
    """

    data: dict[str, object] = field(default_factory=dict)
    places: dict[SettingPath, KeyAndValue] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    unread: set[SettingPath] = field(default_factory=set)


def read_yaml(text: str, source: Path) -> YamlDocument:
    """Read a YAML text whose outermost part is a mapping; `source` names it in places.

    What is wrong with the text is in `problems`: nothing is raised, and no message repeats a value.
    """
    document = YamlDocument()
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if isinstance(node, MappingNode):
            _Reader(source, document).read(node)
        else:
            document.problems.append(_no_mapping(node, source))
    except yaml.MarkedYAMLError as error:
        document.problems.append(_syntax_problem(error, source))
    except ReaderError as error:
        line, column = line_and_column(text, error.position)
        message = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
        document.problems.append(Problem(Place(source, line, column), message, "Remove it."))
    except (ValueError, OverflowError):
        # PyYAML hands the number of an escape such as "\\UFFFFFFFF" to chr() as it is.
        document.problems.append(Problem(Place(source), "is not valid YAML: an escape names no character", _QUOTES))
    except RecursionError:
        document.problems.append(Problem(Place(source), "brackets or mappings are nested too deeply"))
    except _TooLargeError:
        document.problems.append(Problem(Place(source), "aliases make it too large", "Write it without aliases."))
    return document


def line_and_column(text: str, position: int) -> tuple[int, int]:
    """Give line and column, from 1, of a position in a text, from 0."""
    before = text[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


class _TooLargeError(Exception):
    """Aliases make the document larger than any configuration."""


class _Reader:
    def __init__(self, source: Path, document: YamlDocument) -> None:
        self._source = source
        self._document = document
        self._nodes = 0

    def read(self, node: MappingNode) -> None:
        data = self._value(node, (), ())
        if isinstance(data, dict):
            self._document.data = data

    def _mapping(self, node: MappingNode, path: SettingPath, within: tuple[Node, ...]) -> dict[str, object]:
        data: dict[str, object] = {}
        for key, (key_node, value_node) in self._pairs(node, path, within).items():
            inner = (*path, key)
            self._document.places[inner] = KeyAndValue(self._place(key_node), self._place(value_node))
            data[key] = self._value(value_node, inner, (*within, node))
        return data

    def _value(self, node: Node, path: SettingPath, within: tuple[Node, ...]) -> object:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise _TooLargeError
        if any(node is outer for outer in within):
            self._report(node, path, "an alias within this names it again", "Write the mapping out.")
            return None
        if isinstance(node, MappingNode) and node.tag == f"{_STANDARD}map":
            return self._mapping(node, path, within)
        if isinstance(node, SequenceNode) and node.tag == f"{_STANDARD}seq":
            return [self._value(each, path, (*within, node)) for each in node.value]
        if node.tag in _PLAIN_TAGS:
            if not node.value.isprintable() and _has_surrogate(node.value):
                self._report(node, path, "an escape names half a character", "Write the character itself.")
            return str(node.value)
        if node.tag != _NULL:
            self._report(node, path, "a tag (!…) says nothing in a configuration", f"Remove the tag. {_QUOTES}")
        return None

    def _pairs(self, node: MappingNode, path: SettingPath, within: tuple[Node, ...]) -> dict[str, tuple[Node, Node]]:
        own: dict[str, tuple[Node, Node]] = {}
        merged: dict[str, tuple[Node, Node]] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                for base in value_node.value if isinstance(value_node, SequenceNode) else [value_node]:
                    # Of several bases the earlier wins, as YAML's merge key has it.
                    merged = {**self._base_pairs(base, path, (*within, node)), **merged}
            elif not isinstance(key_node, ScalarNode) or key_node.tag not in _PLAIN_TAGS or not key_node.value:
                self._report(key_node, path, "a key must be text", "Write `key: value`.")
            elif key_node.value in own:
                first = self._place(own[key_node.value][0])
                self._report(
                    key_node,
                    (*path, key_node.value),
                    f"the key {key_node.value!r} is here a second time",
                    f"Remove one; the first is at {first}.",
                )
            else:
                own[key_node.value] = (key_node, value_node)
        return {**merged, **own}

    def _base_pairs(self, base: Node, path: SettingPath, within: tuple[Node, ...]) -> dict[str, tuple[Node, Node]]:
        if not isinstance(base, MappingNode) or any(base is outer for outer in within):
            self._report(
                base, path, "`<<` must name another mapping", "Write `<<: *anchor` for a mapping marked `&anchor`."
            )
            return {}
        return self._pairs(base, path, within)

    def _place(self, node: Node) -> Place:
        return _place(self._source, node.start_mark)

    def _report(self, node: Node, path: SettingPath, message: str, advice: str) -> None:
        self._document.problems.append(Problem(self._place(node), message, advice))
        self._document.unread.add(path)


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _place(source: Path, mark: yaml.Mark | None) -> Place:
    return Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)


def _no_mapping(node: Node | None, source: Path) -> Problem:
    advice = "It starts with `connections:`; the least that works is `connections: {main: {embedded: {}}}`."
    if node is None:
        return Problem(Place(source), "is empty", advice)
    kind = "a list" if isinstance(node, SequenceNode) else "a single value"
    return Problem(_place(source, node.start_mark), f"is {kind}, where a mapping of settings belongs", advice)


_INSTEAD = {
    "but found another document": "a second document (---) starts here",
    "second occurrence": "`&` names an anchor that exists already",
    "found undefined alias": "`*` names an anchor that does not exist",
    "found undefined tag handle": "`!` starts a tag that does not exist",
}
_FOUND_CHARACTER = re.compile(r",? (but found|character) (?!'<|'\\t')(\"'\"|'.*')$")


def _syntax_problem(error: yaml.MarkedYAMLError, source: Path) -> Problem:
    # PyYAML's own str() shows the line, and some of its messages a word of it: either may be a password.
    said = error.problem or error.context or ""
    for start, instead in _INSTEAD.items():
        if said.startswith(start):
            said = instead
    advice = "Indent with spaces." if "'\\t'" in said else _QUOTES
    said = _FOUND_CHARACTER.sub("", said)
    return Problem(_place(source, error.problem_mark or error.context_mark), f"is not valid YAML: {said}", advice)
