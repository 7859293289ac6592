"""Statements whose notices matter, such as the number of the job that a schema change waits for."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import jpype

from cockroach_pipelines.database.connection import BaseConnection
from cockroach_pipelines.database.results import driver_errors


def execute_with_notices(connection: BaseConnection, sql: str, tell: Callable[[str], None]) -> int:
    """Run a statement and give the number of rows it affected, -1 where the server does not say.

    Args:
        connection: Where; its unread results are kept.
        sql: The statement, an operator's `?` written as `??`.
        tell: Told every notice that the server sent, those before an error or a lost connection included.

    Raises:
        StatementError: The server refused the statement or ended it.
    """
    connection.dbapi.keep_unread_rows()
    with driver_errors():
        statement = connection.jdbc.prepareStatement(sql)
        try:
            statement.execute()
            return int(statement.getUpdateCount())
        finally:
            # What the server said before it fell silent is still here; to ask for it must not hide the error.
            with contextlib.suppress(jpype.JException):
                _tell_all(statement.getWarnings(), tell)
            with contextlib.suppress(jpype.JException):
                statement.close()


def _tell_all(warning: Any, tell: Callable[[str], None]) -> None:
    while warning is not None:
        tell(str(warning.getMessage()))
        warning = warning.getNextWarning()
