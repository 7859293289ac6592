"""Exceptions of the driver turned into this project's errors."""

from __future__ import annotations

from collections.abc import Iterator

import jpype

from cockroach_pipelines.database.errors import DatabaseError, ServerMessage, statement_error
from cockroach_pipelines.database.jvm import java

# What a failed transaction answers to every later statement; the reason stands further down the chain.
_TRANSACTION_ABORTED = "25P02"


def java_sql_error(error: BaseException) -> DatabaseError:
    """Give the error of this project for an exception that came out of JDBC.

    An exception of this project passes through. A chain is searched for the first `java.sql.SQLException` with an
    SQLSTATE, and past 25P02 for the error that aborted the transaction.
    """
    if isinstance(error, DatabaseError):
        return error
    messages = [message for link in exception_chain(error) if (message := server_message(link))]
    telling = [message for message in messages if message.sqlstate != _TRANSACTION_ABORTED]
    if telling or messages:
        return statement_error((telling or messages)[0])
    if any(isinstance(link, java("java.lang.OutOfMemoryError")) for link in exception_chain(error)):
        return DatabaseError(
            "Java ran out of memory: it holds rows one by one, and those are too large.",
            advice="Leave the largest column out, or set _JAVA_OPTIONS=-Xmx1g in the environment of the process.",
        )
    return DatabaseError(f"The driver failed: {type(error).__name__}: {error}")


def exception_chain(error: BaseException) -> Iterator[BaseException]:
    """Give an exception and its causes, Java's and Python's, outermost first."""
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        yield link
        seen.append(link)
        link = (link.getCause() if isinstance(link, jpype.JException) else None) or link.__cause__


def server_message(error: BaseException) -> ServerMessage | None:
    """Read SQLSTATE, text, detail, hint and position from a `java.sql.SQLException`; None for any other exception."""
    if not isinstance(error, java("java.sql.SQLException")):
        return None
    sqlstate = str(error.getSQLState() or "")
    if not sqlstate:
        return None
    said = error.getServerErrorMessage() if hasattr(error, "getServerErrorMessage") else None
    if said is None:
        return ServerMessage(sqlstate, str(error.getMessage()))
    return ServerMessage(
        sqlstate,
        text=str(said.getMessage() or error.getMessage()),
        detail=str(said.getDetail() or ""),
        hint=str(said.getHint() or ""),
        position=int(said.getPosition()) or None,
        context=str(said.getWhere() or ""),
    )
