"""Which Arrow type a column of the server becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cockroach_pipelines.database.special import SPECIALS, Special

__all__ = ["SPECIALS", "Column", "Special", "column", "schema_of"]

NULL_TEXT = pa.nulls(1, pa.string())[0]
"""The text that is NULL; `pa.scalar(None)` would import pandas, for 0.4 s and 40 MB."""

_MICROSECONDS = "us"

# What pyarrow's CSV reader makes of the server's text by itself.
_DIRECT: dict[str, Any] = {
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "oid": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "time": pa.time64(_MICROSECONDS),
    "timestamp": pa.timestamp(_MICROSECONDS),
    "timestamptz": pa.timestamp(_MICROSECONDS, "UTC"),
}
_BY_TEXT: dict[str, Any] = {"bytea": pa.binary(), "interval": pa.month_day_nano_interval()}

# Arrays of these stay text: intervals, which no file format has in lists, and boxes, which a semicolon separates.
_KEPT_AS_TEXT = frozenset({"interval", "box"})

# Types some value of which has no counterpart in Arrow.
_WITH_SPECIAL_VALUES = frozenset({"date", "time", "timestamp", "timestamptz", "interval", "numeric"})

# CockroachDB's names, and the standard's, for what the driver mostly calls otherwise.
_ALIASES = {
    "smallint": "int2",
    "integer": "int4",
    "int": "int8",
    "bigint": "int8",
    "real": "float4",
    "float": "float8",
    "double precision": "float8",
    "decimal": "numeric",
    "boolean": "bool",
    "bytes": "bytea",
    "string": "text",
    "character varying": "varchar",
    "character": "bpchar",
    "time with time zone": "timetz",
    "time without time zone": "time",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}

# Since version 15 PostgreSQL keeps a numeric's scale in 11 bits with a sign; the driver reads them as unsigned.
_SCALE_SIGN, _SCALE_RANGE = 1 << 10, 1 << 11


@dataclass(frozen=True)
class Column:
    """One column of a result.

    Attributes:
        name: Its label in the result; several columns may have the same.
        pg_type: The server's name of its type.
        arrow: Its type in the schema.
        direct: Whether the CSV reader gives that type by itself; otherwise it is asked for text.
        unscaled: Whether it is a numeric without precision and scale, whose decimal type only its values tell.
        as_text: Whether it is text because `special` asked for it.
    """

    name: str
    pg_type: str
    arrow: Any
    direct: bool
    unscaled: bool = False
    as_text: bool = False

    @property
    def read_as(self) -> Any:
        """The type that the CSV reader is asked for."""
        return self.arrow if self.direct else pa.string()


def base_type(pg_type: str) -> str:
    """Give the one name of a type that servers and drivers call differently, of an array the elements'."""
    base = pg_type.removeprefix("_").lower()
    return _ALIASES.get(base, base)


def column(name: str, pg_type: str, precision: int = 0, scale: int = 0, special: Special = "error") -> Column:
    """Give the Arrow type of a column.

    Types outside the table (text, uuid, json, enums, ranges, inet, composites, …) come as the server's text. A numeric
    without a scale, such as every sum and average of numerics, comes as text too: a stream has its schema before its
    first value, and no decimal type holds them all. An array becomes a list of what its elements would become; one of
    several dimensions, or with other bounds, is a special value of its type. Arrays of intervals and boxes stay text.

    Args:
        name: The column's label.
        pg_type: The driver's name of the type, such as `int4` or, for an array, `_int4`.
        precision: Digits of a numeric, 0 when it has no limit.
        scale: Digits of a numeric after the point, as the driver reports them.
        special: With `text`, columns that may hold values without a counterpart come as text.
    """
    is_array = pg_type.startswith("_")
    base = base_type(pg_type)
    if special == "text" and (is_array or base in _WITH_SPECIAL_VALUES):
        return Column(name, pg_type, pa.string(), direct=True, as_text=True)
    if is_array:
        if base in _KEPT_AS_TEXT:
            return _text(name, pg_type)
        element = column(name, base, precision, scale, special)
        return Column(name, pg_type, pa.list_(element.arrow), direct=False)
    if base in _DIRECT:
        return Column(name, pg_type, _DIRECT[base], direct=True)
    if base == "numeric":
        return _numeric(name, pg_type, precision, scale)
    if base in _BY_TEXT:
        return Column(name, pg_type, _BY_TEXT[base], direct=False)
    return _text(name, pg_type)


def schema_of(columns: tuple[Column, ...]) -> Any:
    """Give the Arrow schema; each field's metadata holds the server's type name under `pg.type`.

    What is text because `special` asked for it has `text` under `pg.special`.
    """
    metadata = [
        {b"pg.type": each.pg_type.encode()} | ({b"pg.special": b"text"} if each.as_text else {}) for each in columns
    ]
    return pa.schema(
        [pa.field(each.name, each.arrow, metadata=said) for each, said in zip(columns, metadata, strict=True)]
    )


def _text(name: str, pg_type: str) -> Column:
    return Column(name, pg_type, pa.string(), direct=True)


def _numeric(name: str, pg_type: str, precision: int, scale: int) -> Column:
    if precision == 0:
        return Column(name, pg_type, pa.string(), direct=True, unscaled=True)
    if scale >= _SCALE_SIGN:
        scale -= _SCALE_RANGE
    # Arrow wants 0 <= scale <= precision; PostgreSQL allows numeric(3, -2), which is 12300, and numeric(3, 5), 0.00123.
    digits, scale = max(precision - min(scale, 0), scale), max(scale, 0)
    if digits <= 38:
        return Column(name, pg_type, pa.decimal128(digits, scale), direct=True)
    if digits <= 76:
        return Column(name, pg_type, pa.decimal256(digits, scale), direct=False)
    return _text(name, pg_type)
