"""One connection to a database."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import jpype

from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.database.dbapi import Connection as DBAPIConnection
from cockroach_pipelines.database.dbapi import Cursor, dbapi_connection, forget_connection
from cockroach_pipelines.database.dialect import Dialect, ServerVersion, parse_server_version
from cockroach_pipelines.database.driver import connection_properties, connection_url
from cockroach_pipelines.database.errors import (
    AuthenticationError,
    ConnectionFailedError,
    DatabaseError,
    JVMError,
)
from cockroach_pipelines.database.interruptible import call_interruptibly
from cockroach_pipelines.database.jvm import JVMManager, java
from cockroach_pipelines.database.kerberos import KerberosAuthenticator, kerberos_error
from cockroach_pipelines.database.results import driver_errors
from cockroach_pipelines.database.sqlstate import exception_chain, java_sql_error, server_message

if TYPE_CHECKING:  # pyarrow, whose import takes a quarter of a second, is for those who read or write Arrow
    from cockroach_pipelines.database.arrow import ArrowStream, CSVStream, Special, WriteResult
    from cockroach_pipelines.database.arrow.incoming import ColumnNames

_logger = logging.getLogger(__name__)

_REFUSED_LOGINS = ("28", "08004")
_TIMEOUT_MARGIN_SECONDS = 10
_ABORT_SECONDS = 1.0
_LONGEST_WAIT_MILLISECONDS = 2**31 - 1
_CHECKS_CLIENTS_SINCE = 14
_CLIENT_CHECK_INTERVAL = "10s"


class BaseConnection(ABC):
    """A connection that runs one statement at a time and starts a transaction with the first.

    Args:
        config: Where to connect to and as whom.
        name: The connection's name in the configuration, for messages.
    """

    def __init__(self, config: DatabaseConfig, name: str = "main") -> None:
        self.config = config
        self.name = name
        self.opened_at = time.monotonic()
        self.broken = False
        """Whether the connection must not be used again."""

    @property
    @abstractmethod
    def jdbc(self) -> Any:
        """The `java.sql.Connection`."""

    @abstractmethod
    def close(self) -> None:
        """End the connection; what was not committed is rolled back."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def dbapi(self) -> DBAPIConnection:
        """The PEP 249 connection: jaydebeapi's, with this project's converters."""
        return dbapi_connection(self.jdbc)

    def cursor(self) -> Cursor:
        """Give a PEP 249 cursor."""
        return self.dbapi.cursor()

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Give all rows of a small result."""
        with self.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Run a statement and give the number of rows it affected, -1 where the server does not say."""
        with self.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def describe(self, sql: str, parameters: Sequence[object] = (), *, special: Special = "error") -> Any:
        """Give the Arrow schema of a statement's result without running it; see `database.arrow.describe`."""
        from cockroach_pipelines.database import arrow

        return arrow.describe(self.jdbc, sql, parameters, special=special)

    def read(self, sql: str, parameters: Sequence[object] = (), *, special: Special = "error") -> ArrowStream:
        """Run one statement and stream its result as Arrow batches; see `database.arrow.read`."""
        from cockroach_pipelines.database import arrow

        return arrow.read(self.jdbc, sql, parameters, special=special)

    def read_csv(self, sql: str, parameters: Sequence[object] = (), *, portable: bool = False) -> CSVStream:
        """Run one SELECT and stream its rows as the server writes them; see `database.arrow.read_csv`."""
        from cockroach_pipelines.database import arrow

        return arrow.read_csv(self.jdbc, sql, parameters, portable=portable)

    def read_integers(self, sql: str, names: Sequence[str], parameters: Sequence[object] = ()) -> ArrowStream:
        """Run one SELECT of 64-bit integers, none NULL, and stream them; see `database.arrow.read_integers`."""
        from cockroach_pipelines.database import arrow

        return arrow.read_integers(self.jdbc, sql, names, parameters)

    def write(self, table: str, data: Any, columns: ColumnNames | None = None) -> WriteResult:
        """Append Arrow or pandas data to a table, all rows or none; see `database.arrow.write`."""
        from cockroach_pipelines.database import arrow

        return arrow.write(self.jdbc, table, data, columns)

    def upsert(self, table: str, data: Any, key: Sequence[str], columns: ColumnNames | None = None) -> WriteResult:
        """Insert rows and update those whose key is there, all or none; see `database.arrow.upsert`."""
        from cockroach_pipelines.database import arrow

        return arrow.upsert(self.jdbc, table, data, key, columns)

    def commit(self) -> None:
        """Commit the transaction.

        Raises:
            StatementError: The server refused, or the connection broke.
        """
        self.dbapi.commit()

    def rollback(self) -> None:
        """Roll the transaction back."""
        self.dbapi.rollback()

    def _call(self, function: Callable[[], None]) -> None:
        try:
            function()
        except jpype.JException as error:
            raise java_sql_error(error) from error


