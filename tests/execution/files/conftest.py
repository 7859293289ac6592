"""Rows to write, and what writes none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pyarrow as pa
import pytest

from tests.database.arrow.conftest import jdbc, shared, truth

__all__ = ["jdbc", "shared", "truth"]

TABLE = pa.table({"id": [1, 2, 3], "name": ["x", "", None]})


class LostConnectionError(Exception):
    """What ends a stream in its middle."""


@pytest.fixture
def breaking() -> Callable[[int], pa.RecordBatchReader]:
    """Give so many mebibytes of rows, then raise."""

    def reader(mebibytes: int) -> pa.RecordBatchReader:
        schema = pa.schema([("text", pa.string())])

        def batches() -> Iterator[pa.RecordBatch]:
            for number in range(mebibytes):
                yield pa.RecordBatch.from_arrays([pa.array([f"{number:08}" * 128] * 1024)], schema=schema)
            raise LostConnectionError

        return pa.RecordBatchReader.from_batches(schema, batches())

    return reader
