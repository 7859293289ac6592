"""Where a text's only statement starts and ends."""

from __future__ import annotations

import re

from cockroach_pipelines.database.arrow.errors import MultipleStatementsError, NoResultError
from cockroach_pipelines.database.arrow.literals import parse_natively

_COPYABLE = re.compile(r"(?i)(select|with|values|table)\b")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_BETWEEN_STATEMENTS = "; \t\r\n\f\v"


def can_be_copied(sql: str) -> bool:
    """Whether `COPY (…) TO STDOUT` takes the statement, judged by its first word."""
    start = skip_comments(sql)
    while sql.startswith("(", start):
        start = skip_comments(sql, start + 1)
    return _COPYABLE.match(sql, start) is not None


def single_statement(sql: str) -> str:
    """Give the text without what follows its only statement: semicolons, space and comments.

    Raises:
        MultipleStatementsError: More than one statement.
        NoResultError: None at all.
    """
    parts = [str(query.nativeSql).rstrip(_BETWEEN_STATEMENTS) for query in parse_natively(sql)]
    sql = sql.rstrip(_BETWEEN_STATEMENTS)
    for part in reversed(parts[1:]):
        if skip_comments(part) < len(part) or not sql.endswith(part):
            raise MultipleStatementsError(
                "The text holds more than one statement.", advice="Keep one statement, or read each by itself."
            )
        sql = sql.removesuffix(part).rstrip(_BETWEEN_STATEMENTS)
    if skip_comments(sql) == len(sql):
        raise NoResultError("The text holds no statement.", advice="Write one that gives rows, such as a SELECT.")
    return sql


def skip_comments(sql: str, start: int = 0) -> int:
    """Give the place of the first character from `start` that is neither space nor in a comment; block comments nest."""
    while start < len(sql):
        if sql[start].isspace():
            start += 1
        elif sql.startswith("--", start):
            start = sql.find("\n", start) + 1 or len(sql)
        elif sql.startswith("/*", start):
            start = _end_of_block_comment(sql, start)
        else:
            break
    return start


def _end_of_block_comment(sql: str, start: int) -> int:
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return len(sql)
