"""A result on its way to a file: staged beside its place, published by renaming."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database.arrow import ArrowStream
from cockroach_pipelines.execution.parquet import ParquetFileWriter
from cockroach_pipelines.execution.preview import PREVIEW_ROWS

_STAGING = ".staging"


@dataclass(frozen=True)
class StagedResult:
    """A whole result in a Parquet file that nobody reads yet."""

    path: Path
    schema: pa.Schema
    rows: int
    preview: pa.Table
    """The first rows, at most `PREVIEW_ROWS`."""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def publish(self, destination: Path) -> None:
        """Put the file into its place in one step; a reader sees the old file or the new one, never a part."""
        destination.parent.mkdir(parents=True, exist_ok=True)
        self.path.replace(destination)


class ResultProcessor:
    """Writes results to Parquet files below a folder, in memory that does not grow with the result.

    Args:
        folder: Where results live; it is made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Lend a folder for files that are not published yet; what is left in it afterwards is removed."""
        folder = self.folder / _STAGING / uuid.uuid4().hex
        try:
            folder.mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise PipelinesError(
                f"Results cannot be written below {self.folder}: {error.strerror}.",
                advice="Make the folder writable, or set results_folder.",
            ) from error
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # another result is staged there
                folder.parent.rmdir()

    def stage(self, stream: ArrowStream, path: Path) -> StagedResult:
        """Write a stream to a Parquet file, as `ParquetFileWriter` does.

        Raises:
            StatementError: The server ended the statement in mid-stream; no file is left.
            PipelinesError: The file cannot be written, the disk being full for one.
        """
        head: list[pa.RecordBatch] = []
        rows = 0
        with stream, _writing(path), ParquetFileWriter(path, stream.schema) as file:
            for batch in stream:
                if rows < PREVIEW_ROWS:
                    head.append(batch.slice(0, PREVIEW_ROWS - rows))
                rows += batch.num_rows
                file.write(batch)
        return StagedResult(path, file.schema, rows, file.stored(head))


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise PipelinesError(
            f"The result cannot be written to {path}: {error.strerror or error}.",
            advice="Make room on the disk and the folder writable; the last good result is still in its place.",
        ) from error
