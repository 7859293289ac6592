"""Loads the sample data: all of it in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from cockroach_pipelines.database.arrow.copy_in import write
from cockroach_pipelines.database.connection import CockroachDBConnection
from cockroach_pipelines.embedded.errors import SampleDataError
from cockroach_pipelines.embedded.nycflights import read_flights, read_sample_table
from cockroach_pipelines.embedded.progress import Progress
from cockroach_pipelines.embedded.replica import replica_of_flights
from cockroach_pipelines.embedded.sample_tables import (
    FILL_FLIGHT_EVENTS,
    FLIGHT_EVENTS,
    FLIGHTS,
    FLIGHTS_REPLICA,
    SAMPLE_TABLES,
    SAMPLE_VERSION,
    SOURCE,
    SampleTable,
)

_MARKER = "sample_data"
_BATCH_ROWS = 20_000
# Any number that nobody else takes: two processes that load at once wait for each other by it.
_ADVISORY_LOCK = 20130101


def load_sample_data(
    connection: CockroachDBConnection, progress: Progress | None = None, *, again: bool = False
) -> bool:
    """Load the sample tables unless they are there, and give whether they were loaded now.

    A table `sample_data` with the version marks that they are there. What was changed in them since stays as it is,
    even when one was dropped. One transaction makes all of them, so a load that is interrupted leaves nothing; of two
    processes that load at once the second waits and finds them loaded. Ends the connection's transaction.

    Args:
        connection: To the embedded database.
        progress: Told about rows as they are sent.
        again: Drop the sample tables, whatever was done to them, and load them anew.

    Raises:
        SampleDataError: A table of one of the names exists and is not the sample's, or the files cannot be read.
        StatementError: The server refused a statement.
    """
    try:
        if _is_loaded(connection) and not again:
            return False
        connection.query(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})::text")
        if _is_loaded(connection) and not again:
            return False
        _load(connection, progress or (lambda _table, _done, _rows: None))
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    return True


def _is_loaded(connection: CockroachDBConnection) -> bool:
    if not _existing(connection, [_MARKER]):
        return False
    return connection.query(f"SELECT max(version) FROM {_MARKER}") == [(SAMPLE_VERSION,)]


def _load(connection: CockroachDBConnection, progress: Progress) -> None:
    names = [table.name for table in SAMPLE_TABLES]
    if _existing(connection, [_MARKER]):
        for name in [*names, _MARKER]:
            connection.execute(f'DROP TABLE IF EXISTS "{name}"')
    if strangers := _existing(connection, names):
        raise SampleDataError(
            f"The embedded database has a table {strangers[0]} that is not the sample's.",
            advice="Rename it, or set embedded.sample_data to false.",
        )
    with ThreadPoolExecutor(1, "sample-data") as reader:  # reads the files while the server is busy
        rows = {table.name: reader.submit(_rows_of, table) for table in SAMPLE_TABLES if table is not FLIGHT_EVENTS}
        for table in SAMPLE_TABLES:
            for statement in table.create():
                connection.execute(statement)
            if table is FLIGHT_EVENTS:
                _derive_events(connection, progress)
            else:
                _fill(connection, table, rows.pop(table.name).result(), progress)
            for statement in table.finish():
                connection.execute(statement)
    connection.execute(
        f"CREATE TABLE {_MARKER} (version integer PRIMARY KEY, source text, loaded_at timestamptz DEFAULT now())"
    )
    connection.execute(f"COMMENT ON TABLE {_MARKER} IS 'Says that the sample data is loaded, and which version of it.'")
    connection.execute(f"INSERT INTO {_MARKER} (version, source) VALUES (?, ?)", [SAMPLE_VERSION, SOURCE])


def _fill(connection: CockroachDBConnection, table: SampleTable, rows: pa.Table, progress: Progress) -> None:
    progress(table.name, 0, len(rows))
    batches = pa.RecordBatchReader.from_batches(rows.schema, _reported(table, rows, progress))
    sent = write(connection.jdbc, f'"{table.name}"', batches)
    if sent.rows != len(rows):
        raise SampleDataError(
            f"{sent.rows} of {len(rows)} rows of {table.name} arrived.", advice="Start again: nothing was kept."
        )
    progress(table.name, len(rows), len(rows))


def _derive_events(connection: CockroachDBConnection, progress: Progress) -> None:
    progress(FLIGHT_EVENTS.name, 0, 0)
    rows = connection.execute(FILL_FLIGHT_EVENTS)
    progress(FLIGHT_EVENTS.name, rows, rows)


def _rows_of(table: SampleTable) -> pa.Table:
    if table is FLIGHTS:
        return read_flights()
    if table is FLIGHTS_REPLICA:
        return replica_of_flights()
    return read_sample_table(table)


def _reported(table: SampleTable, rows: pa.Table, progress: Progress) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in rows.to_batches(max_chunksize=_BATCH_ROWS):
        yield batch
        done += len(batch)
        if done < len(rows):
            progress(table.name, done, len(rows))


def _existing(connection: CockroachDBConnection, names: list[str]) -> list[str]:
    found = connection.query("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    present = {str(name) for (name,) in found}
    return [name for name in names if name in present]