class CockroachDBConnection(BaseConnection):
    """A connection to CockroachDB, or to PostgreSQL, over pgjdbc; opened by `connect`."""

    def __init__(self, config: DatabaseConfig, name: str, jdbc: Any) -> None:
        super().__init__(config, name)
        self._jdbc = jdbc
        self._version: ServerVersion | None = None
        self._aborted = False

    @property
    def jdbc(self) -> Any:
        """The `java.sql.Connection`, with autocommit off."""
        return self._jdbc

    @property
    def version(self) -> ServerVersion:
        """Dialect and version of the server, asked once."""
        if self._version is None:
            version = parse_server_version(str(self.query("SELECT version()")[0][0]))
            if version.dialect is Dialect.POSTGRESQL and version.numbers[0] >= _CHECKS_CLIENTS_SINCE:
                # CockroachDB ends the statement of a client that has gone; PostgreSQL has to be told to look.
                self.execute(f"SET client_connection_check_interval = '{_CLIENT_CHECK_INTERVAL}'")
            self.commit()
            self._version = version
        return self._version

    def begin(
        self, modes: Sequence[str] = (), *, name: str = "", timezone: str = "", timeout: float | None = None
    ) -> None:
        """Begin a transaction, in one round trip; the database itself keeps to its modes.

        Args:
            modes: Modes of SET TRANSACTION, such as `READ ONLY`.
            name: Of the session in the database's own session list; unchanged when empty.
            timezone: A zone of the IANA database, until the transaction ends; unchanged when empty.
            timeout: Seconds after which the server ends a statement of the transaction; the session's own when None.
        """
        self._wait_longer_than(timeout)
        settings = [
            *([f"SET TRANSACTION {', '.join(modes)}"] if modes else []),
            *([f"SET application_name = {_literal(name)}"] if name else []),
            *([f"SET LOCAL TIME ZONE {_literal(timezone)}"] if timezone else []),
            *([f"SET LOCAL statement_timeout = '{_milliseconds(timeout)}'"] if timeout is not None else []),
        ]
        with driver_errors():
            statement = self.jdbc.createStatement()
            try:
                statement.execute(";".join(settings))
            finally:
                statement.close()

    @contextmanager
    def autocommit(self, *, timeout: float | None = None, timezone: str = "UTC") -> Iterator[None]:
        """Run statements outside any transaction, for those that refuse one; each is kept as soon as it has run.

        Args:
            timeout: Seconds that a statement may take on the server; the session's setting when None.
            timezone: A zone of the IANA database for the session.
        """
        self.broken = True  # only a connection that is as it was goes back to its pool
        self._call(lambda: self.jdbc.setAutoCommit(True))
        self.execute(f"SET TIME ZONE '{timezone}'")
        if timeout is not None:
            self.execute(f"SET statement_timeout = '{_milliseconds(timeout)}'")
            self._wait_longer_than(timeout)
        yield
        self.execute("RESET timezone")
        if timeout is not None:
            self.execute("RESET statement_timeout")
            self._wait_longer_than(None)
        self._call(lambda: self.jdbc.setAutoCommit(False))
        self.broken = False

    def _wait_longer_than(self, timeout: float | None) -> None:
        # The server ends a statement at its timeout; this side must not have hung up on it before.
        limit = timeout or self.config.statement_timeout or 0
        wait = max(self.config.socket_timeout, limit + _TIMEOUT_MARGIN_SECONDS if limit else 0)
        milliseconds = min(round(wait * 1000), _LONGEST_WAIT_MILLISECONDS)
        self._call(
            lambda: self.jdbc.setNetworkTimeout(java("java.util.concurrent.ForkJoinPool").commonPool(), milliseconds)
        )

    def set_application_name(self, name: str) -> None:
        """Name this session in the database's own session list until it is named anew."""
        self.query("SELECT set_config('application_name', ?, false)", [name])

    def cancel(self) -> None:
        """Ask the server to end the statement that runs on this connection; callable from any thread."""
        self._call(lambda: self.jdbc.unwrap(java("org.postgresql.PGConnection")).cancelQuery())

    def abort(self) -> None:
        """Drop the connection at once, without a word to the server: frees a thread that waits for a silent one."""
        self.broken = self._aborted = True
        executor = self.jdbc.unwrap(java("org.postgresql.core.BaseConnection")).getQueryExecutor()
        with contextlib.suppress(TimeoutError):  # TLS may want to say goodbye; it is left to itself
            call_interruptibly(lambda: self._call(lambda: executor.abort()), name="abort", timeout=_ABORT_SECONDS)

    def is_usable(self, timeout: float = 5) -> bool:
        """Whether the server answers on this connection."""
        return not self.broken and not self.jdbc.isClosed() and bool(self.jdbc.isValid(max(1, round(timeout))))

    def close(self) -> None:
        """End the connection; what was not committed is rolled back."""
        self.broken = True
        forget_connection(self.jdbc)
        if not self._aborted:  # else it would wait for whoever still holds the connection
            self._call(lambda: self.jdbc.close())


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"  # standard_conforming_strings is on


