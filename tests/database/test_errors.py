"""Every SQLSTATE that matters has its class, its advice, and says whether running again may help."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

import cockroach_pipelines
from cockroach_pipelines.config import PipelinesError, Place
from cockroach_pipelines.database import errors
from cockroach_pipelines.database.errors import ServerMessage, StatementError, statement_error
from cockroach_pipelines.database.jvm import JVMManager, java
from cockroach_pipelines.database.sqlstate import java_sql_error


@pytest.mark.parametrize(
    ("sqlstate", "kind", "retryable"),
    [
        ("40001", errors.SerializationError, True),
        ("40P01", errors.SerializationError, True),
        ("40003", errors.AmbiguousCommitError, False),
        ("08006", errors.ConnectionLostError, True),
        ("57P01", errors.ConnectionLostError, True),
        ("57P02", errors.ConnectionLostError, True),
        ("57P05", errors.ConnectionLostError, True),
        ("25P03", errors.ConnectionLostError, True),
        ("55P03", errors.LockNotAvailableError, True),
        ("26000", errors.StalePlanError, True),
        ("57014", errors.CancelledError, False),
        ("25006", errors.ReadOnlyError, False),
        ("42501", errors.PermissionDeniedError, False),
        ("23505", errors.ConstraintError, False),
        ("42P01", errors.InvalidStatementError, False),
        ("22012", errors.InvalidStatementError, False),
        ("XXA00", errors.PartlyCommittedError, False),
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


def test_every_error_of_the_package_is_drawn_in_the_hierarchy_below_its_base() -> None:
    for module in pkgutil.walk_packages(cockroach_pipelines.__path__, "cockroach_pipelines."):
        if not module.name.startswith(
            ("cockroach_pipelines.definitions", "cockroach_pipelines.orchestration.materialize")
        ):
            importlib.import_module(module.name)
    kinds = _below(PipelinesError)
    assert len(kinds) > 20
    lines = (errors.__doc__ or "").splitlines()
    drawn = {match[2]: len(match[1]) for line in lines if (match := re.match(r"^([ │├└─]*)(\w+Error)\b", line))}
    assert {kind.__name__ for kind in kinds} == drawn.keys() - {"PipelinesError"}
    for kind in kinds:
        base = kind.__mro__[1].__name__
        assert drawn[kind.__name__] == drawn[base] + 4, f"{kind.__name__} is not drawn below {base}"


def _below(kind: type[PipelinesError]) -> set[type[PipelinesError]]:
    return {
        each
        for below in kind.__subclasses__()
        for each in {below, *_below(below)}
        if each.__module__.startswith("cockroach_pipelines.")
    }


def test_rows_that_java_cannot_hold_say_how_it_could(jvm: JVMManager) -> None:
    error = java_sql_error(java("java.lang.OutOfMemoryError")("Java heap space"))
    assert "Java ran out of memory" in str(error)
    assert "_JAVA_OPTIONS=-Xmx1g" in str(error)
