"""A server says which database it is."""

from __future__ import annotations

import pytest

from cockroach_pipelines.database.dialect import Dialect, parse_server_version
from cockroach_pipelines.database.errors import ConnectionFailedError


@pytest.mark.parametrize(
    ("text", "dialect", "numbers", "shown"),
    [
        (
            "CockroachDB CCL v25.2.1 (x86_64-pc-linux-gnu, built 2025/06/12 19:11:11, go1.23.7)",
            Dialect.COCKROACHDB,
            (25, 2, 1),
            "CockroachDB 25.2.1",
        ),
        ("CockroachDB OSS v24.1.0-rc.2 (x86_64)", Dialect.COCKROACHDB, (24, 1, 0), "CockroachDB 24.1.0"),
        ("PostgreSQL 18.0 on x86_64-pc-linux-gnu, compiled by gcc", Dialect.POSTGRESQL, (18, 0), "PostgreSQL 18.0"),
        ("PostgreSQL 17beta1 on x86_64", Dialect.POSTGRESQL, (17,), "PostgreSQL 17"),
        ("PostgreSQL 15.18 (Debian 15.18-0+deb12u1)", Dialect.POSTGRESQL, (15, 18), "PostgreSQL 15.18"),
    ],
)
def test_version_text_tells_dialect_and_numbers(
    text: str, dialect: Dialect, numbers: tuple[int, ...], shown: str
) -> None:
    version = parse_server_version(text)
    assert (version.dialect, version.numbers, str(version)) == (dialect, numbers, shown)


def test_another_database_is_refused_with_what_it_said() -> None:
    with pytest.raises(ConnectionFailedError, match=r"'MySQL 8\.0', which is neither CockroachDB nor PostgreSQL"):
        parse_server_version("MySQL 8.0")
