"""What can go wrong below a statement, each with the advice that a person needs.

    PipelinesError                          config.errors
    ├── ConfigurationError                  config.errors: a setting is missing, unknown or wrong
    ├── QueryFileError                      queries.errors: a SQL file cannot be used as it is
    │   └── QueryFileProblemsError          several things at once
    ├── QueryNotFoundError                  queries.errors: no query of that name
    │   └── SnapshotNotFoundError           reporting.errors: no snapshot of that report
    ├── ParameterError                      queries.errors: a value is missing, unknown or of the wrong type
    ├── DeliveryError                       delivery.errors: a message to people was not delivered
    │   └── RecipientsRefusedError          not to all of them
    ├── EmbeddedServerError                 embedded.errors: the embedded database cannot be started
    ├── MigrationStateError                 migrations.errors: files and history do not fit together
    ├── FileWriteError                      config.file_errors: a result cannot be written to its place
    ├── MaintenanceError                    maintenance.errors: a batch job cannot run as it is asked for
    │   └── GuardError                      it would do harm, or not what it says
    ├── LeaseHeldError                      execution.lease: somebody else is at it
    ├── LeaseLostError                      execution.lease: somebody else has begun, or may have
    ├── NoSingleValueError                  execution.asking: a query gave rows where one value was wanted
    ├── ReconciliationError                 reconciliation.errors: a comparison cannot be done as it is asked for
    │   ├── KeyColumnError                  a column cannot be part of the key
    │   └── NoCommonColumnsError            both sides have no column of the same name
    ├── PartitionKeysError                  execution.partition_keys: a query does not give keys of partitions
    ├── PublishError                        reporting.errors: a result cannot become the table that it names
    ├── ReportError                         reporting.errors: a report cannot be made of its rows as it asks for
    ├── SampleDataError                     embedded.errors: its sample data cannot be loaded
    ├── SplitError                          execution.splitting: rows of a result are of none of its partitions
    └── DatabaseError
        ├── JVMError                        no Java, no driver, a forked process, a bad flag
        ├── KerberosError                   kerberos.causes: one cause each
        ├── ConnectionFailedError           no connection could be made
        │   ├── AuthenticationError         the server refused the login
        │   └── PoolTimeoutError            every connection is lent
        ├── InterfaceError                  dbapi: a cursor or connection was used in a way that it does not serve
        ├── UnbindableValueError            binding: a value cannot be given to a statement
        ├── UnrepresentableValueError       a value has no counterpart in the type it has to become
        │   └── UnrepresentableInArrowError arrow.errors: with column, value and both types
        ├── ResultTooLargeError             results: the driver would hold more rows than its memory takes
        ├── UnsupportedTypeError            arrow.errors: an Arrow type has no counterpart in the database
        ├── UnreadableDataError             arrow.errors: bytes that are not what the server described
        ├── NoResultError                   arrow.errors: a statement without columns
        ├── MultipleStatementsError         arrow.errors: a text of several statements
        ├── UnsafeLiteralsError             arrow.errors: values cannot safely be written into a COPY
        ├── StreamClosedError               arrow.errors: a stream was closed before its end
        ├── BatchError                      execution.batch_executor: which row failed, and where to resume
        ├── SchemaChangeError               execution.schema_changes.errors: a migration cannot go on
        │   ├── StatementInDoubtError       nobody knows whether a statement ran
        │   └── SchemaChangeJobError        the job of a lost connection failed
        ├── MonitorError                    maintenance.monitor: a rule does not fit the result
        ├── TransactionOptionError          transaction: a transaction is asked for what the server lacks
        └── StatementError                  the server refused or ended a statement; has the SQLSTATE
            ├── ConnectionLostError         the connection broke while the statement ran            retryable
            ├── SerializationError          40001, 40P01: run the whole transaction again           retryable
            ├── LockNotAvailableError       55P03: another session holds a lock                     retryable
            ├── StalePlanError              a prepared statement met a changed table                retryable
            ├── AmbiguousCommitError        40003, or a connection lost while COMMIT was in flight
            ├── PartlyCommittedError        XXA00: the data was committed, the schema change was not
            ├── CancelledError              57014: cancelled, or over its timeout
            ├── ReadOnlyError               25006: a write in a read-only session
            ├── PermissionDeniedError       42501
            ├── ConstraintError             23xxx
            ├── DuplicateKeyError           arrow.errors: 21000, rows to upsert with the same key
            └── InvalidStatementError       42xxx, 22xxx: the text or a value is wrong

Sources: PostgreSQL's appendix of error codes, CockroachDB's transaction retry error reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from cockroach_pipelines.config.errors import PipelinesError, Place


class Recovery(Enum):
    """What running a transaction again takes after an error, and whether that is safe."""

    NONE = "it would fail again, or do harm"
    AGAIN = "the server rolled it back"
    LOCK = "the server refused a statement for a lock that others hold"
    PREPARE = "the statement has to be prepared anew"
    RECONNECT = "the connection has gone; without a COMMIT nothing was kept"
    UNKNOWN = "it may have been committed"


class DatabaseError(PipelinesError):
    """Anything that goes wrong between this process and the database.

    `tried` says how often the work was tried in vain, once it was more than once.
    """

    recovery: Recovery = Recovery.NONE
    tried: str = ""

    @property
    def retryable(self) -> bool:
        """Whether running the whole transaction again may help, and does no harm."""
        return self.recovery not in (Recovery.NONE, Recovery.UNKNOWN)

    def lines(self) -> list[str]:
        """Give what is told to a person."""
        return [*super().lines(), self.tried]


class JVMError(DatabaseError):
    """The Java virtual machine cannot be started or used."""


class UnrepresentableValueError(DatabaseError):
    """A value has no counterpart in the type it has to become."""


class ConnectionFailedError(DatabaseError):
    """No connection to the server could be made.

    `sqlstate` is the driver's code, such as 08001, when it gave one.
    """

    def __init__(self, message: str, *, sqlstate: str = "", place: Place | None = None, advice: str = "") -> None:
        super().__init__(message, place=place, advice=advice)
        self.sqlstate = sqlstate

    @property
    def recovery(self) -> Recovery:  # type: ignore[override]
        """Connecting again, where network and server may recover; NONE where they mean what they said."""
        return Recovery.RECONNECT if self.sqlstate.startswith(_PASSING_WHILE_CONNECTING) else Recovery.NONE


class AuthenticationError(ConnectionFailedError):
    """The server was reached and refused the login."""


class PoolTimeoutError(ConnectionFailedError):
    """Every connection of the pool stayed lent for longer than `pool.acquire_timeout`."""


@dataclass(frozen=True)
class ServerMessage:
    """What the server said of a statement.

    Attributes:
        sqlstate: Five characters that classify it.
        text: The message itself.
        detail: More of it.
        hint: What the server would try.
        position: Counts characters of the statement's text from 1.
        context: What the server was doing, such as a line of a COPY or of a function.
        row: Index of the row that was written, where the server named one.
        column: The column of that row, likewise.
    """

    sqlstate: str
    text: str
    detail: str = ""
    hint: str = ""
    position: int | None = None
    context: str = ""
    row: int | None = None
    column: str | None = None


class StatementError(DatabaseError):
    """The server refused a statement or ended it.

    `excerpt` shows the line of the SQL file with a caret below the place, where the server pointed at one.
    """

    excerpt: str = ""

    def __init__(self, server: ServerMessage, *, place: Place | None = None, advice: str = "") -> None:
        super().__init__(f"[{server.sqlstate}] {server.text}", place=place, advice=advice)
        self.server = server

    @property
    def sqlstate(self) -> str:
        """The five characters that classify the error."""
        return self.server.sqlstate

    def lines(self) -> list[str]:
        """Give what is told to a person: what the server said, the place in the file, the advice."""
        headline, *rest = super().lines()
        *advice, tried = rest
        server = self.server
        row = "" if server.row is None else f"{server.row + 1:,}{f', column {server.column}' if server.column else ''}"
        said = (("Row", row), ("Detail", server.detail), ("Hint", server.hint))
        return [headline, self.excerpt, *advice, *(f"{label}: {text}" for label, text in said if text), tried]


class ConnectionLostError(StatementError):
    """The connection broke while the statement ran."""

    recovery = Recovery.RECONNECT


class SerializationError(StatementError):
    """The transaction met another one and must be run again as a whole."""

    recovery = Recovery.AGAIN


class LockNotAvailableError(StatementError):
    """Another session held a lock for longer than the statement would wait."""

    recovery = Recovery.LOCK


class StalePlanError(StatementError):
    """A statement was prepared before a table of it was changed."""

    recovery = Recovery.PREPARE


class AmbiguousCommitError(StatementError):
    """Nobody knows whether the transaction was committed."""

    recovery = Recovery.UNKNOWN


class PartlyCommittedError(StatementError):
    """The transaction's data was committed, and a schema change in it was not."""


