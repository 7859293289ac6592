"""A 64-bit hash of a row, computed where the row is.

Equal rows have equal hashes or, where that would cost too much (numbers within JSON), are looked at once more; different
rows have different ones but for a chance of 2^-64. Sums of hashes, or their exclusive or, are compared, so each must
depend on all columns at once: a value that moves from one row to another changes the sum.

PostgreSQL's typed hashes alone do not tell apart: -5 and 5 (numeric), NaN and infinities (numeric), -1 and 4294967295
(int8), 1 and -1 within jsonb, timestamps 2^32 + 1 microseconds apart, and (0, x) from (x, 0) when chained (a float's 0
gives the seed back). Each of these is mended here. fnv64 alone is no better: the lowest byte of its state decides how a
change of the last byte ends, so in one sum of two hundred an exchange of two rows' last letters is lost; it only folds
what md5 has mixed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cockroach_pipelines.database import Dialect, ServerVersion
from cockroach_pipelines.reconciliation.columns import Pair
from cockroach_pipelines.reconciliation.expressions import SideSQL, needs_length
from cockroach_pipelines.reconciliation.families import Family, plain_type
from cockroach_pipelines.reconciliation.spec import HashKind

_SEED = 7_046_029_254_386_353_131
_STEP = 2_862_933_555_777_941_757
_BITS = 64
_FOLD_SECONDS = "4294.967296 s"
_BEFORE_START = 2000
_NATIVE_SINCE = 11  # release notes of PostgreSQL 11: extended hash functions
_NATIVE18_SINCE = 18  # its pg_proc: hashes of bytea, date and timestamptz by themselves

# What stands in for NULL before the bitmap tells it apart.
_BLANKS = {
    Family.INTEGER: "0",
    Family.NUMERIC: "0",
    Family.FLOAT: "0",
    Family.TIMESTAMP: "'1970-01-01'::timestamp",
    Family.TIMESTAMPTZ: "'1970-01-01 00:00:00+00'::timestamptz",
    Family.UUID: "'00000000-0000-0000-0000-000000000000'::uuid",
}
_BLANKS18 = {Family.DATE: "'1970-01-01'::date", Family.BYTES: "''::bytea"}
_FACTS_EACH = 30


def constant(number: int) -> int:
    """Give the number-th of a row of odd 63-bit constants."""
    return ((_SEED + number * _STEP) % 2**63) | 1


def hash_sql(kind: HashKind, pairs: Sequence[Pair], side: SideSQL) -> str:
    """Give an SQL expression of a signed 64-bit hash over columns of a row."""
    if kind in (HashKind.NATIVE, HashKind.NATIVE18):
        return _native(pairs, side, kind)
    text = _row_text(pairs, side)
    if kind is HashKind.FNV64:
        return f"fnv64(md5({text}))"
    return f"('x' || substr(md5({text}), 1, 16))::bit(64)::int8"


def bucket_sql(hash_expression: str, buckets: int) -> str:
    """Give an SQL expression of a bucket from 0 to a power of two, excluded."""
    return f"({hash_expression}) & {buckets - 1}"


def kinds_for(source: ServerVersion, target: ServerVersion) -> tuple[HashKind, ...]:
    """Give the kinds of hash that both servers can compute, the cheapest first."""
    versions = (source, target)
    oldest = min(each.numbers[0] for each in versions)
    if all(each.dialect is Dialect.POSTGRESQL for each in versions) and oldest >= _NATIVE_SINCE:
        newer = (HashKind.NATIVE18,) if oldest >= _NATIVE18_SINCE else ()
        return *newer, HashKind.NATIVE, HashKind.MD5
    if all(each.dialect is Dialect.COCKROACHDB for each in versions):
        return HashKind.FNV64, HashKind.MD5
    return (HashKind.MD5,)


def collision_probability(comparisons: int) -> float:
    """Give the chance that a difference was missed, for so many comparisons of hashes or of sums of hashes."""
    return comparisons * 2.0**-_BITS


def _native(pairs: Sequence[Pair], side: SideSQL, kind: HashKind) -> str:
    expression = str(_SEED)
    hashed = [pair for pair in pairs if pair.family is not Family.BOOLEAN]
    for number, pair in enumerate(hashed, 1):
        expression = _link(pair, side, expression, constant(number), kind)
    facts = list(_facts(pairs, side))
    for start in range(0, len(facts), _FACTS_EACH):
        group = facts[start : start + _FACTS_EACH]
        bits = " + ".join(f"CASE WHEN {fact} THEN {1 << bit} ELSE 0 END" for bit, fact in enumerate(group))
        expression = f"hashint4extended({bits}, {expression})"
    # A last float's zero would give back what came before it.
    return expression if facts or hashed[-1].family not in (Family.FLOAT, Family.NUMERIC) else _end(expression)


def _facts(pairs: Sequence[Pair], side: SideSQL) -> Iterator[str]:
    """Give conditions that tell of a row what is a bit: where it is NULL, and its booleans."""
    for pair in pairs:
        if pair.may_be_null:
            yield f"{side.value(pair)} IS NULL"
        if pair.family is Family.BOOLEAN:
            yield side.typed(pair)


def _end(expression: str) -> str:
    return f"hashint4extended(1, {expression})"


def _link(pair: Pair, side: SideSQL, before: str, mark: int, kind: HashKind) -> str:
    """Give the hash of a column with the hash of those before it as its seed."""
    value = side.typed(pair)
    blank = _BLANKS18 | _BLANKS if kind is HashKind.NATIVE18 else _BLANKS
    if pair.may_be_null and pair.family in blank:
        value = f"coalesce({value}, {blank[pair.family]})"
    match pair.family:
        case Family.INTEGER:
            return _integer(pair, value, before)
        case Family.NUMERIC:
            return f"hash_numeric_extended({value}, ({before}) # {_sign(pair, value, mark)})"
        case Family.FLOAT:
            return f"hashfloat8extended({value}::float8, ({before}) # {mark}::int8)"
        case Family.UUID:
            return f"uuid_hash_extended({value}, {before})"
        case Family.TIMESTAMP | Family.TIMESTAMPTZ:
            return _moment18(pair, value, before) if kind is HashKind.NATIVE18 else _moment(pair, value, before)
        case Family.DATE if kind is HashKind.NATIVE18:
            return f"hashdateextended({value}, {before})"
        case Family.BYTES if kind is HashKind.NATIVE18:
            return f"hashbyteaextended({value}, {before})"
        case _:
            text = side.typed(pair) if pair.family in (Family.TEXT, Family.CHARACTER) else side.text(pair)
            text = f"{text}::text" if not text.endswith("::text") else text
            text = f"coalesce({text}, '')" if pair.may_be_null else text
            return f'hashtextextended({text} COLLATE "C", {before})'


def _integer(pair: Pair, value: str, before: str) -> str:
    plain = plain_type(pair.source.pg_type)
    if pair.same_type and plain in ("int2", "int4"):
        return f"hash{plain}extended({value}{'::int2' if plain == 'int2' else ''}, {before})"
    # hashint8 folds 64 bits into 32; the seed takes the value in whole.
    return f"hashint8extended({value}::int8, {value}::int8 # ({before}))"


def _sign(pair: Pair, value: str, mark: int) -> str:
    """Give a number that tells what hash_numeric does not: the sign, and which special value it is."""
    negative, nan, infinite = (constant(1000 + number) for number in range(3))
    negative ^= mark
    if pair.same_type and pair.source.limited and pair.target.limited:
        return f"CASE WHEN {value} < 0 THEN {negative}::int8 ELSE {mark}::int8 END"
    return (
        f"CASE WHEN {value} < 0 THEN CASE WHEN {value} < -1e131071 THEN {infinite ^ negative}::int8 "
        f"ELSE {negative}::int8 END WHEN {value} < 1e131071 THEN {mark}::int8 "
        f"WHEN {value} = 'NaN' THEN {nan ^ mark}::int8 ELSE {infinite ^ mark}::int8 END"
    )


def _moment(pair: Pair, value: str, before: str) -> str:
    # Seconds as a double tell microseconds apart between 1900 and 2100; beyond, the text does.
    zone = "+00" if pair.family is Family.TIMESTAMPTZ else ""
    kind = "timestamptz" if zone else "timestamp"
    far = (
        f"CASE WHEN {value} > '1900-01-01 00:00:00{zone}'::{kind} AND {value} < '2100-01-01 00:00:00{zone}'::{kind} "
        f'THEN 0::int8 ELSE hashtextextended({value}::text COLLATE "C", {_SEED}) END'
    )
    return f"hashfloat8extended(date_part('epoch', {value}), ({before}) # {far})"


def _moment18(pair: Pair, value: str, before: str) -> str:
    # The hash folds the upper half of the microseconds into the lower one. So the seed takes in the upper half, which is
    # what is left of a moment cut to 2^32 microseconds, and on which side of the year 2000 it lies, whence they count.
    name, zone = ("timestamptz", "+00") if pair.family is Family.TIMESTAMPTZ else ("timestamp", "")
    start = f"'2000-01-01 00:00:00{zone}'::{name}"
    upper = f"{name}_hash_extended(date_bin('{_FOLD_SECONDS}', {value}, {start})"
    seed = (
        f"CASE WHEN {value} >= {start} THEN {upper}, {_SEED}) "
        f"WHEN {value} > '1000-01-01 00:00:00{zone}'::{name} THEN {upper}, {constant(_BEFORE_START)}) "
        f'ELSE hashtextextended({value}::text COLLATE "C", {_SEED}) END'
    )
    return f"{name}_hash_extended({value}, ({before}) # {seed})"


def _row_text(pairs: Sequence[Pair], side: SideSQL) -> str:
    """Give one text for a row: no two different rows have the same, whatever separators their values hold."""
    parts = []
    for pair in pairs:
        text = side.hash_text(pair)
        if needs_length(pair.family):
            text = f"{text}::text" if not text.endswith("::text") else text
            part = f"length({text})::text || ':' || {text}"
        else:
            part = f"{text} || '|'"
        parts.append(f"coalesce({part}, '~')" if pair.may_be_null else part)
    return " || ".join(parts)
