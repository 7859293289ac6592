"""Values of every type with what they mean, and the comparison that our results are judged by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

Value = tuple[str, str]
"""A literal's text and what it means: equal meanings are equal values."""

Row = tuple[Value | None, ...]


@dataclass(frozen=True)
class Pool:
    """Values that all the types hold."""

    types: tuple[str, ...]
    values: tuple[Value, ...]
    is_key: bool = True


def same(*texts: str) -> tuple[Value, ...]:
    return tuple((text, text) for text in texts)


def meaning(shared: str, *texts: str) -> tuple[Value, ...]:
    return tuple((text, shared) for text in texts)


_TEXTS = same(
    "", "a", "A", "a ", " a", "  ", "a|b", "b|c", "|", "~", "<null>", "NULL", "null", "\\N", "é", "e\u0301", "ß", "ss", "日本", "𝄞",
    "a\nb", "a\r\nb", "\t", '"q"', "it's", "\\", "\\x00", ",", "1:a", "12:34", "{}", "\x01", "\x1e", "\x1f", "a\x1fb", "x" * 300,
)  # fmt: skip

POOLS: tuple[Pool, ...] = (
    Pool(("int2", "int4", "int8", "numeric"), same("0", "1", "-1", "7", "32767", "-32768")),
    Pool(("int4", "int8"), same("0", "1", "-1", "2147483647", "-2147483648")),
    Pool(
        ("int8",),
        same("0", "-1", "1", "4294967295", "4294967296", "4294967297", "9223372036854775807", "-9223372036854775808"),
    ),
    Pool(
        ("numeric", "numeric(30,10)", "numeric(40,12)"),
        (
            *meaning("1", "1", "1.0", "1.000"), *meaning("0", "0", "-0", "0.00"), *meaning("100", "100", "1e2"),
            *same("1.2", "1.4", "-1.2", "12", "0.12", "99999999999999999999", "0.0000000001", "-5", "5"),
        ),
    ),
    Pool(("numeric",), same("NaN", "Infinity", "-Infinity", "0", "1e300", "-1e300", "1e-300", "1")),
    Pool(
        ("float8",),
        (
            *meaning("0", "0", "-0"), *meaning("NaN", "NaN", "-NaN"),
            *same("1.5", "-1.5", "0.1", "0.3", "0.30000000000000004", "1e30", "1e-13", "2e-13", "Infinity", "-Infinity", "5e-324"),
        ),
    ),
    Pool(("float4",), (*meaning("0", "0", "-0"), *same("0.1", "1.5", "NaN", "Infinity", "-Infinity", "3.4e38", "16777216"))),
    Pool(("bool",), same("true", "false")),
    Pool(("text", "varchar", 'text COLLATE "en-x-icu"', "text COLLATE blind", 'text COLLATE "C"'), _TEXTS),
    Pool(("char(6)",), (*meaning("a", "a", "a  "), *meaning("", "", "   "), *same("A", " a", "é", "a b", "~"))),
    Pool(
        ("date",),
        same("2024-02-29", "infinity", "-infinity", "0044-03-15 BC", "0044-03-15", "5874897-12-31", "1970-01-01", "2000-01-01"),
    ),
    Pool(
        ("timestamp",),
        (
            *meaning("noon", "2024-02-29 12:00:00", "2024-02-29 12:00:00.000"),
            *same(
                "infinity", "-infinity", "0044-03-15 10:00:00 BC", "0044-03-15 10:00:00", "294276-12-31 23:59:59.999999",
                "294276-12-31 23:59:59.999998", "9999-12-31 23:59:59.999999", "9999-12-31 23:59:59.999998", "1970-01-01 00:00:00",
                "2000-01-01 00:00:00", "2000-01-01 01:11:34.967295", "2000-01-01 01:11:34.967297", "1999-12-31 23:59:59.999999",
                "2024-02-29 12:00:00.000001", "1850-01-01 00:00:00.000001",
            ),
        ),
    ),
    Pool(
        ("timestamptz",),
        (
            *meaning("one", "2024-10-27 01:30:00+02", "2024-10-26 23:30:00+00"),
            *meaning("before", "2024-10-27 02:30:00+02", "2024-10-27 00:30:00+00"),
            *meaning("after", "2024-10-27 02:30:00+01", "2024-10-27 01:30:00+00"),
            *same("infinity", "-infinity", "0044-03-15 10:00:00+00 BC", "0044-03-15 10:00:00+00", "1970-01-01 00:00:00+00",
                  "9999-12-31 23:59:59.999999+00", "9999-12-31 23:59:59.999998+00", "1883-11-18 12:03:57.5-04:56:02"),
        ),
    ),
    Pool(("time",), same("00:00:00", "24:00:00", "12:34:56.789", "12:34:56.789001")),
    Pool(("timetz",), same("12:00:00+00", "13:00:00+01", "12:00:00-05:30")),
    Pool(("interval",), same("1 mon", "30 days", "720:00:00", "1 day", "24:00:00", "-1 day", "00:00:00.000001")),
    Pool(
        ("uuid",),
        (
            *meaning("u", "6BA7B810-9dad-11d1-80b4-00c04fd430c8", "6ba7b8109dad11d180b400c04fd430c8"),
            *same("00000000-0000-0000-0000-000000000000", "6ba7b811-9dad-11d1-80b4-00c04fd430c8", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        ),
    ),
    Pool(("bytea",), same("\\x", "\\x00", "\\x00ff", "\\xff00", "\\x7c")),
    Pool(
        ("jsonb", "json"),
        (
            *meaning("a1", '{"a":1}', '{"a": 1.0}', '{ "a" : 1.00 }'), *meaning("ab", '{"b":1,"a":2}', '{"a":2, "b":1}'),
            *meaning("last", '{"k":1,"k":2}', '{"k":2}'), *meaning("esc", '"é"', '"\\u00e9"'), *meaning("zero", "0", "-0", "0.0"),
            *same('{"a":-1}', '{"a":"1"}', "null", "[]", "{}", '"null"', "1", '"1"', "12345678901234567890.5", "[1, 2]", "[2, 1]", '""', "true"),
        ),
        is_key=False,
    ),
    Pool(("int4[]", "int8[]"), same("{}", "{1,2}", "{2,1}", "{NULL}", "{1,NULL}", "{{1,2},{3,4}}", "[0:1]={1,2}"), is_key=False),
    Pool(("text[]",), same("{}", '{"a,b"}', "{a,b}", "{NULL}", '{"NULL"}', '{""}', '{"a\\"b"}', '{"\\\\"}'), is_key=False),
    Pool(("numeric[]",), (*meaning("one", "{1.0}", "{1.00}"), *same("{-1}", "{NaN}", "{1,2}", "{NULL,1}")), is_key=False),
    Pool(("float8[]",), (*meaning("zero", "{0}", "{-0}"), *same("{NaN}", "{1e30,0.1}")), is_key=False),
    Pool(("mood",), same("sad", "ok", "happy")),
    Pool(("inet",), same("10.0.0.1", "10.0.0.0/8", "::1")),
    Pool(("int4range",), (*meaning("r", "[1,3]", "[1,4)"), *same("empty", "[1,)", "(,)"))),
    Pool(("varbit",), same("", "0", "1", "01")),
    Pool(("xml",), same("<a/>", "<a></a>"), is_key=False),
)  # fmt: skip
KEY_POOLS = tuple(pool for pool in POOLS if pool.is_key)


@dataclass(frozen=True)
class Truth:
    """What differs, counted by comparing every row with every other of its key."""

    missing: int
    extra: int
    changed: int
    duplicates: dict[tuple[str | None, ...], tuple[int, int]]


def truth(source: Sequence[Row], target: Sequence[Row], key: int) -> Truth:
    """Compare two lists of rows, the first `key` values of which are the key; 0 for whole rows."""
    width = key or len((source or target or [()])[0])
    groups: dict[tuple[str | None, ...], tuple[Counter[object], Counter[object]]] = defaultdict(
        lambda: (Counter(), Counter())
    )
    for place, rows in enumerate((source, target)):
        for row in rows:
            meant = tuple(None if value is None else value[1] for value in row)
            groups[meant[:width]][place][meant] += 1
    missing = extra = changed = 0
    duplicates = {}
    for name, (ours, theirs) in groups.items():
        left, right = (ours - theirs).total(), (theirs - ours).total()
        changed += min(left, right)
        missing += left - min(left, right)
        extra += right - min(left, right)
        copies = ours.total(), theirs.total()
        if (left or right) and max(copies) > 1:
            duplicates[name] = copies
    return Truth(missing, extra, changed, duplicates)


def insert(table: str, rows: Sequence[Row], types: Sequence[str]) -> str:
    """Give the statement that inserts rows."""
    base = [kind.split(" COLLATE")[0] for kind in types]
    lines = ", ".join(
        "(" + ", ".join(_literal(value, kind) for value, kind in zip(row, base, strict=True)) + ")" for row in rows
    )
    return f"INSERT INTO {table} VALUES {lines}"


def _literal(value: Value | None, kind: str) -> str:
    return "NULL" if value is None else "'" + value[0].replace("'", "''") + f"'::{kind}"
