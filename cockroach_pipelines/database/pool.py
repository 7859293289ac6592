"""Connections that are lent and taken back."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager

import jpype

from cockroach_pipelines.config import ConfigurationError, DatabaseConfig, RetryConfig, did_you_mean
from cockroach_pipelines.database.connection import CockroachDBConnection, Connector
from cockroach_pipelines.database.errors import DatabaseError, PoolTimeoutError
from cockroach_pipelines.database.interruptible import call_interruptibly
from cockroach_pipelines.database.jvm import JVMManager

_logger = logging.getLogger(__name__)

# A connection that rested longer than this is asked whether it still lives before it is lent.
_TRUSTED_IDLE_SECONDS = 5.0
_JITTER = 0.1
_ROLLBACK_SECONDS = 20.0


class ConnectionPool:
    """A bounded pool of connections of one configuration; safe to use from many threads.

    A connection older than `pool.lifetime`, less up to a tenth of jitter so that they do not all end at once, is
    replaced. One that broke, or does not answer after a rest, is thrown away. The most recently used is lent first.
    """

    def __init__(self, connector: Connector) -> None:
        self.connector = connector
        self._settings = connector.config.pool
        self._free = threading.Semaphore(self._settings.size)
        self._lock = threading.Lock()
        self._idle: list[tuple[CockroachDBConnection, float]] = []
        self._ends: dict[CockroachDBConnection, float] = {}
        self._closed = False
        self._lost_at = float("-inf")
        self.reached = False
        """Whether a connection was ever made."""

    @contextmanager
    def lend(self) -> Iterator[CockroachDBConnection]:
        """Lend a connection; afterwards what was not committed is rolled back.

        Raises:
            PoolTimeoutError: None became free within `pool.acquire_timeout`.
            DatabaseError: A new connection was needed and could not be made.
        """
        if not self._acquire():
            raise PoolTimeoutError(
                f"All {self._settings.size} connections {self.connector.name!r} stayed in use for "
                f"{self._settings.acquire_timeout:g} s.",
                advice="Raise pool.size or pool.acquire_timeout, or run fewer statements at once.",
            )
        try:
            connection = self._take() or self._open()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """End every idle connection; one that is lent ends when it comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            self._discard(connection)

    @property
    def open_connections(self) -> int:
        """How many connections are open, lent or idle."""
        with self._lock:
            return len(self._ends)

    def _acquire(self) -> bool:
        # In slices, so that an interrupt of the main thread is not held up.
        deadline = time.monotonic() + self._settings.acquire_timeout
        while (left := deadline - time.monotonic()) > 0:
            if self._free.acquire(timeout=min(left, 0.2)):
                return True
        return False

    def _open(self) -> CockroachDBConnection:
        connection = call_interruptibly(self.connector.open, name="connect", interrupted=_close_when_open)
        lifetime = self._settings.lifetime * (1 - _JITTER * random.random())  # noqa: S311 - spreads load, guards nothing
        with self._lock:
            self._ends[connection] = time.monotonic() + lifetime
            self.reached = True
        return connection

    def _take(self) -> CockroachDBConnection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, since = self._idle.pop()
                expired = time.monotonic() >= self._ends[connection]
            # What was lost since it came back may have taken this one along.
            trusted = time.monotonic() - since < _TRUSTED_IDLE_SECONDS and since > self._lost_at
            if not expired and (trusted or _answers(connection)):
                return connection
            self._discard(connection)

    def _give_back(self, connection: CockroachDBConnection) -> None:
        if connection.jdbc.isClosed():
            connection.broken, self._lost_at = True, time.monotonic()
        if not connection.broken:
            try:
                call_interruptibly(
                    connection.rollback,
                    name="rollback",
                    interrupted=lambda _: connection.abort(),
                    timeout=_ROLLBACK_SECONDS,
                )
            except DatabaseError as error:
                _logger.warning("connection %r is thrown away: %s", self.connector.name, error.message)
                connection.broken = True
            except TimeoutError:
                _logger.warning("connection %r is thrown away: the server is silent", self.connector.name)
                connection.abort()
        with self._lock:
            keep = not connection.broken and not self._closed and time.monotonic() < self._ends[connection]
            if keep:
                self._idle.append((connection, time.monotonic()))
        if not keep:
            self._discard(connection)

    def _discard(self, connection: CockroachDBConnection) -> None:
        with self._lock:
            self._ends.pop(connection, None)
        try:
            connection.close()
        except (DatabaseError, jpype.JException) as error:
            _logger.debug("closing a connection that is thrown away failed: %s", error)


def _answers(connection: CockroachDBConnection) -> bool:
    # In a thread of its own: a server that went silent must not hold up an interrupt.
    return call_interruptibly(connection.is_usable, name="validate", interrupted=lambda _: connection.abort())


def _close_when_open(future: Future[CockroachDBConnection]) -> None:
    def close(done: Future[CockroachDBConnection]) -> None:
        if done.exception() is None:
            done.result().close()

    future.add_done_callback(close)


class ConnectionManager:
    """Lends pooled connections by name.

    Args:
        configs: Connections by name.
        start_embedded: Gives the server's configuration for one with `embedded`, starting it; the name goes in too.

    Nothing is started or connected before the first connection is asked for.
    """

    def __init__(
        self,
        configs: Mapping[str, DatabaseConfig],
        *,
        start_embedded: Callable[[DatabaseConfig], DatabaseConfig] | None = None,
    ) -> None:
        self._configs = dict(configs)
        self._start_embedded = start_embedded
        self._pools: dict[str, ConnectionPool] = {}
        self._lock = threading.Lock()

    @contextmanager
    def lend(self, name: str = "main") -> Iterator[CockroachDBConnection]:
        """Lend a connection of that name; see `ConnectionPool.lend`.

        Raises:
            ConfigurationError: No connection has that name.
        """
        with self.pool(name).lend() as connection:
            yield connection

    def pool(self, name: str = "main") -> ConnectionPool:
        """Give the pool of that name, starting an embedded database when it is one."""
        self._config(name)
        with self._lock:
            if name not in self._pools:
                self._pools[name] = ConnectionPool(Connector(self._server(name), name, self._jvm(name)))
            return self._pools[name]

    def retry_settings(self, name: str) -> RetryConfig:
        """Give how often work on the connection of that name is tried again; nothing is started.

        Raises:
            ConfigurationError: No connection has that name.
        """
        return self._config(name).retry

    def reached(self, name: str) -> bool:
        """Whether a connection of that name was ever made."""
        with self._lock:
            return name in self._pools and self._pools[name].reached

    def close(self) -> None:
        """End every idle connection."""
        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            pool.close()

    def __enter__(self) -> ConnectionManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _config(self, name: str) -> DatabaseConfig:
        if name not in self._configs:
            raise ConfigurationError(f"No connection is named {name!r}.", advice=did_you_mean(name, self._configs))
        return self._configs[name]

    def _server(self, name: str) -> DatabaseConfig:
        config = self._configs[name]
        if config.embedded is None:
            return config
        if self._start_embedded is None:
            raise ConfigurationError(
                f"Connection {name!r} is embedded, and nothing here starts an embedded database.",
                advice="Make the manager with cockroach_pipelines.embedded.connection_manager.",
            )
        return self._start_embedded(config)

    def _jvm(self, name: str) -> JVMManager:
        # The virtual machine starts once: with the drivers of all connections, not only of the first one used.
        jars = {config.pg_jar for config in self._configs.values() if config.pg_jar}
        return JVMManager(self._configs[name].java_home, sorted(jars))
