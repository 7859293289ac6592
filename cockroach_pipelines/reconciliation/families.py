"""What the types of both databases mean, so that values of two types can be compared."""

from __future__ import annotations

from enum import StrEnum

from cockroach_pipelines.database.arrow.types import base_type


class Family(StrEnum):
    """Types whose values mean the same kind of thing."""

    INTEGER = "integer"
    NUMERIC = "numeric"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"
    CHARACTER = "character"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    UUID = "uuid"
    BYTES = "bytes"
    JSON = "json"
    ARRAY = "array"
    OTHER = "other"
    """Compared as the server's own text: intervals, time with zone, enums, ranges, composites, addresses, …"""


_BY_TYPE: dict[str, Family] = {
    **dict.fromkeys(("int2", "int4", "int8", "oid"), Family.INTEGER),
    "numeric": Family.NUMERIC,
    **dict.fromkeys(("float4", "float8"), Family.FLOAT),
    "bool": Family.BOOLEAN,
    **dict.fromkeys(("text", "varchar", "name", "citext", "char"), Family.TEXT),
    "bpchar": Family.CHARACTER,
    "date": Family.DATE,
    "time": Family.TIME,
    "timestamp": Family.TIMESTAMP,
    "timestamptz": Family.TIMESTAMPTZ,
    "uuid": Family.UUID,
    "bytea": Family.BYTES,
    **dict.fromkeys(("json", "jsonb"), Family.JSON),
}

# Texts of these depend on nothing but the value and its type, so that comparing them is exact.
_FAITHFUL_TEXT = frozenset(
    (
        *("interval", "timetz", "inet", "cidr", "macaddr", "macaddr8", "bit", "varbit", "xml", "pg_lsn", "tsvector"),
        *("int4range", "int8range", "daterange", "tsrange", "tstzrange", "tid", "regclass", "tsquery"),
        *("int4multirange", "int8multirange", "datemultirange", "tsmultirange", "tstzmultirange"),
    )
)

# PostgreSQL compares `column = 'text'` of these by their values. Others have no such operator (xml, jsonpath), read no
# text there (composites, regclass), or compare a measure of the value, such as a circle's area.
_EQUAL_TO_LITERALS = (_FAITHFUL_TEXT - {"xml", "regclass"}) | {
    *("money", "numrange", "nummultirange", "xid", "xid8", "cid", "line", "lseg"),
}

_BLENDS: dict[frozenset[Family], Family] = {
    frozenset((Family.INTEGER, Family.NUMERIC)): Family.NUMERIC,
    frozenset((Family.INTEGER, Family.FLOAT)): Family.NUMERIC,
    frozenset((Family.NUMERIC, Family.FLOAT)): Family.NUMERIC,
    frozenset((Family.TEXT, Family.CHARACTER)): Family.TEXT,
    frozenset((Family.DATE, Family.TIMESTAMP)): Family.TIMESTAMP,
    frozenset((Family.DATE, Family.TIMESTAMPTZ)): Family.TIMESTAMPTZ,
    frozenset((Family.TIMESTAMP, Family.TIMESTAMPTZ)): Family.TIMESTAMPTZ,
}


def plain_type(pg_type: str) -> str:
    """Give the one name of a type that servers and drivers call differently; arrays begin with an underscore."""
    name = pg_type.lower()
    if name.endswith("[]"):
        return "_" + plain_type(name[:-2])
    return name if name.startswith("_") else base_type(name)


def family_of(pg_type: str) -> Family:
    """Give the family of a type by the server's name of it."""
    name = plain_type(pg_type)
    return Family.ARRAY if name.startswith("_") else _BY_TYPE.get(name, Family.OTHER)


def has_faithful_text(pg_type: str, *, is_enum: bool = False) -> bool:
    """Whether equal text of a type of `Family.OTHER` is equal value and unequal text unequal value."""
    return is_enum or plain_type(pg_type) in _FAITHFUL_TEXT


def equals_literals(pg_type: str, *, is_enum: bool = False) -> bool:
    """Whether `column = 'text'` is true where the text means the column's very value."""
    name = plain_type(pg_type).removeprefix("_")
    family = family_of(name)
    if family is Family.JSON:
        return name == "jsonb"
    return is_enum or family is not Family.OTHER or name in _EQUAL_TO_LITERALS


def common_family(source: Family, target: Family) -> Family | None:
    """Give the family in which values of both can be compared without loss; None where only text is common to them."""
    return source if source is target else _BLENDS.get(frozenset((source, target)))
