"""What a server can do is told by what it says when the session begins."""

from __future__ import annotations

from typing import Any

import pytest

from cockroach_pipelines.database.arrow.copy_out import CopyOut
from cockroach_pipelines.database.arrow.server import cockroach_version, copies_queries, reads_binary_well


class Session:
    """A connection to CockroachDB, as far as the driver tells of it: no such server can be started here."""

    def __init__(self, version: str) -> None:
        self.version = version

    def unwrap(self, _: object) -> Session:
        return self

    def getParameterStatus(self, name: str) -> str | None:
        return self.version if name == "crdb_version" else None


@pytest.mark.usefixtures("jvm")
@pytest.mark.parametrize(
    ("said", "version", "copies"),
    [
        ("CockroachDB CCL v22.2.19 (x86_64-pc-linux-gnu, built 2023/11/30)", (22, 2, 19), False),
        ("CockroachDB CCL v23.1.0 (x86_64-pc-linux-gnu, built 2023/05/05)", (23, 1, 0), True),
        ("CockroachDB CCL v25.2.1 (aarch64-unknown-linux-gnu, built 2025/06/01)", (25, 2, 1), True),
    ],
)
def test_cockroachdb_says_its_version(said: str, version: tuple[int, ...], copies: bool) -> None:
    session = Session(said)
    assert cockroach_version(session) == version
    assert copies_queries(session) is copies
    assert not reads_binary_well(session)
    assert CopyOut(session, "", (), "error").marks.copy_format == "FORMAT csv"


def test_postgresql_does_everything(jdbc: Any) -> None:
    assert cockroach_version(jdbc) is None
    assert copies_queries(jdbc)
    assert reads_binary_well(jdbc)
    assert CopyOut(jdbc, "", (), "error").marks.copy_format == r"FORMAT csv, DELIMITER E'\x1f', QUOTE E'\x1e'"
