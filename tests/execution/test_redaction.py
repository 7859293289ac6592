"""What the server repeats of values stays out of logs; names and reasons stay in."""

from __future__ import annotations

import pickle

import pytest

from cockroach_pipelines.config import Place
from cockroach_pipelines.database import ServerMessage, statement_error
from cockroach_pipelines.execution import Failure, redacted


@pytest.mark.parametrize(
    ("sqlstate", "text", "shown"),
    [
        ("22P02", 'invalid input syntax for type integer: "s3cret"', "invalid input syntax for type integer: …"),
        ("22P02", 'invalid input value for enum mood: "s3cret"', "invalid input value for enum mood: …"),
        ("22008", 'date/time field value out of range: "s3""cret"', "date/time field value out of range: …"),
        ("22P02", 'could not parse "s3cret" as type int', "could not parse … as type int"),
        ("22001", "value too long for type character varying(3)", "value too long for type character varying(3)"),
        ("22012", "division by zero", "division by zero"),
        (
            "23505",
            'duplicate key value violates unique constraint "t_pkey"',
            'duplicate key value violates unique constraint "t_pkey"',
        ),
        (
            "23502",
            'null value in column "id" of relation "t" violates not-null constraint',
            'null value in column "id" of relation "t" violates not-null constraint',
        ),
        ("42703", 'column "amuont" does not exist', 'column "amuont" does not exist'),
    ],
)
def test_message_keeps_names_and_loses_values(sqlstate: str, text: str, shown: str) -> None:
    assert redacted(statement_error(ServerMessage(sqlstate, text))).message == f"[{sqlstate}] {shown}"


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("Key (id)=(s3cret) already exists.", "Key (id)=…"),
        ("Failing row contains (1, s3cret, null).", "Failing row contains …"),
        (
            "A field with precision 4 must round to less than 10^2.",
            "A field with precision 4 must round to less than 10^2.",
        ),
    ],
)
def test_detail_loses_values(detail: str, shown: str) -> None:
    error = redacted(statement_error(ServerMessage("23505", "duplicate key", detail=detail)))
    assert error.server.detail == shown


def test_whole_error_without_values_keeps_its_place_and_says_where_the_values_are_shown() -> None:
    said = ServerMessage("23505", "duplicate key", detail="Key (id)=(s3cret) already exists.", hint="Use UPSERT.")
    error = statement_error(said, place=Place("purge.sql", 3, 5))
    error.excerpt = "  3 | DELETE\n    | ^"
    error.tried = "It was tried 2 times within 1.0 s."
    text = str(redacted(error))
    assert "s3cret" not in text
    assert "s3cret" not in str(pickle.loads(pickle.dumps(redacted(error))))  # noqa: S301 - the test's own
    assert text.splitlines()[:3] == ["purge.sql:3:5: [23505] duplicate key", "  3 | DELETE", "    | ^"]
    assert "`cockroach-pipelines run` shows them" in text
    assert text.endswith("Hint: Use UPSERT.\nIt was tried 2 times within 1.0 s.")
    assert "s3cret" in str(error)
    assert "s3cret" not in repr(Failure.of(error))
