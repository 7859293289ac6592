"""CSV as COPY FROM reads it back: `COPY t FROM … WITH (FORMAT csv, HEADER)`."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pyarrow as pa

from cockroach_pipelines.database.arrow.encode import csv_of
from cockroach_pipelines.database.arrow.incoming import pieces, quoted
from cockroach_pipelines.execution.files.ahead import Ahead
from cockroach_pipelines.execution.files.batches import unique_names
from cockroach_pipelines.execution.files.sink import Sink

_PIECE_BYTES = 1 << 22
_THREADS = 2
_PIECES_AHEAD = 4
_ZSTD_LEVEL, _GZIP_LEVEL = 3, 6

Compress = Callable[[bytes], bytes]


def gzipped(data: bytes) -> bytes:
    """Compress to a member of a gzip file, which may have many."""
    return gzip.compress(data, _GZIP_LEVEL, mtime=0)


def zstandard(data: bytes) -> bytes:
    """Compress to a frame of a zstd file, which may have many."""
    return bytes(pa.Codec("zstd", _ZSTD_LEVEL).compress(data, asbytes=True))


class CsvWriter:
    r"""Writes a header and the server's own text of every value, in UTF-8; pieces are encoded in threads.

    A NULL is empty and text stands in quotes, so an empty text differs. Lists are `{1,2}`, bytes `\x00ff`, intervals
    ISO 8601, moments have their offset, a numeric has the digits that the server sent.
    """

    def __init__(self, sink: Sink, schema: pa.Schema, compress: Compress | None = None) -> None:
        self._sink = sink
        self._compress = compress
        self.schema = pa.schema(
            [field.with_name(name) for field, name in zip(schema, unique_names(schema.names), strict=True)]
        )
        self._encoded: Ahead[bytes] = Ahead(_THREADS, _PIECES_AHEAD)
        header = ",".join(map(quoted, self.schema.names)) + "\n"
        sink.write(self._compressed(header.encode()))

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        for piece in pieces(batch, _PIECE_BYTES):
            for encoded in self._encoded.submit(self._encode, piece):
                self._sink.write(encoded)

    def finish(self) -> None:
        """Write what is left."""
        for encoded in self._encoded.drain():
            self._sink.write(encoded)

    def abandon(self) -> None:
        """End the threads."""
        self._encoded.abandon()

    def stored(self, batches: list[pa.RecordBatch]) -> pa.Table:
        """Give batches under the names that the file has; their types are those that they came with."""
        return pa.Table.from_batches([batch.rename_columns(self.schema.names) for batch in batches], self.schema)

    def _encode(self, batch: pa.RecordBatch) -> bytes:
        return self._compressed(csv_of(batch))

    def _compressed(self, data: bytes) -> bytes:
        return self._compress(data) if self._compress else data
