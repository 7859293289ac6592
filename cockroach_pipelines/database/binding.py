"""Python values as parameters of a `java.sql.PreparedStatement`.

    None, pandas.NA, NaT          NULL
    bool                          bool
    int                           int8 as CockroachDB's INT, else numeric; functions that take int4 need CAST(? AS int4)
    float, infinite or NaN too    float8
    Decimal, NaN too              numeric
    bytes, bytearray, memoryview  bytea
    str                           of the type that the statement expects there: text, enum, uuid, json, timestamp, …
    UUID                          uuid
    datetime, date, time          timestamptz or timestamp, date, timetz or time: with a zone or without one
    timedelta, Interval           interval
    dict                          jsonb
    ipaddress' classes            of the type that the statement expects there
    list, tuple, numpy.ndarray    array of the elements' type, of the expected type where no element tells one
    Enum, NumPy's scalars         as the value they hold

A value that would arrive changed is refused, and no message shows a value: it may be a secret.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import jpype

from cockroach_pipelines.database.errors import DatabaseError
from cockroach_pipelines.database.jvm import java
from cockroach_pipelines.database.values import Interval

_JAVA_LONG = range(-(2**63), 2**63)
_NUMERIC_DIGITS = (131_072, 16_383)  # PostgreSQL's numeric: digits before and after the point
_NUMERIC_BITS = 435_412  # of the largest whole number with that many digits
_NETWORK = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)  # an interface is an address too


class UnbindableValueError(DatabaseError):
    """A value cannot be given to a statement as it is."""


def bind_all(prepared: Any, values: Sequence[object]) -> None:
    """Bind values to the statement's parameters in order; see `bind`."""
    for index, value in enumerate(values, 1):
        bind(prepared, index, value)


def bind(prepared: Any, index: int, value: object) -> None:
    """Bind one value to the parameter `index`, counted from 1, as the nearest exact type of the driver.

    Raises:
        UnbindableValueError: The value has no exact counterpart in the database.
    """
    try:
        _bind(prepared, index, plain_value(value))
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        if isinstance(error, jpype.JException):  # the driver's own errors are those of the statement
            raise
        reason = "it is nested too deeply or holds itself" if isinstance(error, RecursionError) else str(error)
        raise UnbindableValueError(
            f"Parameter {index}, a {type(value).__name__}, cannot be bound: {reason}.",
            advice="Convert it to what the statement expects there, or to text with a CAST in the statement.",
        ) from None  # the cause's text may show the value


def _bind(prepared: Any, index: int, value: object) -> None:
    match value:
        case None:
            prepared.setNull(index, 0)
        case bool():
            prepared.setBoolean(index, value)
        case int() if value in _JAVA_LONG:
            prepared.setLong(index, int(value))
        case int() | decimal.Decimal():
            _bind_numeric(prepared, index, value)
        case float():
            prepared.setDouble(index, float(value))
        case bytes() | bytearray() | memoryview():
            prepared.setBytes(index, jpype.JArray(jpype.JByte)(bytes(value)))
        case str():
            prepared.setString(index, _checked_text(value))
        case uuid.UUID():
            prepared.setObject(index, java("java.util.UUID").fromString(str(value)))
        case dt.datetime() if value.tzinfo is not None:
            prepared.setObject(index, java("java.time.OffsetDateTime").parse(_element_text(value)))
        case dt.datetime():
            prepared.setObject(index, java("java.time.LocalDateTime").parse(value.isoformat()))
        case dt.date():
            prepared.setObject(index, java("java.time.LocalDate").parse(value.isoformat()))
        case dt.time() if value.tzinfo is None:
            prepared.setObject(index, java("java.time.LocalTime").parse(value.isoformat()))
        case dt.time() | dt.timedelta() | Interval() | dict():
            _bind_typed(prepared, index, _element_type(value), _element_text(value))
        case list() | tuple():
            _bind_array(prepared, index, value)
        case _ if isinstance(value, _NETWORK):
            prepared.setString(index, str(value))
        case _:
            raise TypeError("its type has no counterpart in the database")


