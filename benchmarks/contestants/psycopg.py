"""psycopg 3: COPY, executemany, single queries, and pandas on top of it."""

from __future__ import annotations

import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.csv as csv
import sqlalchemy

from benchmarks.contestants.contestant import Contestant, Place, Subject


class _Connected(Contestant):
    def __init__(self, place: Place, subject: Subject) -> None:
        super().__init__(place, subject)
        self.connection = psycopg.connect(place.url())

    def settle(self) -> None:
        self.connection.rollback()

    def close(self) -> None:
        self.connection.close()


class ReadPandas(Contestant):
    """pandas.read_sql over SQLAlchemy, as pandas asks for."""

    def __init__(self, place: Place, subject: Subject) -> None:
        super().__init__(place, subject)
        self.engine = sqlalchemy.create_engine(place.url("postgresql+psycopg"))
        self.connection = self.engine.connect()

    def run(self) -> None:
        self.result = pd.read_sql(self.subject.query, self.connection)

    def settle(self) -> None:
        self.connection.rollback()

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()

    def table(self) -> pa.Table:
        return pa.Table.from_pandas(self.result, preserve_index=False)


class FirstByte(_Connected):
    """The first bytes of a COPY, as soon as libpq has them."""

    def run(self) -> None:
        self.cursor = self.connection.cursor()
        self.copy = self.cursor.copy(f"COPY ({self.subject.query}) TO STDOUT WITH (FORMAT csv)")
        self.result = self.copy.__enter__().read()

    def settle(self) -> None:
        self.connection.close()
        self.connection = psycopg.connect(self.place.url())

    def rows(self) -> None:
        return None


class SelectOne(_Connected):
    """A small query in a transaction of its own."""

    operations = 500

    def run(self) -> None:
        for _ in range(self.operations):
            self.connection.execute("SELECT 1").fetchall()
            self.connection.rollback()


class _Writer(_Connected):
    def __init__(self, place: Place, subject: Subject) -> None:
        super().__init__(place, subject)
        self.data = subject.load()

    def prepare(self) -> None:
        self.connection.execute(f"TRUNCATE {self.subject.table}")
        self.connection.commit()


class WriteCopy(_Writer):
    """COPY FROM STDIN of CSV that pyarrow writes, several times as fast as a loop over write_row."""

    def run(self) -> None:
        with (
            self.connection.cursor() as cursor,
            cursor.copy(f"COPY {self.subject.table} FROM STDIN WITH (FORMAT csv)") as copy,
        ):
            for batch in self.data.to_batches(max_chunksize=1 << 16):
                sink = pa.BufferOutputStream()
                csv.write_csv(_with_text_for_decimals(batch), sink, csv.WriteOptions(include_header=False))
                copy.write(sink.getvalue())
        self.connection.commit()
        self.result = self.data


class WriteMany(_Writer):
    """executemany of an INSERT; the tuples are ready before the clock starts."""

    def prepare(self) -> None:
        super().prepare()
        self.tuples = list(zip(*(column.to_pylist() for column in self.data.columns), strict=True))

    def run(self) -> None:
        marks = ", ".join(["%s"] * self.data.num_columns)
        with self.connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO {self.subject.table} VALUES ({marks})", self.tuples)
        self.connection.commit()
        self.result = self.data


def _with_text_for_decimals(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [column.cast(pa.string()) if pa.types.is_decimal(column.type) else column for column in batch.columns]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
