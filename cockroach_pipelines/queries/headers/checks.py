"""The checks that a header declares: queries of its own, and those that need no SQL, in any of their short forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from cockroach_pipelines.config.models import Model
from cockroach_pipelines.config.suggestions import nearest
from cockroach_pipelines.queries.headers.check_rules import (
    ROWS,
    AcceptedValues,
    Check,
    FreshColumn,
    NoChangeBeyond,
    NotNull,
    RowCount,
    Rule,
    Unique,
    as_written,
)
from cockroach_pipelines.queries.headers.values import as_mapping_with, at_key

# What Dagster accepts as the name of a check.
_CHECK_NAME = re.compile(r"[A-Za-z0-9_]+")
_BOUND = re.compile(r"(>=|<=|==|=|>|<)?\s*(\d[\d_,]*)")
_RANGE = re.compile(r"(\d[\d_,]*)\s*(?:\.\.|-|to)\s*(\d[\d_,]*)")
_LIKELY = 0.75

_OWN_KEYS = frozenset(Rule.model_fields)
_OneRule = TypeVar("_OneRule", bound=Rule)
Sections = tuple[_OneRule, ...]
"""What a key says: one or more checks of a kind."""


def _column_sets(value: object) -> object:
    """Take `[a, b]` and `[[a], [b, c]]` for `columns`."""
    if isinstance(value, dict):
        return [value]
    if isinstance(value, list) and value and all(isinstance(each, list | dict) for each in value):
        return [each if isinstance(each, dict) else {"columns": each} for each in value]
    return [{"columns": value}]


def _by_column(value: object) -> object:
    """Take `{carrier: [AA, UA]}` for `column` and `values`; a mapping in place of the list says more."""
    if not isinstance(value, dict):
        example = "accepted_values: {carrier: [AA, UA]}"
        raise ValueError(f"expected a mapping of columns to lists of values. Write {example}.")  # noqa: TRY004 - pydantic's rule
    if not value:
        raise ValueError("names no column. Write accepted_values: {carrier: [AA, UA]}.")
    if isinstance(value.get("column"), str) and "values" in value:
        return [value]
    return [
        {**said, "column": column} if isinstance(said, dict) else {"column": column, "values": said}
        for column, said in value.items()
    ]


def _counts(value: object) -> object:
    """Take `10`, `">= 1"` and `1..100` for `min` and `max`."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [value]
    if isinstance(value, int) and not isinstance(value, bool):
        return [{"min": value, "max": value}]
    if isinstance(value, str) and (bounds := _RANGE.fullmatch(value.strip())):
        return [{"min": _number(bounds[1]), "max": _number(bounds[2])}]
    if isinstance(value, str) and (bound := _BOUND.fullmatch(value.strip())):
        number = _number(bound[2])
        match bound[1]:
            case ">=":
                return [{"min": number}]
            case ">":
                return [{"min": number + 1}]
            case "<=":
                return [{"max": number}]
            case "<" if number:
                return [{"max": number - 1}]
            case "=" | "==" | None:
                return [{"min": number, "max": number}]
    raise ValueError(f'{as_written(value)} is no number of rows. Write ">= 1", 1..100, 10 or {{min: 1, max: 100}}.')


def _limits(value: object) -> object:
    """Take `20%` for that of the rows, and the keys of a mapping that are no check's own for measures."""
    if isinstance(value, dict):
        own = {key: said for key, said in value.items() if key in _OWN_KEYS}
        limits = {key: said for key, said in value.items() if key not in _OWN_KEYS}
        if not limits:
            raise ValueError("names nothing to compare. Write {rows: 20%}.")
        return [{**own, "limits": limits}]
    return [{"limits": {ROWS: value}}]


def _one_or_more(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _check_name(name: str) -> str:
    if not _CHECK_NAME.fullmatch(name):
        quotes = ". SQL that holds a comma needs quotes within { }." if " " in name else ""
        raise PydanticCustomError(
            "at_name",
            "{text}",
            {"text": f"{name!r} cannot name a check: use letters, digits and underscores{quotes}"},
        )
    return name


class Checks(Model):
    """The checks of a file: those that need no SQL under their names, queries under any other.

    Each name that needs no SQL may be said in short, as a mapping with `severity`, `blocking` and `description`, and
    where more than one makes sense as a list.
    """

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
    __pydantic_extra__: dict[Annotated[str, AfterValidator(_check_name)], Annotated[Check, as_mapping_with("sql")]]

    BUILT_IN: ClassVar[tuple[str, ...]] = (
        "not_null",
        "unique",
        "accepted_values",
        "row_count",
        "freshness",
        "no_change_beyond",
    )

    not_null: Annotated[Sections[NotNull], BeforeValidator(_column_sets)] = ()
    unique: Annotated[Sections[Unique], BeforeValidator(_column_sets)] = ()
    accepted_values: Annotated[Sections[AcceptedValues], BeforeValidator(_by_column)] = ()
    row_count: Annotated[Sections[RowCount], BeforeValidator(_counts)] = ()
    freshness: Annotated[Sections[FreshColumn], BeforeValidator(_one_or_more)] = ()
    no_change_beyond: Annotated[Sections[NoChangeBeyond], BeforeValidator(_limits)] = ()

    @property
    def queries(self) -> dict[str, Check]:
        """The queries by their names."""
        return dict(self.__pydantic_extra__ or {})

    @property
    def rules(self) -> dict[str, Rule]:
        """The checks that need no SQL, by the names of their results.

        One alone has the name of its key, several have their columns behind it: `not_null__carrier`.
        """
        return {name: rule for name, _, rule in self._named_rules()}

    @property
    def keys(self) -> dict[str, str]:
        """The key of the header that each of `rules` comes from."""
        return {name: key for name, key, _ in self._named_rules()}

    def _named_rules(self) -> Iterator[tuple[str, str, Rule]]:
        taken = set(self.queries)
        for key in self.BUILT_IN:
            parts = [part for section in getattr(self, key) for part in section.parts()]
            for mark, rule in parts:
                name = _free(key if len(parts) == 1 else f"{key}__{_word(mark)}", taken)
                taken.add(name)
                yield name, key, rule

    @model_validator(mode="before")
    @classmethod
    def _known_names(cls, values: Any) -> Any:
        for name, value in values.items() if isinstance(values, dict) else ():
            if name in cls.BUILT_IN and value is None:
                raise at_key(name, "has no value. Write one, or remove the key.")
            misspelt = isinstance(value, list) or (isinstance(value, str) and not re.search(r"\s", value.strip()))
            meant = nearest(str(name), cls.BUILT_IN, likeness=_LIKELY)
            if name not in cls.BUILT_IN and misspelt and meant:
                raise at_key(
                    str(name), f"this is no query, and no check of that name is built in. Did you mean {meant!r}?"
                )
        return values


def _number(text: str) -> int:
    return int(re.sub(r"[_,]", "", text))


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", text) or "_"


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