def _bind_numeric(prepared: Any, index: int, value: int | decimal.Decimal) -> None:
    text = _numeric_text(value)
    if text in ("NaN", "Infinity", "-Infinity"):
        _bind_typed(prepared, index, "numeric", text)  # Java's BigDecimal has none of these
    else:
        prepared.setBigDecimal(index, java("java.math.BigDecimal")(text))


def _bind_typed(prepared: Any, index: int, type_name: str, text: str) -> None:
    typed = java("org.postgresql.util.PGobject")()
    typed.setType(type_name)
    typed.setValue(text)
    prepared.setObject(index, typed)


def _bind_array(prepared: Any, index: int, values: Sequence[object]) -> None:
    nested = _plain_list(values)
    _refuse_ragged(nested)
    element_type = _common_type({_element_type(value) for value in _flat(nested) if value is not None})
    text = _array_text(nested, element_type)
    if element_type:
        _bind_typed(prepared, index, f"_{element_type}", text)
    else:  # nothing tells the type: the server finds it from the place
        prepared.setObject(index, text, java("java.sql.Types").OTHER)


def plain_value(value: object) -> object:
    """Give the standard Python value that an Enum, a NumPy or pandas object holds; any other value passes through.

    Raises:
        ValueError: It holds nanoseconds, which the database would round.
    """
    if isinstance(value, enum.Enum):
        return plain_value(value.value)
    if type(value).__name__ in ("NaTType", "NAType"):  # pandas' missing values, known without importing pandas
        return None
    if getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0):
        raise ValueError("it holds nanoseconds, and the database keeps microseconds")
    if type(value).__module__ != "numpy":
        return value
    numpy: Any = value
    if numpy.dtype.kind in "mM" and numpy.ndim == 0:
        return _plain_moment(numpy)
    return list(numpy) if numpy.ndim else numpy.item()


def _plain_moment(value: Any) -> object:
    """Give the date, datetime or timedelta of a NumPy `datetime64` or `timedelta64`."""
    if str(value) == "NaT":
        return None
    plain = value.item()
    if isinstance(plain, int):  # finer than microseconds, a month or a year, or beyond what Python's classes hold
        kind, unit = value.dtype.str[1:].split("[")
        if kind == "m8" and unit in ("M]", "Y]"):
            return Interval(months=plain * (12 if unit == "Y]" else 1))
        rounded = value.astype(f"{kind}[us]")
        plain = rounded.item()
        if rounded != value or isinstance(plain, int):
            raise ValueError("it is finer than a microsecond or out of range")
    return plain


def _plain_list(values: Sequence[object]) -> list[object]:
    plain = (plain_value(value) for value in values)
    return [_plain_list(value) if isinstance(value, (list, tuple)) else value for value in plain]


def _flat(values: Sequence[object]) -> Iterator[object]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value


def _refuse_ragged(values: Sequence[object]) -> tuple[int, ...]:
    """Give the length in each dimension."""
    shapes = {_refuse_ragged(value) if isinstance(value, list) else () for value in values}
    if len(shapes) > 1:
        raise ValueError("the lists in it differ in length or depth, and an array is rectangular")
    inner = shapes.pop() if shapes else ()
    if 0 in inner:
        raise ValueError("it holds empty lists, and the database has only one empty array")
    return (len(values), *inner)


def _element_type(value: object) -> str:
    match value:
        case bool():
            return "bool"
        case int():
            return "int8" if value in _JAVA_LONG else "numeric"
        case float():
            return "float8"
        case decimal.Decimal():
            return "numeric"
        case str():
            return "text"
        case bytes() | bytearray() | memoryview():
            return "bytea"
        case uuid.UUID():
            return "uuid"
        case dt.datetime():
            return "timestamp" if value.tzinfo is None else "timestamptz"
        case dt.date():
            return "date"
        case dt.time():
            return "time" if value.tzinfo is None else "timetz"
        case dt.timedelta() | Interval():
            return "interval"
        case dict():
            return "jsonb"
        case _ if isinstance(value, _NETWORK):
            return "inet"
    raise TypeError(f"a {type(value).__name__} has no counterpart in the database")


