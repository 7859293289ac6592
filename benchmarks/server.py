"""The server that everyone talks to, and its tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pyarrow as pa

from benchmarks.contestants.contestant import Place, Subject
from benchmarks.tables import BenchmarkTable
from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.embedded import EmbeddedServer


@contextmanager
def started_server(folder: Path) -> Iterator[Server]:
    """Start PostgreSQL of the project's own wheel on loopback, where every contestant logs in over TCP."""
    folder.chmod(0o755)  # as root the server runs as another user
    with EmbeddedServer(folder / "server") as embedded:
        end = embedded.endpoint
        with closing(
            Server(Place(end.host, end.port, end.database, end.user, end.password.get_secret_value()))
        ) as server:
            yield server


def place_of(config: DatabaseConfig) -> Place:
    """Give where a configuration with a password leads."""
    assert config.host and config.user and config.password
    return Place(config.host, config.port, config.database, config.user, config.password.get_secret_value())


class Server:
    """A running server; its tables are made when first asked for.

    Attributes:
        place: Where it listens.
        version: What it says it is.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._connection = psycopg.connect(place.url(), autocommit=True)
        self._tables: set[str] = set()
        self.version = str(self._value("SHOW server_version"))

    def table(self, table: BenchmarkTable, rows: int) -> str:
        """Give the name of a table of so many rows, filled, vacuumed and in memory."""
        name = f"{table.name}_{rows}"
        if name not in self._tables:
            self._execute(f"DROP TABLE IF EXISTS {name}")
            self._execute(table.create(name))
            self._execute(table.fill(name, rows))
            self._execute(f"VACUUM (FREEZE, ANALYZE) {name}")
            self._tables.add(name)
        return name

    def target(self, table: BenchmarkTable) -> str:
        """Give the name of an empty table of the same columns."""
        name = f"{table.name}_target"
        self._execute(f"DROP TABLE IF EXISTS {name}")
        self._execute(table.create(name))
        self._tables.add(name)
        return name

    def close(self) -> None:
        """Remove the tables and disconnect."""
        for name in self._tables:
            self._execute(f"DROP TABLE IF EXISTS {name}")
        self._connection.close()

    def checksum(self, subject: Subject) -> tuple[int, int]:
        """Give the number of rows and a checksum of their values, in any order."""
        query = f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM ({subject.query}) AS t"
        count, total = self._connection.execute(query).fetchone() or (0, 0)
        return int(count), int(total or 0)

    def save(self, name: str, table: BenchmarkTable, path: Path) -> None:
        """Write a table to an Arrow IPC file, for those who write it back."""
        with (
            pa.ipc.new_file(path, table.schema) as file,
            self._connection.transaction(),
            self._connection.cursor("everything") as cursor,
        ):
            cursor.execute(f"SELECT * FROM {name}")
            while rows := cursor.fetchmany(1 << 16):
                columns = zip(*rows, strict=True)
                arrays = [pa.array(values, field.type) for values, field in zip(columns, table.schema, strict=True)]
                file.write_batch(pa.RecordBatch.from_arrays(arrays, schema=table.schema))

    def _execute(self, sql: str) -> None:
        self._connection.execute(sql)

    def _value(self, sql: str) -> object:
        row = self._connection.execute(sql).fetchone()
        assert row
        return row[0]
