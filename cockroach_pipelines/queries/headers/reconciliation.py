"""What the header of a reconciliation says beyond that of every other file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cockroach_pipelines.config.durations import parse_seconds
from cockroach_pipelines.config.models import Model, Seconds
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.values import Text, YesOrNo, as_list, at_key, refuse_silence
from cockroach_pipelines.queries.parsing.table_names import parse_table_name

MOST_WORKERS = 32
MEASURES = ("count", "sum", "min", "max", "distinct", "avg")
"""Aggregates that can be compared."""
MENDINGS = ("statements", "upsert")
"""Ways to write the SQL that would mend differences."""

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)
_MEASURE = re.compile(r"([A-Za-z_]+)\s*(?:\(\s*(.+?)\s*\))?", re.DOTALL)
_FLAGS = ("ignore_case", "ignore_trailing_blanks", "null_is_empty")


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{twice!r} stands in it twice. Remove one of them.")
    return names


def _table(text: str) -> str:
    parse_table_name(text)
    return text


def _amount(value: object) -> object:
    """Read a number of 0 or more, or a percentage."""
    if isinstance(value, str) and (percent := _PERCENT.fullmatch(value.strip())):
        return Decimal(percent[1]) / 100
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{_said(value)} is no number. Write one of 0 or more.")  # noqa: TRY004 - pydantic's rule
    number = Decimal(str(value))
    if not number.is_finite() or number < 0:
        raise ValueError(f"{value} is below 0. Write a number of 0 or more.")
    return number


def _share(value: object) -> object:
    try:
        number = _amount(value)
    except ValueError:
        number = None
    if not isinstance(number, Decimal) or number > 1:
        raise ValueError(f"{_said(value)} is no share. Write a number between 0 and 1, or a percentage such as 0.5%.")
    return number


def _above_none(number: Decimal) -> Decimal:
    if not number:
        raise ValueError("0 is nothing. Write a share above 0, such as 1%.")
    return number


def _whole(least: int, most: int | None = None) -> BeforeValidator:
    wanted = f"of {least} or more" if most is None else f"from {least} to {most}"

    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int) or value < least or (most and value > most):
            raise ValueError(f"{_said(value)} is no whole number {wanted}")
        return value

    return BeforeValidator(check)


def _said(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, str) else "nothing" if value is None else str(value)


Names = Annotated[tuple[Text, ...], BeforeValidator(as_list), AfterValidator(_different)]
Share = Annotated[Decimal, BeforeValidator(_share)]
Amount = Annotated[Decimal, BeforeValidator(_amount)]
Rows = Annotated[int, _whole(0)]
Several = Annotated[int, _whole(1)]


def _short(shorthand: str, *types: type) -> BeforeValidator:
    """Let a bare value of some types stand for a mapping with that one key."""

    def wrap(value: object) -> object:
        return {shorthand: value} if isinstance(value, types) and not isinstance(value, bool) else value

    return BeforeValidator(wrap)


class Side(Model):
    """One of the two relations: a table, or in a file with named statements the connection of one."""

    connection: Text | None = None
    table: Annotated[Text, AfterValidator(_table)] | None = None
    where: Text | None = None


class ToleranceRule(Model):
    """When two values that differ count as equal; several rules add up.

    `absolute` and `relative` (a share of the larger amount) are for numbers, `within` for dates and times, the others for
    text.
    """

    absolute: Amount | None = None
    relative: Amount | None = None
    within: Seconds | None = None
    ignore_case: YesOrNo = False
    ignore_trailing_blanks: YesOrNo = False
    null_is_empty: YesOrNo = False


def _tolerance(value: object) -> object:
    """Read `0.01`, `1%`, `1s`, `ignore_case` and lists of such words as the rules that they stand for."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return {"absolute": value}
    words = [word for word in (value if isinstance(value, list) else [value]) if isinstance(word, str)]
    if not words or (isinstance(value, list) and len(words) < len(value)):
        return value
    rules: dict[str, object] = {}
    for word in words:
        if word in _FLAGS:
            rules[word] = True
        elif _PERCENT.fullmatch(word.strip()):
            rules["relative"] = word
        else:
            rules["within"] = _span(word)
    return rules


