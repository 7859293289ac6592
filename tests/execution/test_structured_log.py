"""Each event is one line of a log, flat, with no value that a statement binds."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cockroach_pipelines.config import ConfigurationError, LoggingConfig
from cockroach_pipelines.database import ConnectionManager, StatementError
from cockroach_pipelines.execution import (
    Activity,
    Command,
    CommitInDoubt,
    Doubt,
    Failure,
    RetryScheduled,
    StatementStarted,
    TransactionalExecutor,
    structured_log,
)
from cockroach_pipelines.execution.structured_log import log_observer
from tests.peers.postgres import PostgresServer

ACTIVITY = Activity(asset="maintenance/purge", run="0123456789")
RETRY = RetryScheduled(ACTIVITY, "main", 1, 0.123456, True, Failure("ConnectionLostError", "08006", "[08006] gone"))


@pytest.fixture
def connections(jvm: object, server: PostgresServer) -> Iterator[ConnectionManager]:
    with ConnectionManager({"main": server.config}) as connections:
        yield connections


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_json_line_is_flat_and_whole() -> None:
    stream = io.StringIO()
    log_observer(stream, LoggingConfig(format="json"))(RETRY)
    (line,) = lines(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "retry_scheduled",
        "level": "warning",
        "project": "cockroach_pipelines",
        "asset": "maintenance/purge",
        "run": "0123456789",
        "connection": "main",
        "attempt": 1,
        "wait": 0.1235,
        "reconnects": True,
        "error": "ConnectionLostError",
        "sqlstate": "08006",
        "message": "[08006] gone",
    }


def test_console_line_is_for_people() -> None:
    stream = io.StringIO()
    log_observer(stream, LoggingConfig())(RETRY)
    text = stream.getvalue()
    assert "retry_scheduled" in text
    assert "sqlstate=08006" in text
    assert "\x1b[" not in text


def test_level_decides_what_is_told() -> None:
    stream = io.StringIO()
    observe = log_observer(stream, LoggingConfig(format="json", level="error"))
    failure = Failure("AmbiguousCommitError", "40003", "[40003] unknown")
    for event in (
        StatementStarted(ACTIVITY, "main", "purge.sql"),
        RETRY,
        CommitInDoubt(ACTIVITY, "main", 1, Doubt.COMMITTED, failure),
        CommitInDoubt(ACTIVITY, "main", 1, Doubt.UNKNOWN, failure),
    ):
        observe(event)
    assert [(line["event"], line["outcome"]) for line in lines(stream.getvalue())] == [("commit_in_doubt", "unknown")]


def test_no_value_that_a_statement_binds_is_in_any_line(connections: ConnectionManager, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "log.jsonl"
    with structured_log(LoggingConfig(format="json", level="debug", file=path)) as observe:
        writer = TransactionalExecutor(connections, ACTIVITY, observe)
        writer.run_statements("main", [Command("SELECT length(:word)", {"word": "s3cret"})])
        with pytest.raises(StatementError, match="s3cret"):
            writer.run_statements("main", [Command("SELECT cast(:word::text AS integer)", {"word": "s3cret"})])
    text = path.read_text()
    assert "s3cret" not in text
    assert [line["event"] for line in lines(text)] == [
        "statement_started",
        "statement_finished",
        "transaction_committed",
        "statement_started",
        "statement_failed",
    ]
    assert path.stat().st_mode & 0o077 == 0


def test_file_that_cannot_be_written_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ConfigurationError, match=r"logging.file .*log.jsonl cannot be written"),
        structured_log(LoggingConfig(file=tmp_path / "file" / "log.jsonl")),
    ):
        pass


def test_nothing_is_written_unless_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with structured_log(None) as observe:
        observe(RETRY)
    assert capsys.readouterr() == ("", "")
