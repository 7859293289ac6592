"""What a format with types has to offer, and files written by it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from cockroach_pipelines.config.file_errors import FileWriteError
from cockroach_pipelines.execution.files.sink import ArrowOutput, Sink


class Encoder(Protocol):
    """Makes one group of rows of each table."""

    def write_table(self, table: pa.Table) -> None:
        """Append a group."""

    def close(self) -> None:
        """Write what ends the file."""


class TypedFormat(Protocol):
    """A format whose columns have types, stored in groups of rows.

    Attributes:
        name: What people call it.
    """

    name: str

    def storable(self, field: pa.Field) -> pa.Field:
        """Give the field that a column becomes."""

    def stored(self, column: Any, name: str) -> Any:
        """Give a column in the type of `storable`."""

    def encoder(self, output: Any, schema: pa.Schema) -> Encoder:
        """Give what writes to a `pa.NativeFile`."""

    def groups(self, path: Path) -> Iterator[pa.Table]:
        """Read back the groups of a local file, in their order."""


class EncodedFile:
    """A file of one schema under way to a sink."""

    def __init__(self, form: TypedFormat, sink: Sink, schema: pa.Schema) -> None:
        self.schema = schema
        self._format = form
        self._output = ArrowOutput(sink)
        with self._storing():
            self._encoder = form.encoder(self._output.native(), schema)

    def write(self, table: pa.Table) -> None:
        """Append a group.

        Raises:
            FileWriteError: It cannot be written, or the format cannot hold it.
        """
        with self._storing():
            self._encoder.write_table(table)

    def finish(self, rest: pa.Table | None = None) -> None:
        """Append the last group and end the file."""
        if rest is not None:
            self.write(rest)
        with self._storing():
            self._encoder.close()

    def abandon(self) -> None:
        """Let go of it, unfinished."""
        self._output.drop()
        with contextlib.suppress(pa.ArrowException, OSError):
            self._encoder.close()

    @contextlib.contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
            raise FileWriteError(
                f"{self._format.name} cannot hold the result: {error}.",
                advice="Cast the column to text in the statement, or write a file of another format.",
            ) from error
