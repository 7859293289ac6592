"""Connections of a reconciliation: every read of a side in one snapshot, from threads of its own."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue
from typing import Any, Self, TypeVar
from weakref import WeakKeyDictionary

import pyarrow as pa

from cockroach_pipelines.database import (
    Activity,
    AsOf,
    CockroachDBConnection,
    ConnectionManager,
    DatabaseError,
    Dialect,
    QualityOfService,
    ServerVersion,
    StatementError,
    Transaction,
    call_interruptibly,
)
from cockroach_pipelines.database.arrow import ArrowStream, CSVRows, CSVStream
from cockroach_pipelines.reconciliation.columns import literal
from cockroach_pipelines.reconciliation.errors import ReconciliationError
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.result import SideConsistency
from cockroach_pipelines.reconciliation.spec import ReconciliationSpec
from cockroach_pipelines.reconciliation.stopping import Stopped

T = TypeVar("T")
Stream = TypeVar("Stream", ArrowStream, CSVStream)

_LOOK_SECONDS = 0.1
_CANCEL_AGAIN_SECONDS = 1.0

# What PostgreSQL's planner gets wrong here, and the version that brought a setting. It takes each row for a segment of
# its own: it would sort them on disk, and let no workers scan, since they would hand over that many. It compiles statements
# that run for a tenth of a second. Workers for less than a second of work would cost more than they save.
_PLANNING = (
    ("enable_sort", "off", 0),
    ("parallel_tuple_cost", "0", 10),
    ("parallel_setup_cost", "100000", 10),
    ("jit", "off", 11),
)
# Where the beginning of a window is looked at, that of the other side has to be the same one: no scan joins another halfway.
_PLANNING_OF_BEGINNINGS = (("synchronize_seqscans", "off", 0),)


class Reader:
    """One connection within the side's snapshot; used by one thread at a time."""

    def __init__(self, connection: CockroachDBConnection) -> None:
        self._connection = connection
        self._stream: Any = None
        self._queries = False
        self._cancelled = False
        self._lock = threading.Lock()

    def table(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Give all rows of a statement."""
        return self._whole(self._connection.read(sql, parameters))

    def integers(self, sql: str, names: Sequence[str], parameters: Sequence[object] = ()) -> Any:
        """Give all rows of a statement of 64-bit integers, none of them NULL."""
        return self._whole(self._connection.read_integers(sql, names, parameters))

    def csv(self, sql: str, parameters: Sequence[object] = (), *, portable: bool = False) -> CSVRows:
        """Give all rows of a statement as the server writes them; `portable`, as the other database does too."""
        with self._cancellable(self._connection.read_csv(sql, parameters, portable=portable)) as stream:
            return stream.rows()

    @contextmanager
    def stream(self, sql: str, parameters: Sequence[object]) -> Iterator[ArrowStream]:
        """Give the rows of a statement batch by batch."""
        with self._cancellable(self._connection.read(sql, parameters)) as stream:
            yield stream

    def _whole(self, stream: ArrowStream) -> Any:
        with self._cancellable(stream):
            return pa.Table.from_batches(list(stream), stream.schema)

    @contextmanager
    def _cancellable(self, stream: Stream) -> Iterator[Stream]:
        with self._lock:
            self._stream = stream
            cancelled = self._cancelled
        try:
            with stream:
                if cancelled:
                    stream.cancel()
                yield stream
        finally:
            with self._lock:
                self._stream = None
            self._connection.broken |= stream.tainted

    def schema(self, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Give the Arrow schema of a statement, which does not run; see `database.arrow.describe`."""
        return self._connection.describe(sql, parameters)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Give all rows of a small result."""
        with self._lock:
            self._queries = True
        try:
            return self._connection.query(sql, parameters)
        finally:
            with self._lock:
                self._queries = False

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Keep the snapshot usable when a statement in it fails; the error goes on its way."""
        self._connection.execute("SAVEPOINT attempt")
        try:
            yield
        except DatabaseError:
            with contextlib.suppress(DatabaseError):
                self._connection.execute("ROLLBACK TO SAVEPOINT attempt")
            raise

    def cancel(self) -> None:
        """End what runs, from any thread."""
        with self._lock:
            self._cancelled = True
            stream = self._stream
        self._connection.broken = True
        with contextlib.suppress(DatabaseError):  # a server that is gone cannot be asked
            if stream is not None:
                stream.cancel()
            else:
                self._connection.cancel()

    def stop(self) -> None:
        """End what runs, from any thread; the connection stays of use where that leaves no doubt about it."""
        with self._lock:
            self._cancelled = True
            stream = self._stream
            if self._queries:
                self._connection.broken = True  # the cancel may come late, and strike what comes next
        with contextlib.suppress(DatabaseError):
            if stream is not None:
                stream.cancel()
            elif self._queries:
                self._connection.cancel()


class Side:
    """One relation and the connections that read it."""

    def __init__(self, name: str, relation: Relation, readers: list[Reader], server: ServerVersion) -> None:
        self.name = name
        self.relation = relation
        self.server = server
        self._readers = readers
        self._stopped = False
        self._free: SimpleQueue[Reader] = SimpleQueue()
        for reader in readers:
            self._free.put(reader)
        self._threads = ThreadPoolExecutor(len(readers), thread_name_prefix=f"reconcile-{name}")

    @property
    def dialect(self) -> Dialect:
        """Which database it is."""
        return self.server.dialect

    def submit(self, work: Callable[[Reader], T]) -> Future[T]:
        """Let the next free connection do something."""
        return self._threads.submit(self._run, work)

    def _run(self, work: Callable[[Reader], T]) -> T:
        reader = self._free.get()
        try:
            if self._stopped:
                raise Stopped
            # In a thread that leaves the virtual machine when it ends.
            return call_interruptibly(lambda: work(reader), name=f"reconcile-{self.name}")
        except DatabaseError as error:
            if self._stopped:
                raise Stopped from error
            # Both sides may have the same names.
            error.message = f"{error.message} (the {self.name}, on {self.relation.connection})"
            raise
        finally:
            self._free.put(reader)

    def cancel(self) -> None:
        """End everything that runs."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for reader in self._readers:
            reader.cancel()

    @contextmanager
    def stream(self, sql: str, parameters: Sequence[object]) -> Iterator[ArrowStream]:
        """Let the calling thread read a statement's rows batch by batch, from the next free connection."""
        reader = self._next_free()
        try:
            if self._stopped:
                raise Stopped
            with reader.stream(sql, parameters) as stream:
                yield stream
        except DatabaseError as error:
            if self._stopped:
                raise Stopped from error
            raise
        finally:
            self._free.put(reader)

    def _next_free(self) -> Reader:
        while True:
            with contextlib.suppress(Empty):
                return self._free.get(timeout=_LOOK_SECONDS)

    def stop(self) -> None:
        """End everything that runs, and let nothing begin: whoever waits for it gets a `Stopped`."""
        self._stopped = True
        for reader in self._readers:
            reader.stop()

    def close(self) -> None:
        """Wait for what runs."""
        self._threads.shutdown(wait=True, cancel_futures=True)


class Sides:
    """Both sides, open; a context manager that lends their connections and gives them back.

    On PostgreSQL each side is one REPEATABLE READ snapshot that its connections share; both sides share one where they
    are one database. On CockroachDB all connections read AS OF one timestamp, both sides the same where they are one
    cluster. An exception within the block ends all statements on both servers.
    """

    def __init__(
        self,
        connections: ConnectionManager,
        source: Relation,
        target: Relation,
        spec: ReconciliationSpec,
        activity: Activity | None = None,
    ) -> None:
        self._connections = connections
        self._relations = source, target
        self._spec = spec
        self._activity = activity or Activity()
        self._stack = ExitStack()
        self._over = threading.Event()
        self._watching: threading.Thread | None = None

    def __enter__(self) -> Self:
        with self._stack:
            self._open()
            self._stack = self._stack.pop_all()
        return self

    def _open(self) -> None:
        lent = [[self._lend(relation) for _ in range(self._spec.care.workers)] for relation in self._relations]
        snapshots = Snapshots(self._spec, self._activity)
        call_interruptibly(lambda: snapshots.begin(lent[0]), name="reconcile-begin")
        call_interruptibly(lambda: snapshots.begin(lent[1]), name="reconcile-begin")
        self.consistency = tuple(snapshots.statements)
        self.one_database = self._relations[0].connection == self._relations[1].connection
        sides = [
            Side(name, relation, [Reader(connection) for connection in own], own[0].version)
            for name, relation, own in zip(("source", "target"), self._relations, lent, strict=True)
        ]
        self.source, self.target = sides
        self._stack.callback(self._end_watching)  # when all statements have ended
        for side in sides:
            self._stack.callback(side.close)

    def stop_at(self, deadline: float | None) -> None:
        """Let all that is read from then on end at a time of `time.monotonic()`, None for never, with a `Stopped`."""
        if deadline is None:
            return
        self._watching = threading.Thread(target=self._stop_at, args=(deadline,), name="reconcile-time", daemon=True)
        self._watching.start()

    def _stop_at(self, deadline: float) -> None:
        if self._over.wait(deadline - time.monotonic()):
            return
        while True:
            call_interruptibly(self.stop, name="reconcile-stop")
            # A cancel that came before its statement has had no effect.
            if self._over.wait(_CANCEL_AGAIN_SECONDS):
                return

    def _end_watching(self) -> None:
        self._over.set()
        if self._watching:
            self._watching.join()

    def stop(self) -> None:
        """End everything that runs on both servers, and let nothing begin; see `Side.stop`."""
        for side in self.pair:
            side.stop()

    def _lend(self, relation: Relation) -> CockroachDBConnection:
        return self._stack.enter_context(self._connections.lend(relation.connection))

    def __exit__(self, kind: type[BaseException] | None, *error: Any) -> None:
        if kind is not None:
            self.source.cancel()
            self.target.cancel()
        self._stack.close()

    def both(self, work: Callable[[Side, Reader], T]) -> tuple[T, T]:
        """Do the same on both sides at once."""
        first = self.source.submit(lambda reader: work(self.source, reader))
        second = self.target.submit(lambda reader: work(self.target, reader))
        return result(first), result(second)

    @property
    def one_dialect(self) -> bool:
        """Whether both sides are the same kind of database."""
        return self.source.dialect is self.target.dialect

    @property
    def pair(self) -> tuple[Side, Side]:
        """Both sides, the source first."""
        return self.source, self.target


def result(future: Future[T]) -> T:
    """Wait for what a side does, in slices, so that an interrupt of the main thread is seen."""
    while not future.done():
        wait([future], _LOOK_SECONDS)
    return future.result()


class Snapshots:
    """Begins transactions such that those of one database see one moment."""

    def __init__(self, spec: ReconciliationSpec, activity: Activity) -> None:
        self._spec = spec
        self._activity = activity
        self._shared: dict[str, str] = {}  # snapshot or timestamp by what identifies a database
        self.statements: list[SideConsistency] = []

    def begin(self, connections: Sequence[CockroachDBConnection]) -> None:
        """Begin a transaction on each connection of one side."""
        first = connections[0]
        identity = _identity(first)
        begin = self._begin_cockroachdb if first.version.dialect is Dialect.COCKROACHDB else self._begin_postgresql
        shared = identity in self._shared
        moment = ""
        for connection in connections:
            moment = begin(connection, identity)
        self.statements.append(SideConsistency(str(first.version), moment, shared_with_other_side=shared))

    def _begin_postgresql(self, connection: CockroachDBConnection, identity: str) -> str:
        transaction = self._transaction(self._spec.as_of)
        transaction.begin(connection, self._activity)
        if identity in self._shared:
            connection.execute(f"SET TRANSACTION SNAPSHOT {literal(self._shared[identity])}")
        planning = _PLANNING + (_PLANNING_OF_BEGINNINGS if self._spec.stop.counts else ())
        settings = [
            f"set_config('{name}', '{value}', true)"
            for name, value, since in planning
            if connection.version.numbers[0] >= since
        ]
        snapshot = connection.query(f"SELECT pg_export_snapshot(), {', '.join(settings)}")[0][0]
        self._shared.setdefault(identity, str(snapshot))
        seen = transaction.seen(Dialect.POSTGRESQL)
        return f"snapshot {self._shared[identity]}{f', {seen}' if seen else ''}"

    def _begin_cockroachdb(self, connection: CockroachDBConnection, identity: str) -> str:
        moment = self._shared.get(identity) or self._spec.as_of
        self._transaction(moment).begin(connection, self._activity)
        if identity not in self._shared:
            # The transaction's own timestamp: an interval or a function would mean another moment in the next one.
            timestamp = str(connection.query("SELECT cluster_logical_timestamp()")[0][0])
            self._shared[identity] = timestamp
            if not moment:
                connection.rollback()
                self._transaction(timestamp).begin(connection, self._activity)
        return f"AS OF SYSTEM TIME {self._shared[identity]}"

    def _transaction(self, as_of: str | None) -> Transaction:
        care = self._spec.care
        try:
            moment = AsOf.parse(as_of) if as_of else None
        except ValueError as error:
            raise ReconciliationError(f"`as_of`: {error}.") from error
        return Transaction(
            read_only=True,
            timeout=care.timeout,
            timezone=self._spec.timezone,
            quality_of_service=QualityOfService.BACKGROUND if care.background else None,
            as_of=moment,
        )


def _identity(connection: CockroachDBConnection) -> str:
    """Give what is the same for two connections exactly if they can share a snapshot; asked once of each."""
    if connection not in _identities:
        _identities[connection] = _asked_identity(connection)
    return _identities[connection]


_identities: WeakKeyDictionary[CockroachDBConnection, str] = WeakKeyDictionary()


def _asked_identity(connection: CockroachDBConnection) -> str:
    if connection.version.dialect is Dialect.COCKROACHDB:
        try:
            cluster = str(connection.query("SELECT crdb_internal.cluster_id()")[0][0])
        except StatementError:
            cluster = f"connection {connection.name}"  # not allowed to know: only the same connection is the same
        identity = f"cluster {cluster}"
    else:
        started, database, port = connection.query(
            "SELECT pg_postmaster_start_time()::text, current_database()::text, current_setting('port')"
        )[0]
        identity = f"{connection.config.host} {port} {started} {database}"
    connection.rollback()
    return identity
