"""What the values of several keys of a header have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from cockroach_pipelines.config.models import Seconds


def at_key(key: str, message: str) -> PydanticCustomError:
    """Give the error of a rule between several keys, to be shown at one of them."""
    return PydanticCustomError("at_key", "{text}", {"text": message, "key": key})


def _nonempty(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: write something, or remove the key")
    return text.strip()


def _no_boolean(value: object) -> object:
    if isinstance(value, bool) and value in (True, False):
        raise ValueError(f"{str(value).lower()!r} is no span of time: write a number of seconds, or 20s, 5m, 2h")
    return value


def _yes_or_no(value: object) -> object:
    if isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is neither true nor false")


Text = Annotated[str, AfterValidator(_nonempty)]
Timeout = Annotated[Seconds, BeforeValidator(_no_boolean)]
YesOrNo = Annotated[bool, BeforeValidator(_yes_or_no)]


def as_mapping_with(key: str) -> BeforeValidator:
    """Take text alone for the value of one key of a mapping."""

    def wrap(value: object) -> object:
        return {key: value} if isinstance(value, str) else value

    return BeforeValidator(wrap)
