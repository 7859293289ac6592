"""ADBC's driver for PostgreSQL, which reads and writes binary COPY."""

from __future__ import annotations

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from benchmarks.contestants.contestant import Contestant, Place, Subject


class _Connected(Contestant):
    def __init__(self, place: Place, subject: Subject) -> None:
        super().__init__(place, subject)
        self.connection = adbc.connect(place.url())

    def settle(self) -> None:
        self.connection.rollback()

    def close(self) -> None:
        self.connection.close()


class ReadTable(_Connected):
    """The whole result as one Arrow table."""

    def run(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(self.subject.query)
            self.result = cursor.fetch_arrow_table()

    def table(self) -> pa.Table:
        return self.result


class ReadStream(_Connected):
    """Batch after batch, none of them kept."""

    def run(self) -> None:
        count = 0
        with self.connection.cursor() as cursor:
            cursor.execute(self.subject.query)
            for batch in cursor.fetch_record_batch():
                count += batch.num_rows
        self.result = range(count)


class Ingest(_Connected):
    """An Arrow table into the server's, committed."""

    def __init__(self, place: Place, subject: Subject) -> None:
        super().__init__(place, subject)
        self.data = subject.load()

    def prepare(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(f"TRUNCATE {self.subject.table}")
        self.connection.commit()

    def run(self) -> None:
        with self.connection.cursor() as cursor:
            cursor.adbc_ingest(self.subject.table, self.data, mode="append")
        self.connection.commit()
        self.result = self.data
