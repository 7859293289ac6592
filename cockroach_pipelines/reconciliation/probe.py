"""Whether both servers compute the same hashes, asked with values that are known to be hard."""

from __future__ import annotations

from cockroach_pipelines.reconciliation.columns import Column, Pair
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.families import family_of
from cockroach_pipelines.reconciliation.hashing import hash_sql
from cockroach_pipelines.reconciliation.spec import HashKind

_VECTORS: tuple[tuple[str, str], ...] = (
    ("int2", "'-7'::int2"),
    ("int4", "'2147483647'::int4"),
    ("int8", "'-9223372036854775807'::int8"),
    ("numeric", "'-1234567.890100'::numeric"),
    ("numeric", "'NaN'::numeric"),
    ("float8", "'-0.1'::float8"),
    ("float8", "'NaN'::float8"),
    ("float4", "'1.5e-40'::float4"),
    ("bool", "true"),
    ("text", "'Zoë ☕ 𝄞'::text"),
    ("uuid", "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid"),
    ("date", "'2024-02-29'::date"),
    ("timestamp", "'2024-10-27 02:30:00.123456'::timestamp"),
    ("timestamptz", "'1969-12-31 23:59:59.999999+00'::timestamptz"),
    ("bytea", "'\\x00ff'::bytea"),
)


def probe_sql(kind: HashKind, side: SideSQL) -> str:
    """Give the query for the hash of a row of constants, each type once with a value and once with NULL."""
    selected, pairs = [], []
    for number, (pg_type, value) in enumerate(_VECTORS):
        for name, said in ((f"v{number}", value), (f"n{number}", f"NULL::{pg_type}")):
            column = Column(name, pg_type, pg_type, nullable=True)
            pairs.append(Pair(column, column, family_of(pg_type)))
            selected.append(f"{said} AS {name}")
    return f"SELECT {hash_sql(kind, pairs, side)} AS h FROM (SELECT {', '.join(selected)}) AS r"
