"""The checks that a header declares: queries of its own, and those that need no SQL."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cockroach_pipelines.config.durations import parse_seconds
from cockroach_pipelines.config.models import Model, Seconds
from cockroach_pipelines.config.suggestions import nearest
from cockroach_pipelines.queries.header_values import Text, YesOrNo, as_mapping_with, at_key

# What Dagster accepts as the name of a check.
_CHECK_NAME = re.compile(r"[A-Za-z0-9_]+")
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)
_BOUND = re.compile(r"(>=|<=|==|=|>|<)?\s*(\d[\d_,]*)")
_RANGE = re.compile(r"(\d[\d_,]*)\s*(?:\.\.|-|to)\s*(\d[\d_,]*)")
_MEASURE = re.compile(r"(sum|avg)\s*\(\s*(.+?)\s*\)", re.IGNORECASE | re.DOTALL)
_QUERY_BEGINS = re.compile(r"\s*(?:SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
_LIKELY = 0.75

ROWS = "rows"
"""The measure of `no_change_beyond` that every result has."""


class Severity(StrEnum):
    """How bad a failed check is."""

    WARN = "warn"
    ERROR = "error"


class Rule(Model):
    """What every check says of itself, whatever it looks at."""

    severity: Severity = Severity.ERROR
    blocking: YesOrNo = False
    description: str = ""

    @property
    def said(self) -> str:
        """What holds when it passes, in a sentence."""
        raise NotImplementedError

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns of the result that it looks at."""
        return ()

    def parts(self) -> Iterator[tuple[str, Rule]]:
        """Give the checks that this comes to, each with what tells its name from the others'."""
        yield "_".join(self.columns_used), self


class Check(Rule):
    """A query that returns the rows that are wrong; `result` in it is the asset's own result."""

    sql: Text

    @property
    def said(self) -> str:
        """That the query gives no rows."""
        return f"No rows: {self.sql}"


def _names(value: object) -> object:
    if isinstance(value, str) and _QUERY_BEGINS.match(value):
        raise ValueError("is built in and takes columns. A query of your own needs another name.")
    return [value] if isinstance(value, str) else value


def _some(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("names no column. Write one, or remove the key.")
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice!r} stands in it twice. Remove one of them.")
    return names


Columns = Annotated[tuple[Text, ...], BeforeValidator(_names), AfterValidator(_some)]


class NotNull(Rule):
    """Columns that always have a value; each is a check of its own."""

    columns: Columns

    @property
    def said(self) -> str:
        """That the column has a value everywhere."""
        return f"{_listed(self.columns)} {'is' if len(self.columns) == 1 else 'are'} never NULL."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns

    def parts(self) -> Iterator[tuple[str, Rule]]:
        """Give one check a column."""
        for column in self.columns:
            yield column, self.model_copy(update={"columns": (column,)})


class Unique(Rule):
    """Columns whose values together no two rows share; as in SQL, a row with NULL in one of them shares nothing."""

    columns: Columns

    @property
    def said(self) -> str:
        """That no two rows share the values."""
        return f"No two rows have the same {_listed(self.columns)}."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns."""
        return self.columns


def _accepted(values: tuple[object, ...]) -> tuple[object, ...]:
    if not values:
        raise ValueError("accepts nothing. List the values.")
    if wrong := next((each for each in values if isinstance(each, list | dict)), None):
        raise ValueError(f"a value is {'a list' if isinstance(wrong, list) else 'a mapping'}. List plain values.")
    return values


class AcceptedValues(Rule):
    """The only values of a column; NULL is not looked at."""

    column: Text
    values: Annotated[tuple[Any, ...], AfterValidator(_accepted)]

    @property
    def said(self) -> str:
        """That the column has no other values."""
        shown = ", ".join(_shown(value) for value in self.values[:10])
        return f"{self.column!r} is one of {shown}{', …' if len(self.values) > 10 else ''}."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)


class RowCount(Rule):
    """How many rows the result has, both bounds inclusive."""

    least: int | None = Field(None, alias="min", ge=0)
    most: int | None = Field(None, alias="max", ge=0)

    @property
    def said(self) -> str:
        """How many rows there are."""
        return f"The result has {self.wanted} rows."

    @property
    def wanted(self) -> str:
        """The bounds in words."""
        if self.least == self.most:
            return f"exactly {self.least:,}"
        if self.least is None:
            return f"at most {self.most:,}"
        return f"at least {self.least:,}" if self.most is None else f"{self.least:,} to {self.most:,}"

    def parts(self) -> Iterator[tuple[str, Rule]]:
        """Give itself; of several each has its bounds in its name."""
        yield f"{self.least or 0}_{'' if self.most is None else self.most}".rstrip("_"), self

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.least is None and self.most is None:
            raise at_key("min", 'neither `min` nor `max` is there. Write one, or `row_count: ">= 1"`.')
        if self.least is not None and self.most is not None and self.least > self.most:
            raise at_key("max", f"{self.most} is less than `min`, {self.least}. No result is both.")
        return self


class FreshColumn(Rule):
    """How old the newest moment of a column may be, when the result is made or, if earlier, when its partition ended.

    A moment without a time zone is in that of the file; a date is its midnight.
    """

    column: Text
    within: Annotated[Seconds, BeforeValidator(parse_seconds)]

    @property
    def said(self) -> str:
        """How old the newest value may be."""
        return f"The newest {self.column!r} is at most {dt.timedelta(seconds=self.within)} old."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)


def _share(value: object) -> object:
    """Read a percentage, or a number such as 0.2."""
    number: object = value
    if isinstance(value, str) and (percent := _PERCENT.fullmatch(value.strip())):
        number = Decimal(percent[1]) / 100
    if isinstance(number, bool) or not isinstance(number, int | float | Decimal) or number < 0:
        raise ValueError(f"{_shown(value)} is no share. Write a percentage such as 20%.")
    if isinstance(value, int) and value > 1:
        raise ValueError(f"{value} would be {value * 100}%. Write {value}% if that is meant.")
    return Decimal(str(number))


Share = Annotated[Decimal, BeforeValidator(_share)]


def _measure(name: str) -> str:
    if name.strip().lower() == ROWS:
        return ROWS
    if match := _MEASURE.fullmatch(name.strip()):
        return f"{match[1].lower()}({match[2]})"
    raise PydanticCustomError(
        "at_name", "{text}", {"text": f"{name!r} cannot be measured. Write rows, sum(column) or avg(column)."}
    )


class NoChangeBeyond(Rule):
    """By how much of its last value a measure may change, up or down, from one materialization to the next."""

    limits: dict[Annotated[str, AfterValidator(_measure)], Share]

    @property
    def said(self) -> str:
        """What changes by no more than how much."""
        shown = ", ".join(f"{name} changed by at most {percent(limit)}" for name, limit in self.limits.items())
        return f"Since the previous materialization {shown}."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns that are added up."""
        return tuple(dict.fromkeys(measured for name in self.limits if (measured := column_of(name))))


def column_of(measure: str) -> str:
    """Give the column of `sum(column)` and `avg(column)`; nothing for `rows`."""
    match = _MEASURE.fullmatch(measure)
    return match[2] if match else ""


def percent(share: Decimal) -> str:
    """Write a share as a percentage."""
    return f"{(share * 100).normalize():f}%"


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
    raise ValueError(f'{_shown(value)} is no number of rows. Write ">= 1", 1..100, 10 or {{min: 1, max: 100}}.')


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


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(map(repr, columns))


def _shown(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return repr(value) if isinstance(value, str) else str(value)


def _word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", text) or "_"


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