class CancelledError(StatementError):
    """The statement was cancelled or took longer than its timeout."""


class ReadOnlyError(StatementError):
    """A write in a session that may only read."""


class PermissionDeniedError(StatementError):
    """The role lacks a privilege."""


class ConstraintError(StatementError):
    """A row breaks a constraint of its table."""


class InvalidStatementError(StatementError):
    """The statement's text, or a value in it, is wrong."""


_PASSING_WHILE_CONNECTING = ("08000", "08001", "08003", "08006", "08007", "08S01", "57P01", "57P02", "57P03", "53300")

_BY_CLASS: dict[str, tuple[type[StatementError], str]] = {
    "08": (
        ConnectionLostError,
        "The server or the network ended the connection; a new one is made for the next statement.",
    ),
    "22": (
        InvalidStatementError,
        "A value does not fit its type or function: look at the values that the statement meets.",
    ),
    "23": (ConstraintError, "The rows break a rule of the table; nothing of this statement was kept."),
    "42": (InvalidStatementError, "Check the text against the database's own tables and columns."),
    "53": (StatementError, "The server is short of a resource: lower the load, or raise its limit."),
}
_COMPUTED = "The server gives that column its values: leave it out of what is written."
_BY_STATE: dict[str, tuple[type[StatementError], str]] = {
    "25006": (
        ReadOnlyError,
        "Reports and reconciliations run read-only: move a file that writes below sql/queries/maintenance.",
    ),
    "25001": (StatementError, "The statement refuses a transaction: write `autocommit: true` into the file's header."),
    "25P02": (StatementError, "An earlier statement of the transaction failed: look at the first error."),
    "40001": (SerializationError, "Another transaction touched the same rows: running this one again usually helps."),
    "08P01": (StatementError, "Driver and server do not understand each other: compare their versions."),
    "25P03": (
        ConnectionLostError,
        "The transaction did nothing for longer than idle_in_transaction_timeout: raise it, or make the pauses shorter.",
    ),
    "26000": (StalePlanError, "The server has forgotten the prepared statement: it is prepared anew."),
    "40003": (AmbiguousCommitError, "The commit's outcome is unknown: look into the table before running it again."),
    "40P01": (SerializationError, "Two transactions waited for each other: running this one again usually helps."),
    "42501": (PermissionDeniedError, "Grant the privilege to the connection's role, or use a connection that has it."),
    "42703": (
        InvalidStatementError,
        "A column of that name does not exist: compare the statement with the table's columns.",
    ),
    "428C9": (InvalidStatementError, _COMPUTED),
    "42P10": (
        InvalidStatementError,
        "Name the columns of a primary key or of a unique index of the table, all of them.",
    ),
    "42P01": (InvalidStatementError, "Create the table, qualify its name with the schema, or correct the name."),
    "55P03": (LockNotAvailableError, "Another session holds a lock on the rows: try again when it has ended."),
    "57014": (CancelledError, "It was cancelled or reached its timeout: raise statement_timeout, or make it smaller."),
    "57P01": (ConnectionLostError, "An administrator or a node that drains ended the connection."),
    "57P02": (ConnectionLostError, "Another process of the server crashed, and it ended every connection."),
    "57P03": (ConnectionLostError, "The server is starting up or shutting down: try again in a moment."),
    "57P05": (ConnectionLostError, "The server ended the connection, which was idle for too long."),
    "XXA00": (
        PartlyCommittedError,
        "The data was committed and the schema change was not: look at the table, never run it blindly again.",
    ),
}


