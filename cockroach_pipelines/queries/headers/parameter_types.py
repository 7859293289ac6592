"""What a parameter holds, and how text from a command line or YAML becomes that."""

from __future__ import annotations

import datetime as dt
import decimal
import json
import math
import re
import uuid
from collections.abc import Callable
from typing import Any, Self

from pydantic import PrivateAttr, field_validator, model_validator

from cockroach_pipelines.config.models import Model
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.errors import ParameterError

_TRUE = frozenset({"true", "t", "yes", "y", "on", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "off", "0"})
_WHOLE = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_INT8 = range(-(2**63), 2**63)


def _text(value: object) -> str:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("holds a NUL character, which no text of the database may")
        return value
    raise ValueError(f"{_shown(value)} is no text: write it in quotes")


def _integer(value: object) -> int:
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()) and len(value) <= 40:
        value = int(value)
    if isinstance(value, (decimal.Decimal, float)) and math.isfinite(value) and value == int(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value in _INT8:
        return value
    raise ValueError(f"{_shown(value)} is no integer from -2^63 to 2^63-1")


def _decimal(value: object) -> decimal.Decimal:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return decimal.Decimal(value.strip())
    if isinstance(value, float) and math.isfinite(value):
        return decimal.Decimal(repr(value))
    if isinstance(value, (int, decimal.Decimal)) and not isinstance(value, bool):
        return decimal.Decimal(value)
    raise ValueError(f"{_shown(value)} is no decimal number such as 12.50")


def _float(value: object) -> float:
    if isinstance(value, str) and (_NUMBER.fullmatch(value.strip()) or value.strip().lower() in ("inf", "-inf", "nan")):
        return float(value)
    if isinstance(value, (int, float, decimal.Decimal)) and not isinstance(value, bool):
        return float(value)
    raise ValueError(f"{_shown(value)} is no number such as 12.5")


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (str, int)) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{_shown(value)} is neither true nor false")


def _date(value: object) -> dt.date:
    if isinstance(value, dt.datetime):
        if value.time() != dt.time():
            raise ValueError(f"{_shown(value)} has a time of day, and a date has none")
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.strip()):
            return dt.date.fromisoformat(value.strip())
    except ValueError as error:
        raise ValueError(f"{_shown(value)} is no date: {error}") from error
    raise ValueError(f"{_shown(value)} is no date such as 2013-01-31")


def _timestamp(value: object) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return value
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time())  # naive, as the author wrote it
    try:
        if isinstance(value, str) and re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value.strip()):
            return dt.datetime.fromisoformat(value.strip())
    except ValueError as error:
        raise ValueError(f"{_shown(value)} is no timestamp: {error}") from error
    raise ValueError(f"{_shown(value)} is no timestamp such as 2013-01-31T06:00:00+00:00")


def _uuid(value: object) -> uuid.UUID:
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(str(value).strip())
    except ValueError as error:
        raise ValueError(f"{_shown(value)} is no UUID such as 123e4567-e89b-12d3-a456-426614174000") from error


_CONVERTERS: dict[str, Callable[[object], object]] = {
    "text": _text,
    "integer": _integer,
    "decimal": _decimal,
    "float": _float,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _timestamp,
    "uuid": _uuid,
}
PARAMETER_TYPES = tuple(_CONVERTERS)
"""What may be written as a parameter's type, each also with `[]` for a list of it."""


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


class ParameterSpec(Model):
    """What `params` says of one parameter.

    `type` is one of `PARAMETER_TYPES`, or one of them with `[]` for a list. A parameter without `default` must be
    given; `default: null` makes it optional, NULL being bound.
    """

    type: str
    default: Any = None
    description: str = ""
    _name: str = PrivateAttr("")

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        if value.removesuffix("[]") not in _CONVERTERS:
            hint = did_you_mean(value.removesuffix("[]"), PARAMETER_TYPES)
            raise ValueError(f"{value!r} is no type of a parameter. {hint}")
        return value

    @model_validator(mode="after")
    def _typed_default(self) -> Self:
        if self.default is not None:
            # Frozen: the default is replaced once, before anybody else sees the model.
            object.__setattr__(self, "default", self._converted(self.default))
        return self

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return "default" not in self.model_fields_set

    @property
    def element_type(self) -> str:
        """The type of one value: `type` itself, or that of the list's elements."""
        return self.type.removesuffix("[]")

    @property
    def is_list(self) -> bool:
        """Whether the values are lists, which are bound as one array."""
        return self.type.endswith("[]")

    def convert(self, value: object) -> object:
        """Turn text, or what YAML and JSON give, into the Python value that is bound.

        A list is given as a list, as a JSON list, or as text separated by commas. NULL is None, and allowed where the
        default is null.

        Raises:
            ParameterError: The value is none of the parameter's type.
        """
        try:
            return self._converted(value)
        except ValueError as error:
            whose = f"The parameter {self._name!r}" if self._name else "This parameter"
            raise ParameterError(f"{whose}: {error}.", advice=f"Its type is {self.type}.") from error

    def named(self, name: str) -> Self:
        """Give the same parameter with the name under which errors speak of it."""
        copy = self.model_copy()
        copy._name = name
        return copy

    def _converted(self, value: object) -> object:
        if value is None:
            if self.required or self.default is not None:
                raise ValueError("is null: only a parameter with `default: null` may be")
            return None
        converter = _CONVERTERS[self.element_type]
        if not self.is_list:
            return converter(value)
        return [None if element is None else converter(element) for element in _elements(value)]


def _elements(value: object) -> list[object]:
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [element.strip() for element in value.split(",")] if value.strip() else []
    try:
        elements = json.loads(value, parse_float=decimal.Decimal) if isinstance(value, str) else None
    except ValueError as error:
        raise ValueError(f"{_shown(value)} is no JSON list: {error}") from error
    if isinstance(elements, list):
        return elements
    raise ValueError(f"{_shown(value)} is no list")
