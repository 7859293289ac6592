"""YAML whose every key and value knows where it stands."""

from __future__ import annotations

import decimal
from dataclasses import dataclass, field
from typing import Any

import yaml

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.source import SourceText

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_CHARACTERS = 65_536
_MAX_DEPTH = 20
_SCALARS = yaml.constructor.SafeConstructor()

Path = tuple[str | int, ...]
"""The way to a value: keys of mappings and indices of lists."""


@dataclass
class YAMLDocument:
    """A mapping read from YAML, and the offsets of its keys and values in the source.

    Scalars become text, numbers (`int`, and `Decimal` for what has a fraction), booleans, dates, timestamps and None.
    Keys are text as written. What cannot be read is in `problems`, and None in `values`.
    """

    source: SourceText
    values: dict[str, object] = field(default_factory=dict)
    problems: list[QueryFileError] = field(default_factory=list)
    _keys: dict[Path, int] = field(default_factory=dict)
    _nodes: dict[Path, Any] = field(default_factory=dict)

    def value(self, path: Path) -> object:
        """Give the value at a path, None where there is none."""
        value: object = self.values
        for part in path:
            if isinstance(value, list) and isinstance(part, int):
                value = value[part] if part < len(value) else None
            else:
                value = value.get(str(part)) if isinstance(value, dict) else None
        return value

    def has(self, path: Path, *, container: bool = False) -> bool:
        """Whether something stands at a path, or a mapping or list."""
        return path in self._nodes and not (container and isinstance(self._nodes[path], yaml.ScalarNode))

    def key_place(self, path: Path) -> Place:
        """Give the place of a key, or of the nearest thing above it that exists."""
        return self.source.place(self._keys[path]) if path in self._keys else self.place(path)

    def place(self, path: Path) -> Place:
        """Give the place of a value, or of the nearest value above it that exists."""
        while path and path not in self._nodes:
            path = path[:-1]
        return self.source.place(self._nodes[path].start_mark.index if path in self._nodes else 0)

    def mention(self, path: Path, word: str) -> Place:
        """Give the place of a key or plain value of that text at a path or below it; that of the path where there is none."""
        offsets = [start for at, start in self._keys.items() if at[: len(path)] == path and at[-1] == word]
        offsets += [
            node.start_mark.index
            for at, node in self._nodes.items()
            if at[: len(path)] == path and isinstance(node, yaml.ScalarNode) and node.value == word
        ]
        return self.source.place(min(offsets)) if offsets else self.key_place(path)

    def is_blank(self, path: Path) -> bool:
        """Whether a key stands there without a value, not even the word `null`."""
        return path in self._nodes and self._nodes[path].value == ""

    def text_at(self, path: Path) -> SourceText:
        """Give the text of a scalar with its offsets in the file; with one place for all of them where it is folded."""
        node = self._nodes[path]
        start, stop = node.start_mark.index, node.end_mark.index
        at = self.source.text.find(node.value, start, stop) if node.value else -1
        if at >= 0:
            return self.source.part(at, at + len(node.value))
        return SourceText(self.source.name, node.value, fixed=self.source.place(start))


def read_yaml(source: SourceText) -> YAMLDocument:
    """Read a mapping from YAML, which never becomes more than the text itself says: no tags, no anchors, no aliases."""
    document = YAMLDocument(source)
    try:
        node = _compose(source)
    except QueryFileError as error:
        document.problems.append(error)
        return document
    except yaml.YAMLError as error:
        document.problems.append(_syntax_error(source, error))
        return document
    if node is None:
        return document
    if not isinstance(node, yaml.MappingNode):
        document.problems.append(
            QueryFileError(
                "The header is no mapping of keys to values.",
                place=source.place(node.start_mark.index),
                advice="Write one `key: value` per line, such as `description: Flights per day.`",
            )
        )
        return document
    document.values = _mapping(document, node, ())
    return document


