"""Files of formats that have types."""

from __future__ import annotations

import pyarrow as pa

from cockroach_pipelines.execution.files.ahead import Ahead
from cockroach_pipelines.execution.files.batches import Grouping, unique_names
from cockroach_pipelines.execution.files.encoders import EncodedFile, TypedFormat
from cockroach_pipelines.execution.files.fitting import FittedFile, is_unscaled_numeric
from cockroach_pipelines.execution.files.sink import Sink

# Large enough to be read in one go by whoever scans columns, small enough that two of them are little to hold.
_GROUP_ROWS = 1 << 18
_GROUP_BYTES = 1 << 26


class TypedWriter:
    """Writes batches in groups of rows: while one is encoded in a thread, the next one is collected.

    - A numeric without precision and scale, such as an average, arrives as text; it is kept as the narrowest decimal
      that holds every value exactly. A column with NaN stays text.
    - Of columns of one name the second is called `name_2`: readers find columns by name.

    Args:
        form: The format.
        sink: Where the file goes.
        schema: What the batches have.
    """

    def __init__(self, form: TypedFormat, sink: Sink, schema: pa.Schema) -> None:
        self._format = form
        self._names = unique_names(schema.names)
        self._arriving = pa.schema(
            [form.storable(field).with_name(name) for field, name in zip(schema, self._names, strict=True)],
            schema.metadata,
        )
        numerics = [position for position, field in enumerate(schema) if is_unscaled_numeric(field)]
        self._file: FittedFile | EncodedFile = (
            FittedFile(form, sink, self._arriving, numerics) if numerics else EncodedFile(form, sink, self._arriving)
        )
        self._groups = Grouping(_GROUP_ROWS, _GROUP_BYTES)
        self._encoding: Ahead[None] = Ahead(threads=1, limit=1)

    @property
    def schema(self) -> pa.Schema:
        """What the file has, once it is finished."""
        return self._file.schema

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch."""
        for group in self._groups.add(self._stored(batch)):
            self._encoding.submit(self._file.write, group)

    def finish(self) -> None:
        """Write what is left, and what ends the file."""
        self._encoding.submit(self._file.finish, self._groups.rest())
        self._encoding.drain()

    def abandon(self) -> None:
        """End the thread and let go of the file."""
        self._encoding.abandon()
        self._file.abandon()

    def stored(self, batches: list[pa.RecordBatch]) -> pa.Table:
        """Give batches as the file has them; complete once it is finished."""
        return pa.Table.from_batches(list(map(self._stored, batches)), self._arriving).cast(self.schema)

    def _stored(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = [self._format.stored(column, name) for name, column in zip(self._names, batch.columns, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=self._arriving)
