"""What the server at the other end can do, told by what it said when the session began."""

from __future__ import annotations

from typing import Any

import jpype

from cockroach_pipelines.database.dialect import parse_server_version
from cockroach_pipelines.database.jvm import java
from cockroach_pipelines.database.sqlstate import java_sql_error

_COPIES_QUERIES_SINCE = (23, 1)  # CockroachDB's release notes of v23.1: COPY (query) TO STDOUT


def reads_binary_well(jdbc: Any) -> bool:
    """Whether COPY FROM in the binary format pays: PostgreSQL; CockroachDB reads it more slowly than CSV."""
    return cockroach_version(jdbc) is None


def knows_binary_copy(jdbc: Any) -> bool:
    """Whether COPY TO can write the binary format; CockroachDB's documentation knows it of COPY FROM alone."""
    return cockroach_version(jdbc) is None


def takes_any_quote(jdbc: Any) -> bool:
    """Whether COPY TO can be told what to quote with; CockroachDB's documentation counts it to what it does not know."""
    return cockroach_version(jdbc) is None


def copies_queries(jdbc: Any) -> bool:
    """Whether the server knows COPY (query) TO STDOUT."""
    version = cockroach_version(jdbc)
    return version is None or version >= _COPIES_QUERIES_SINCE


def cockroach_version(jdbc: Any) -> tuple[int, ...] | None:
    """Give the version of CockroachDB, None for any other server; costs no round trip."""
    try:
        said = jdbc.unwrap(java("org.postgresql.PGConnection")).getParameterStatus("crdb_version")
    except jpype.JException as error:  # the connection is closed
        raise java_sql_error(error) from error
    return parse_server_version(str(said)).numbers if said is not None else None