def _compose(source: SourceText) -> Any:
    text = source.text
    if len(text) > _MAX_CHARACTERS:
        raise QueryFileError(
            f"The header has {len(text):,} characters, and at most {_MAX_CHARACTERS:,} are read.",
            place=source.place(0),
            advice="Move long SQL from its checks into queries of their own.",
        )
    depth = 0
    for event in yaml.parse(text, _LOADER):
        begins = event.start_mark.index if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or (isinstance(event, yaml.NodeEvent) and event.anchor):
            raise QueryFileError(
                "Anchors (&) and aliases (*) are not read here.",
                place=source.place(begins),
                advice="Put a value that begins with * or & in quotes.",
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                raise QueryFileError(
                    "The header is nested too deeply.",
                    place=source.place(begins),
                    advice="No key needs more than three levels.",
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return yaml.compose(text, _LOADER)


def _syntax_error(source: SourceText, error: yaml.YAMLError) -> QueryFileError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    offset = mark.index if mark else 0
    line = source.text[source.text.rfind("\n", 0, offset) + 1 : offset + 1]
    problem = getattr(error, "problem", None) or "a character that YAML does not allow"
    if isinstance(error, yaml.reader.ReaderError):
        character = chr(error.character) if isinstance(error.character, int) else str(error.character)
        offset = max(source.text.find(character), 0)
        return QueryFileError(
            f"YAML allows no {character!r}.", place=source.place(offset), advice="Remove the character."
        )
    if "\t" in line and not line.strip():
        offset = source.text.rfind("\n", 0, offset) + 1 + line.index("\t")
        return QueryFileError(
            "A tab indents this line.",
            place=source.place(offset),
            advice="YAML is indented by spaces: replace the tab.",
        )
    advice = (
        "Indent with spaces, and put values that hold `: `, ` #`, or begin with one of @ ` % * & ! | > [ { in quotes."
    )
    return QueryFileError(f"The header is no valid YAML: {problem}.", place=source.place(offset), advice=advice)


def _mapping(document: YAMLDocument, node: Any, path: Path) -> dict[str, object]:
    document._nodes[path] = node
    values: dict[str, object] = {}
    for key_node, value_node in node.value:
        offset = key_node.start_mark.index
        if not isinstance(key_node, yaml.ScalarNode):
            document.problems.append(
                QueryFileError(
                    "A key is a list or a mapping.", place=document.source.place(offset), advice="Keys are plain words."
                )
            )
            continue
        key = key_node.value
        if key in values:
            first = document.key_place((*path, key))
            document.problems.append(
                QueryFileError(
                    f"The key {key!r} stands here a second time; the first is in line {first.line}.",
                    place=document.source.place(offset),
                    advice="Keep one of them.",
                )
            )
            continue
        document._keys[(*path, key)] = offset
        values[key] = _value(document, value_node, (*path, key))
    return values


def _value(document: YAMLDocument, node: Any, path: Path) -> object:
    document._nodes[path] = node
    if isinstance(node, yaml.MappingNode):
        return _mapping(document, node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_value(document, child, (*path, index)) for index, child in enumerate(node.value)]
    try:
        return _scalar(node)
    except (ValueError, decimal.InvalidOperation) as error:
        document.problems.append(
            QueryFileError(
                f"{node.value!r} cannot be read: {error}.",
                place=document.place(path),
                advice="Put it in quotes if it is text.",
            )
        )
        return None


def _scalar(node: Any) -> object:
    match node.tag.removeprefix("tag:yaml.org,2002:"):
        case "str":
            return str(node.value)
        case "null":
            return None
        case "bool":
            return _SCALARS.construct_yaml_bool(node)
        case "int":
            return _SCALARS.construct_yaml_int(node)
        case "float":
            number = _SCALARS.construct_yaml_float(node)
            finite = number == number and abs(number) != float("inf")
            return decimal.Decimal(node.value.replace("_", "")) if finite and ":" not in node.value else number
        case "timestamp":
            return _SCALARS.construct_yaml_timestamp(node)
        case tag:
            raise ValueError(f"the tag {tag} is not read here")
