"""Values from a command line and from YAML become what their parameter holds."""

from __future__ import annotations

import datetime as dt
import math
import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.queries import ParameterError, ParameterSpec

UUID = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")
ZONE = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("kind", "given_value", "value"),
    [
        ("text", "'; DROP TABLE x", "'; DROP TABLE x"),
        ("integer", "-42", -42),
        ("integer", 2**63 - 1, 2**63 - 1),
        ("integer", Decimal("3"), 3),
        ("decimal", "0.10", Decimal("0.10")),
        ("decimal", 0.1, Decimal("0.1")),
        ("decimal", 7, Decimal(7)),
        ("float", "1e3", 1000.0),
        ("float", "-inf", -math.inf),
        ("boolean", "Yes", True),
        ("boolean", "off", False),
        ("boolean", 0, False),
        ("date", "2013-01-31", dt.date(2013, 1, 31)),
        ("date", dt.datetime(2013, 1, 31), dt.date(2013, 1, 31)),
        ("timestamp", "2013-01-31T06:00:00.000001+02:00", dt.datetime(2013, 1, 31, 6, 0, 0, 1, ZONE)),
        ("timestamp", "2013-01-31 06:00", dt.datetime(2013, 1, 31, 6)),
        ("timestamp", dt.date(2013, 1, 31), dt.datetime(2013, 1, 31)),
        ("uuid", "123E4567E89B12D3A456426614174000", UUID),
        ("text[]", "AA, UA", ["AA", "UA"]),
        ("text[]", '["a,b", null]', ["a,b", None]),
        ("text[]", "", []),
        ("integer[]", "1,2", [1, 2]),
        ("decimal[]", "[1.10]", [Decimal("1.10")]),
        ("date[]", ["2013-01-31", dt.date(2013, 2, 1)], [dt.date(2013, 1, 31), dt.date(2013, 2, 1)]),
    ],
)
def test_a_value_becomes_what_its_type_says(kind: str, given_value: object, value: object) -> None:
    converted = ParameterSpec(type=kind).convert(given_value)
    assert converted == value
    assert type(converted) is type(value)


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("text", 3, "3 is no text: write it in quotes"),
        ("text", "a\0b", "holds a NUL character"),
        ("integer", "1.5", "'1.5' is no integer"),
        ("integer", "1_000", "'1_000' is no integer"),
        ("integer", "٣", "'٣' is no integer"),
        ("integer", "9" * 30, "is no integer from -2^63 to 2^63-1"),
        ("integer", True, "True is no integer"),
        ("integer", float("nan"), "nan is no integer"),
        ("decimal", "NaN", "'NaN' is no decimal number"),
        ("decimal", math.inf, "inf is no decimal number"),
        ("float", "0x10", "'0x10' is no number"),
        ("boolean", "maybe", "'maybe' is neither true nor false"),
        ("boolean", 2, "2 is neither true nor false"),
        ("date", "31.01.2013", "'31.01.2013' is no date such as 2013-01-31"),
        ("date", "2013-02-30", "'2013-02-30' is no date: day is out of range"),
        ("date", dt.datetime(2013, 1, 31, 6), "has a time of day"),
        ("timestamp", "2013-01-31 25:00", "is no timestamp"),
        ("timestamp", 20130131, "20130131 is no timestamp"),
        ("uuid", "123", "'123' is no UUID"),
        ("integer[]", "1,x", "'x' is no integer"),
        ("text[]", '["a"', "is no JSON list"),
        ("text[]", 7, "7 is no list"),
        ("text", None, "is null: only a parameter with `default: null` may be"),
    ],
)
def test_another_value_is_refused_with_the_parameters_name(kind: str, value: object, reason: str) -> None:
    with pytest.raises(ParameterError) as raised:
        ParameterSpec(type=kind).named("limit").convert(value)
    assert str(raised.value).startswith("The parameter 'limit': ")
    assert reason in str(raised.value)
    assert raised.value.advice == f"Its type is {kind}."


def test_a_parameter_without_default_must_be_given_and_one_with_null_need_not() -> None:
    assert ParameterSpec(type="text").required
    optional = ParameterSpec(type="text", default=None)
    assert not optional.required
    assert optional.convert(None) is None


def test_a_list_type_says_the_type_of_its_elements() -> None:
    spec = ParameterSpec(type="date[]")
    assert spec.is_list
    assert spec.element_type == "date"


@given(st.sampled_from(["integer", "decimal", "float", "boolean", "date", "timestamp", "uuid", "text[]"]), st.text())
def test_no_text_ever_makes_anything_but_a_value_or_a_parameter_error(kind: str, text: str) -> None:
    try:
        ParameterSpec(type=kind).convert(text)
    except ParameterError as error:
        assert error.message
