"""Arrow's own file format, which version 2 of Feather is, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa


class ArrowIPC:
    """Arrow IPC files, compressed by LZ4; every Arrow type is kept as it is."""

    name = "Arrow IPC"

    def storable(self, field: pa.Field) -> pa.Field:
        """Give the field that a column becomes: itself."""
        return field

    def stored(self, column: Any, name: str) -> Any:
        """Give a column in the type of `storable`."""
        return column

    def encoder(self, output: Any, schema: pa.Schema) -> Any:
        """Give what makes a record batch of each table."""
        return _Encoder(pa.ipc.new_file(output, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")))

    def groups(self, path: Path) -> Iterator[pa.Table]:
        """Read a file's record batches."""
        with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as file:
            for number in range(file.num_record_batches):
                yield pa.Table.from_batches([file.get_batch(number)])


class _Encoder:
    def __init__(self, writer: Any) -> None:
        self._writer = writer

    def write_table(self, table: pa.Table) -> None:
        self._writer.write_table(table.combine_chunks())

    def close(self) -> None:
        self._writer.close()