def _span(word: str) -> object:
    try:
        return parse_seconds(word)
    except ValueError:
        hint = did_you_mean(word, _FLAGS)
        raise ValueError(
            f"{word!r} is no tolerance. "
            + (hint if hint.startswith("Did") else f"Write 0.01, 1%, 1s, or one of {', '.join(_FLAGS)}.")
        ) from None


class Bounds(Model):
    """How much may differ; more than one of the two is more than expected."""

    max_differences: Rows | None = None
    max_share: Share | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.max_differences is None and self.max_share is None:
            raise ValueError("says nothing. Write max_differences, max_share, or both.")
        return self


class Expect(Model):
    """How much may differ before it is a warning and an error; `blocking` keeps differences beyond that unpublished.

    `max_differences` and `max_share` are short for those of `error`. Without any bound nothing may differ.
    """

    max_differences: Rows | None = None
    max_share: Share | None = None
    warn: Annotated[Bounds, _short("max_differences", int)] | None = None
    error: Annotated[Bounds, _short("max_differences", int)] | None = None
    blocking: YesOrNo = False

    @property
    def errors_beyond(self) -> Bounds | None:
        """More than this is an error; None is never."""
        if self.error is not None:
            return self.error
        if self.max_differences is not None or self.max_share is not None:
            return Bounds(max_differences=self.max_differences, max_share=self.max_share)
        return None if self.warn is not None else Bounds(max_differences=0)

    @model_validator(mode="after")
    def _bounds_that_can_be_reached(self) -> Self:
        for key in ("max_differences", "max_share"):
            if self.error is not None and getattr(self, key) is not None:
                raise at_key(key, f"is short for `error: {{{key}: …}}`, which is there too. Keep one of them.")
            warn, error = getattr(self.warn, key, None), getattr(self.errors_beyond, key, None)
            if warn is not None and error is not None and warn >= error:
                raise at_key(
                    "warn", f"{key} {warn} is not below the error's {error}: there would be no warning. Lower it."
                )
        if self.blocking and self.errors_beyond is None:
            raise at_key("blocking", "only an error blocks, and there is no bound for one. Add `error`, or remove it.")
        return self


class Recheck(Model):
    """Read what differs again after a pause; what is equal by then was in flight."""

    after: Seconds
    times: Annotated[int, _whole(1, 100)] = 1


class Stop(Model):
    """When to end early: at so many differences, such a share of them, or after so long. It is never a pass."""

    differences: Several | None = None
    share: Annotated[Share, AfterValidator(_above_none)] | None = None
    after: Seconds | None = None


class Throttle(Model):
    """A query on the source's connection; while it gives true nothing new begins, and every `pause` it is asked again."""

    sql: Text
    pause: Seconds = 1.0


class Care(Model):
    """How much of the databases a comparison takes.

    `workers` are statements at once a side, `statement_time` is how long one should take, `background` asks CockroachDB
    for its lowest quality of service.
    """

    workers: Annotated[int, _whole(1, MOST_WORKERS)] = 1
    statement_time: Seconds = 10.0
    throttle: Annotated[Throttle, _short("sql", str)] | None = None
    background: YesOrNo = False


class MeasureRule(Model):
    """An aggregate of each group: `count`, or `sum(amount)` and the like."""

    function: str
    column: str | None = None
    tolerance: Annotated[ToleranceRule, BeforeValidator(_tolerance)] = ToleranceRule()

    def __str__(self) -> str:
        return f"{self.function}({self.column})" if self.column else self.function


def _measure(value: object) -> object:
    """Read `count`, `sum(amount)`, and `{sum(amount): 0.01}` with a tolerance."""
    if isinstance(value, MeasureRule):
        return value
    text, tolerance = next(iter(value.items())) if isinstance(value, dict) and len(value) == 1 else (value, {})
    match = _MEASURE.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{_said(text)} is no measure. Write count, sum(amount), or {{sum(amount): 0.01}}.")
    function, column = match[1].lower(), match[2]
    if function not in MEASURES:
        hint = did_you_mean(function, MEASURES)
        raise ValueError(f"{function!r} is no measure. {hint}")
    if column is None and function != "count":
        raise ValueError(f"{function} names no column. Write {function}(column).")
    return {"function": function, "column": None if column == "*" else column, "tolerance": tolerance}


