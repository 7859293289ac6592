"""Every SQLSTATE that matters has its class, its advice, and says whether running again may help."""

from __future__ import annotations

import pytest

from cockroach_pipelines.config import Place
from cockroach_pipelines.database import errors
from cockroach_pipelines.database.errors import ServerMessage, StatementError, statement_error


@pytest.mark.parametrize(
    ("sqlstate", "kind", "retryable"),
    [
        ("40001", errors.SerializationError, True),
        ("40P01", errors.SerializationError, True),
        ("40003", errors.AmbiguousCommitError, False),
        ("08006", errors.ConnectionLostError, True),
        ("57P01", errors.ConnectionLostError, True),
        ("57014", errors.CancelledError, False),
        ("25006", errors.ReadOnlyError, False),
        ("42501", errors.PermissionDeniedError, False),
        ("23505", errors.ConstraintError, False),
        ("42P01", errors.InvalidStatementError, False),
        ("22012", errors.InvalidStatementError, False),
        ("XXA00", StatementError, False),
        ("F0001", StatementError, False),
    ],
)
def test_sqlstate_decides_class_and_retry(sqlstate: str, kind: type[StatementError], retryable: bool) -> None:
    error = statement_error(ServerMessage(sqlstate, "said the server"))
    assert type(error) is kind
    assert error.retryable is retryable
    assert error.sqlstate == sqlstate


def test_text_has_place_sqlstate_advice_detail_and_hint() -> None:
    said = ServerMessage("23505", "duplicate key", detail="Key (id)=(1) already exists.", hint="Use UPSERT.")
    lines = str(statement_error(said, place=Place("report.sql", 3, 5))).splitlines()
    assert lines[0] == "report.sql:3:5: [23505] duplicate key"
    assert "nothing of this statement was kept" in lines[1]
    assert lines[2:] == ["Detail: Key (id)=(1) already exists.", "Hint: Use UPSERT."]


def test_every_class_of_statement_error_is_drawn_in_the_hierarchy() -> None:
    classes = [
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.DatabaseError)
    ]
    assert classes
    assert [name for name in classes if name not in (errors.__doc__ or "")] == []
