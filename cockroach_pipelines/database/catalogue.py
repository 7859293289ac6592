"""Pieces of questions to PostgreSQL's catalogue, for several who ask."""

from __future__ import annotations

from cockroach_pipelines.database.dialect import ServerVersion

_LOCALE_PROVIDERS_SINCE = 15

MAY_BE_NULL = (
    "(NOT a.attnotnull OR EXISTS (SELECT FROM pg_constraint AS v WHERE v.conrelid = a.attrelid AND v.contype = 'n' "
    "AND NOT v.convalidated AND v.conkey = ARRAY[a.attnum]))"
)
"""Whether a column, of `pg_attribute AS a`, may hold NULL.

Since PostgreSQL 18 a NOT NULL constraint may be NOT VALID: rows that were there before it hold NULL.
"""


def bytewise_sql(server: ServerVersion) -> str:
    """Give an expression of whether text in a column is in the order of its bytes, of `pg_collation AS c`, which may lack."""
    provider = "d.datlocprovider = 'c' AND " if server.numbers[0] >= _LOCALE_PROVIDERS_SINCE else ""
    return (
        "coalesce(c.collname IN ('C', 'POSIX', 'ucs_basic') OR c.collname = 'default' AND "
        f"(SELECT {provider}d.datcollate IN ('C', 'POSIX') FROM pg_database AS d WHERE d.datname = current_database()), true)"
    )