def _mend(value: object) -> object:
    if value not in MENDINGS:
        raise ValueError(f"{_said(value)} is none of {', '.join(MENDINGS)}. {did_you_mean(str(value), MENDINGS)}")
    return value


Measures = Annotated[tuple[Annotated[MeasureRule, BeforeValidator(_measure)], ...], BeforeValidator(as_list)]


class ReconciliationHeader(Header):
    """What the author says of a reconciliation.

    With `source` and `target`, or with statements of these names, two relations are compared; without, the file is a
    query whose rows are the differences, and `expect` alone of these keys applies. Columns are named as the source has
    them; `key` is the primary key when silent, and `[]` compares whole rows. `tolerance` is by column or type. With
    `measures` groups are compared, and of those that differ as many as `drill` says row by row. `mend` is how the SQL that
    would mend the differences is written.
    """

    source: Annotated[Side, _short("table", str)] | None = None
    target: Annotated[Side, _short("table", str)] | None = None
    key: Names | None = None
    columns: Names | None = None
    exclude: Names = ()
    rename: dict[Text, Text] = Field(default_factory=dict)
    where: Text | None = None
    tolerance: dict[Text, Annotated[ToleranceRule, BeforeValidator(_tolerance)]] = Field(default_factory=dict)
    normalize: dict[Text, Text] = Field(default_factory=dict)
    sample: Annotated[Share, AfterValidator(_above_none)] | None = None
    expect: Annotated[Expect, _short("max_differences", int)] = Expect()
    recheck: Annotated[Recheck, _short("after", str, int, Decimal)] | None = None
    stop: Annotated[Stop, _short("differences", int)] | None = None
    limit: Several | None = None
    exact: YesOrNo = False
    care: Care = Care()
    group_by: Names = ()
    measures: Measures = ()
    drill: Rows = 0
    mend: Annotated[Literal["statements", "upsert"], BeforeValidator(_mend)] = "statements"

    @model_validator(mode="before")
    @classmethod
    def _nothing_stays_silent(cls, values: Any) -> Any:
        return refuse_silence(values, RECONCILIATION_KEYS)

    @model_validator(mode="after")
    def _columns_that_agree(self) -> Self:
        if self.columns is not None and self.exclude:
            raise at_key("exclude", "`columns` and `exclude` exclude each other. Keep one of them.")
        if both := _first(self.exclude, self.key or ()):
            raise at_key("exclude", f"{both!r} is in the key, which names the rows. Remove it from one of them.")
        if twice := _first(self.rename.values(), set(), twice=True):
            raise at_key("rename", f"two columns become {twice!r}. Each of the target's columns has one counterpart.")
        if wrong := next((name for name, text in self.normalize.items() if "{}" not in text), None):
            raise at_key(
                "normalize", f"that of {wrong!r} does not use the column. Write {{}} where it belongs: lower({{}})."
            )
        return self

    @model_validator(mode="after")
    def _groups_with_measures(self) -> Self:
        if self.group_by and not self.measures:
            raise at_key("group_by", "groups have nothing to compare. Add `measures`, such as [count, sum(amount)].")
        if self.drill and not self.measures:
            raise at_key("drill", "is for comparing groups, into whose rows it looks. Add `measures`, or remove it.")
        if self.sample and self.measures:
            raise at_key("sample", "is of rows, and groups are of all their rows. Remove it, or `measures`.")
        if twice := _first(map(str, self.measures), set(), twice=True):
            raise at_key("measures", f"{twice} stands in it twice. Remove one of them.")
        return self


def _first(names: Iterable[str], among: Iterable[str], *, twice: bool = False) -> str | None:
    """Give the first name that is among others, or with `twice` that came before."""
    seen = set(among)
    for name in names:
        if name in seen:
            return name
        if twice:
            seen.add(name)
    return None


RECONCILIATION_KEYS = tuple(name for name in ReconciliationHeader.model_fields if name not in Header.model_fields)
"""Keys that no other file has."""

COMPARISON_KEYS = tuple(name for name in RECONCILIATION_KEYS if name != "expect")
"""Those among them that need two relations."""