def _common_type(types: set[str]) -> str | None:
    if len(types) <= 1:
        return next(iter(types), None)
    for widest, narrower in (("numeric", {"int8"}), ("float8", {"int8"})):
        if types == {widest} | narrower:
            return widest
    raise ValueError(f"it mixes values for {', '.join(sorted(types))}, and an array has one type")


def _array_text(values: Sequence[object], element_type: str | None) -> str:
    elements = []
    for value in values:
        if value is None:
            elements.append("NULL")
        elif isinstance(value, list):
            elements.append(_array_text(value, element_type))
        else:
            if element_type == "float8" and isinstance(value, int) and int(float(value)) != value:
                raise ValueError("it mixes floats with an integer that no float holds exactly")
            text = _element_text(value).replace("\\", "\\\\").replace('"', '\\"')
            elements.append(f'"{text}"')
    return "{" + ",".join(elements) + "}"


def _element_text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | decimal.Decimal():
            return _numeric_text(value)
        case float():
            return float.__repr__(value)
        case str():
            return _checked_text(value)
        case bytes() | bytearray() | memoryview():
            return "\\x" + bytes(value).hex()
        case dt.datetime() if value.tzinfo is not None:
            if value.utcoffset() is None:
                raise ValueError("its zone gives no offset")
            return value.astimezone(dt.UTC).isoformat()
        case dt.datetime() | dt.date():
            return value.isoformat()
        case dt.time():
            offset = value.utcoffset()
            if value.tzinfo is not None and (offset is None or offset.microseconds):
                raise ValueError("a time without a date needs a zone with one fixed offset of whole seconds")
            return value.isoformat()
        case dt.timedelta():
            return str(Interval.from_timedelta(value))
        case dict():
            return _checked_text(_json_text(value))
    return str(value)


def _numeric_text(value: int | decimal.Decimal) -> str:
    too_long = ValueError("it has more digits than the database's numeric can hold")
    if isinstance(value, int):
        if value.bit_length() > _NUMERIC_BITS:
            raise too_long
        # Python's own conversion stops at 4300 digits.
        return str(java("java.math.BigInteger")(format(value, "x"), 16)) if value not in _JAVA_LONG else str(int(value))
    if value.is_snan():
        raise ValueError("a signalling NaN has no counterpart in the database")
    if value.is_nan():
        return "NaN"
    if value.is_finite():
        before, after = _NUMERIC_DIGITS
        if value.adjusted() >= before or int(value.as_tuple().exponent) < -after:
            raise too_long
    return str(value)


def _checked_text(value: str) -> str:
    text = str.__str__(value)
    if "\0" in text:
        raise ValueError("the database's text cannot hold the character NUL; bytes can")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ValueError("it holds half of a surrogate pair, which is no character") from None
    return text


def _json_text(value: object) -> str:
    """Write JSON with every number exact, where `json.dumps` would refuse a Decimal and change a key."""
    plain = plain_value(value)
    match plain:
        case dict():
            if not all(isinstance(key, str) for key in plain):
                raise TypeError("the keys of JSON are strings")
            return "{" + ",".join(f"{_json_text(key)}:{_json_text(item)}" for key, item in plain.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_json_text, plain)) + "]"
        case decimal.Decimal() if plain.is_finite():
            return _numeric_text(plain)
        case str():
            return json.dumps(_checked_text(plain), ensure_ascii=False)
        case None | bool() | int() | float():
            return json.dumps(plain, allow_nan=False)
    raise TypeError(f"JSON cannot hold this {type(plain).__name__}")
