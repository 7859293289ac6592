"""What the first word of a statement says about it."""

from __future__ import annotations

from enum import StrEnum


class StatementKind(StrEnum):
    """What a statement does."""

    SELECT = "select"
    INSERT = "insert"
    UPSERT = "upsert"
    UPDATE = "update"
    DELETE = "delete"
    MERGE = "merge"
    DDL = "ddl"
    TRANSACTION = "transaction"
    COMMAND = "command"


PARSED = {
    "SELECT": StatementKind.SELECT,
    "WITH": StatementKind.SELECT,
    "VALUES": StatementKind.SELECT,
    "TABLE": StatementKind.SELECT,
    "(": StatementKind.SELECT,
    "INSERT": StatementKind.INSERT,
    "UPSERT": StatementKind.UPSERT,
    "UPDATE": StatementKind.UPDATE,
    "DELETE": StatementKind.DELETE,
    "MERGE": StatementKind.MERGE,
}
"""Statements that sqlglot must be able to read."""

DDL = frozenset(["CREATE", "ALTER", "DROP", "TRUNCATE", "COMMENT", "GRANT", "REVOKE", "REASSIGN", "IMPORT", "RESTORE"])
"""Statements that change definitions or privileges. What sqlglot cannot read of them is left to the server."""

TRANSACTION = frozenset(["BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"])
"""Statements that begin and end transactions."""

READING_COMMANDS = frozenset({"SHOW", "EXPLAIN"})
"""Commands that return rows and change nothing (EXPLAIN ANALYZE runs its statement)."""

WRITING_COMMANDS = frozenset(
    [
        "ANALYZE",
        "BACKUP",
        "CALL",
        "CANCEL",
        "CHECKPOINT",
        "CLOSE",
        "CLUSTER",
        "CONFIGURE",
        "COPY",
        "DEALLOCATE",
        "DECLARE",
        "DISCARD",
        "DO",
        "EXECUTE",
        "EXPORT",
        "FETCH",
        "INSPECT",
        "LISTEN",
        "LOAD",
        "LOCK",
        "MOVE",
        "NOTIFY",
        "PAUSE",
        "PREPARE",
        "REFRESH",
        "REINDEX",
        "RESET",
        "RESUME",
        "SCRUB",
        "SECURITY",
        "SET",
        "UNLISTEN",
        "USE",
        "VACUUM",
    ]
)
"""Commands that do something, or nobody can tell."""

RETURNING_COMMANDS = READING_COMMANDS | frozenset(["BACKUP", "RESTORE", "IMPORT", "EXPORT", "EXECUTE", "FETCH"])
"""Commands that return rows."""

FIRST_WORDS = frozenset(PARSED) - {"("} | DDL | TRANSACTION | READING_COMMANDS | WRITING_COMMANDS

KEYWORDS = FIRST_WORDS | frozenset(
    [
        "FROM",
        "WHERE",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "OFFSET",
        "JOIN",
        "LEFT",
        "RIGHT",
        "INNER",
        "OUTER",
        "FULL",
        "CROSS",
        "NATURAL",
        "USING",
        "INTO",
        "VALUES",
        "RETURNING",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "DISTINCT",
        "BETWEEN",
        "CASE",
        "WHEN",
        "THEN",
        "ELSE",
        "LATERAL",
        "WINDOW",
        "PARTITION",
        "CONFLICT",
        "NULLS",
    ]
)
"""Words to propose for a misspelt one."""