class Connector:
    """Opens connections as one configuration says, keeping its Kerberos login.

    Args:
        config: Where to connect to and as whom; not an embedded database, which has to be started first.
        name: The connection's name in the configuration, for messages.
        jvm: The process's virtual machine; one with the configuration's Java and driver when None.
    """

    def __init__(self, config: DatabaseConfig, name: str = "main", jvm: JVMManager | None = None) -> None:
        self.config = config
        self.name = name
        self.jvm = jvm or JVMManager(config.java_home, [config.pg_jar] if config.pg_jar else [])
        self.authenticator = (
            KerberosAuthenticator(config.kerberos, jvm=self.jvm, login_timeout=config.connection_timeout)
            if config.kerberos
            else None
        )

    def open(self) -> CockroachDBConnection:
        """Connect and log in.

        Raises:
            JVMError: Java or the driver cannot be used.
            KerberosError: The login to Kerberos failed, or the server refused the ticket.
            AuthenticationError: The server refused the login.
            ConnectionFailedError: The server cannot be reached, or has no such database.
        """
        self.jvm.start()
        properties = java("java.util.Properties")()
        for key, value in connection_properties(self.config, self.authenticator).items():
            properties.setProperty(key, value)
        url = connection_url(self.config)
        driver = _driver()
        if self.authenticator and not self.authenticator.config.jaas_conf:
            # The driver would wait for a silent KDC as long as Java does; this ends in time, and the ticket is kept.
            self.authenticator.probe(str(self.config.host))
        try:
            if self.authenticator:
                jdbc = self.authenticator.call_as(lambda: driver.connect(url, properties))
            else:
                jdbc = driver.connect(url, properties)
            jdbc.setAutoCommit(False)
        except jpype.JException as error:
            raise self._connection_error(error) from error
        _notice_dead_peer(jdbc)
        return CockroachDBConnection(self.config, self.name, jdbc)

    def _connection_error(self, error: BaseException) -> DatabaseError:
        where = f"connection {self.name!r} ({self.config.user}@{self.config.host}:{self.config.port}/{self.config.database})"
        if self.config.kerberos:
            kerberos = kerberos_error(error, self.config.kerberos, str(self.config.host), str(self.config.user))
            if kerberos:
                return kerberos
        said = next((message for link in exception_chain(error) if (message := server_message(link))), None)
        if said is None:
            return ConnectionFailedError(f"{where}: {error}")
        kind = AuthenticationError if said.sqlstate.startswith(_REFUSED_LOGINS) else ConnectionFailedError
        return kind(
            f"{where}: [{said.sqlstate}] {said.text}", sqlstate=said.sqlstate, advice=_advice(said.sqlstate, said.text)
        )


def connect(config: DatabaseConfig, name: str = "main") -> CockroachDBConnection:
    """Open one connection outside any pool; see `Connector.open`."""
    return Connector(config, name).open()


def _notice_dead_peer(jdbc: Any) -> None:
    """Let the system ask a silent server's machine whether it still is there, long before the socket's timeout.

    A statement may be silent for as long as it is allowed to run; a machine that has gone answers no probe.
    """
    socket_of = java("org.postgresql.core.QueryExecutorBase").class_.getDeclaredField("pgStream")
    socket_of.setAccessible(True)
    executor = jdbc.unwrap(java("org.postgresql.core.BaseConnection")).getQueryExecutor()
    socket = socket_of.get(executor).getSocket()
    options = java("jdk.net.ExtendedSocketOptions")
    try:
        for option, number in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTERVAL", 10), ("TCP_KEEPCOUNT", 3)):
            socket.setOption(getattr(options, option), java("java.lang.Integer")(number))
    except java("java.lang.UnsupportedOperationException") as error:
        _logger.debug("this system sets no times for keep-alive: %s", error)


_driver_lock = threading.Lock()


def _driver() -> Any:
    with _driver_lock:  # the first use registers the driver
        try:
            return java("org.postgresql.Driver")()
        except TypeError as error:
            raise JVMError(
                "The class path of the Java virtual machine holds no org.postgresql.Driver.",
                advice="Let this project start the virtual machine, or add the pgjdbc jar to the class path that starts it.",
            ) from error


_ADVICE = {
    "28P01": "The password is wrong: set it in COCKROACH_CONNECTIONS__<NAME>__PASSWORD.",
    "28000": "The server has no rule that lets this role in from here, or the role does not exist.",
    "08004": "The server asks for another way to log in: give a password, or kerberos, as its rules say.",
    "3D000": "The database does not exist: correct `database`.",
    "08001": "Nothing answers there: check host, port and network, and that the server runs.",
    "08006": "The connection broke while it was made: check TLS settings, and that a database listens on that port.",
    "53300": "The server has no free connection: lower pool.size here, or raise its limit.",
    "57P03": "The server is starting up or shutting down: try again in a moment.",
}


def _advice(sqlstate: str, text: str) -> str:
    if "SSL" in text or "certificate" in text.lower():
        return "TLS failed: check sslmode, sslrootcert, and that `host` is a name in the server's certificate."
    return _ADVICE.get(sqlstate, "")
