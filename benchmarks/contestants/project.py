"""This project: COPY through pgjdbc, parsed by Arrow. The only module that knows its interface."""

from __future__ import annotations

import pyarrow as pa

from benchmarks.contestants.contestant import Contestant, Place, Subject
from cockroach_pipelines.config import DatabaseConfig
from cockroach_pipelines.database import ConnectionManager, connect
from cockroach_pipelines.database.arrow import ArrowStream, read, write


def config_of(place: Place) -> DatabaseConfig:
    """Give the place as a connection of this project."""
    return DatabaseConfig(
        host=place.host,
        port=place.port,
        database=place.database,
        user=place.user,
        password=place.password,
        sslmode="disable",
    )


class _Reader(Contestant):
    def __init__(self, place: Place, subject: Subject) -> None:
        super().__init__(place, subject)
        self.connection = connect(config_of(place))

    def open(self) -> ArrowStream:
        return read(self.connection.jdbc, self.subject.query)

    def settle(self) -> None:
        self.connection.rollback()

    def close(self) -> None:
        self.connection.close()


class ReadStream(_Reader):
    """Batch after batch, none of them kept, as psql keeps none."""

    def run(self) -> None:
        count = 0
        for batch in self.open():
            count += batch.num_rows
        self.result = range(count)


class ReadTable(_Reader):
    """The whole result as one Arrow table."""

    def run(self) -> None:
        self.result = self.open().to_table()

    def table(self) -> pa.Table:
        return self.result


class ReadPandas(_Reader):
    """The whole result as a pandas frame."""

    def run(self) -> None:
        self.result = self.open().to_pandas()

    def table(self) -> pa.Table:
        return pa.Table.from_pandas(self.result, preserve_index=False)


class FirstBatch(_Reader):
    """The first batch of a long result."""

    def run(self) -> None:
        self.stream = self.open()
        self.result = next(iter(self.stream))

    def settle(self) -> None:
        self.stream.close()
        super().settle()


class Write(_Reader):
    """An Arrow table into the server's, committed."""

    def __init__(self, place: Place, subject: Subject) -> None:
        super().__init__(place, subject)
        self.data = subject.load()

    def prepare(self) -> None:
        self.connection.execute(f"TRUNCATE {self.subject.table}")
        self.connection.commit()

    def run(self) -> None:
        self.result = range(write(self.connection.jdbc, self.subject.table, self.data).rows)
        self.connection.commit()


class SelectOne(Contestant):
    """A small query through the warm pool."""

    operations = 500

    def __init__(self, place: Place, subject: Subject) -> None:
        super().__init__(place, subject)
        self.manager = ConnectionManager({"main": config_of(place)})
        with self.manager.lend() as connection:
            connection.query("SELECT 1")

    def run(self) -> None:
        for _ in range(self.operations):
            with self.manager.lend() as connection:
                connection.query("SELECT 1")

    def close(self) -> None:
        self.manager.close()
