"""The shape of the settings, looked up by path: which keys there are, and what a value has to be."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from cockroach_pipelines.config.models import Settings

SettingPath = tuple[str, ...]
"""Keys from the top, such as `("connections", "main", "host")`."""

ANY_NAME = "<name>"


def dotted(path: Sequence[str]) -> str:
    """Write a path for people, such as `connections.main.host`."""
    return ".".join(key if _SIMPLE_KEY.fullmatch(key) else repr(key) for key in path)


_SIMPLE_KEY = re.compile(r"[\w<>-]+")


@dataclass(frozen=True)
class Member:
    """What may stand at one path: a type without its `| None`, and the constraints on it."""

    annotation: Any
    constraints: tuple[Any, ...] = ()

    @classmethod
    def of(cls, annotation: object, constraints: Sequence[object] = ()) -> Member:
        """Take `Annotated` and `| None` off a type."""
        if get_origin(annotation) is Annotated:
            inner, *more = get_args(annotation)
            return cls.of(inner, (*constraints, *more))
        if get_origin(annotation) in (Union, types.UnionType):
            given = [each for each in get_args(annotation) if each is not types.NoneType]
            return cls.of(given[0], constraints)
        flat = (each.metadata if isinstance(each, FieldInfo) else [each] for each in constraints)
        return cls(annotation, tuple(each for group in flat for each in group))

    @property
    def is_model(self) -> bool:
        """Whether it is a mapping with fixed keys."""
        return isinstance(self.annotation, type) and issubclass(self.annotation, BaseModel)

    @property
    def is_mapping(self) -> bool:
        """Whether it has members of its own, of fixed or of any names."""
        return self.is_model or get_origin(self.annotation) is dict

    @property
    def is_secret(self) -> bool:
        """Whether its value is never shown."""
        return self.annotation is SecretStr

    @property
    def keys(self) -> tuple[str, ...]:
        """The fixed keys; empty where any name may stand, and where nothing may."""
        return tuple(_fields(self.annotation)) if self.is_model else ()

    @property
    def choices(self) -> tuple[str, ...]:
        """The words it may be; empty when it is no choice of words."""
        return get_args(self.annotation) if get_origin(self.annotation) is Literal else ()

    def child(self, key: str) -> Member | None:
        """Give the member of that name, None when there cannot be one."""
        if self.is_model:
            field = _fields(self.annotation).get(key)
            return Member.of(field.annotation, field.metadata) if field else None
        return Member.of(get_args(self.annotation)[1]) if self.is_mapping else None

    def expectation(self) -> str:
        """Say what a value has to be, to follow `must be`."""
        if self.is_model:
            return "a mapping"
        if self.is_mapping:
            return "a mapping of at least one name to its settings"
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.annotation is bool:
            return "true or false"
        if self.annotation is int:
            return f"a whole number{self._range()}"
        if self.annotation is float:
            return f"a number of seconds or a span of time such as 500ms, 20s, 5m, 2h{self._range()}"
        if self.annotation is Path:
            return "a path"
        return "text that is not empty" if self._bound(MinLen) else "text"

    def _range(self) -> str:
        low, high, above = self._bound(Ge), self._bound(Le), self._bound(Gt)
        if low is not None and high is not None:
            return f", from {low:g} to {high:.15g}"
        return "" if above is None else f", more than {above:g}"

    def _bound(self, kind: type[Ge] | type[Gt] | type[Le] | type[MinLen]) -> Any:
        name = {Ge: "ge", Gt: "gt", Le: "le", MinLen: "min_length"}[kind]
        return next((getattr(each, name) for each in self.constraints if isinstance(each, kind)), None)


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Give the fields of a model by their keys; a word that Python keeps for itself is only an alias."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


ROOT = Member(Settings)


def member_at(path: Sequence[str]) -> Member | None:
    """Give what may stand at a path, None when nothing may."""
    member: Member | None = ROOT
    for key in path:
        member = member.child(key) if member else None
    return member


def every_path(member: Member = ROOT, above: SettingPath = ()) -> Iterator[SettingPath]:
    """Give the path of everything that can be set, with `<name>` where any name may stand."""
    for key in member.keys or ((ANY_NAME,) if member.is_mapping else ()):
        path = (*above, key)
        yield path
        child = member.child(key)
        if child is not None:
            yield from every_path(child, path)