# What only the text tells apart.
_BY_TEXT: tuple[tuple[str, str, type[StatementError], str], ...] = (
    ("42P10", "is a generated column", InvalidStatementError, _COMPUTED),
    (
        "40001",
        "RETRY_COMMIT_DEADLINE_EXCEEDED",
        SerializationError,
        "The transaction took so long that its COMMIT came too late: make it smaller, such as by fewer rows at a time.",
    ),
    (
        "0A000",
        "cached plan must not change result type",
        StalePlanError,
        "A table was changed after the statement had been prepared: it is prepared anew.",
    ),
    (
        "0A000",
        "active portals",
        StatementError,
        "CockroachDB keeps one open result per connection: read the first to its end before the next statement.",
    ),
    (
        "42501",
        "crdb_internal",
        PermissionDeniedError,
        "CockroachDB closes crdb_internal and system from v26.1 on: use SHOW statements or information_schema.",
    ),
    (
        "",
        "must be after replica GC threshold",
        StatementError,
        "`as_of` reaches further back than the table keeps its history (gc.ttlseconds): read from a later moment.",
    ),
)


def statement_error(server: ServerMessage, *, place: Place | None = None) -> StatementError:
    """Give the error class and advice for what the server said.

    A few are told by their text; the others by SQLSTATE, else by the SQLSTATE's first two characters.
    """
    for sqlstate, words, kind, advice in _BY_TEXT:
        if server.sqlstate.startswith(sqlstate) and words in server.text:
            return kind(server, place=place, advice=advice)
    kind, advice = _BY_STATE.get(server.sqlstate) or _BY_CLASS.get(server.sqlstate[:2]) or (StatementError, "")
    return kind(server, place=place, advice=advice)
