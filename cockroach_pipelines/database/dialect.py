"""Which database a server is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from cockroach_pipelines.database.errors import ConnectionFailedError


class Dialect(StrEnum):
    """The databases whose SQL this project runs."""

    COCKROACHDB = "cockroachdb"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True)
class ServerVersion:
    """What a server says it is, such as CockroachDB 25.2.1 or PostgreSQL 18.0."""

    dialect: Dialect
    numbers: tuple[int, ...]
    text: str

    def __str__(self) -> str:
        return f"{'CockroachDB' if self.dialect is Dialect.COCKROACHDB else 'PostgreSQL'} {'.'.join(map(str, self.numbers))}"


_COCKROACHDB = re.compile(r"CockroachDB\b.*?\bv(\d+)\.(\d+)\.(\d+)")
_POSTGRESQL = re.compile(r"PostgreSQL (\d+)(?:\.(\d+))?(?:\.(\d+))?")


def parse_server_version(text: str) -> ServerVersion:
    """Read the answer to `SELECT version()`.

    The driver's own metadata says PostgreSQL 13 for every CockroachDB and cannot tell them apart.

    Raises:
        ConnectionFailedError: The server is neither CockroachDB nor PostgreSQL.
    """
    for dialect, pattern in ((Dialect.COCKROACHDB, _COCKROACHDB), (Dialect.POSTGRESQL, _POSTGRESQL)):
        if match := pattern.match(text):
            return ServerVersion(dialect, tuple(int(number) for number in match.groups() if number), text)
    raise ConnectionFailedError(
        f"The server says it is {text[:80]!r}, which is neither CockroachDB nor PostgreSQL.",
        advice="Check host and port: another service may listen there.",
    )
