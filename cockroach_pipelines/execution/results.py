"""A result on its way to a file: staged beside its place, published by renaming."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from cockroach_pipelines.database.arrow import ArrowStream
from cockroach_pipelines.execution.files import (
    AnyPlace,
    Destination,
    FileWriter,
    LocalFile,
    encoding,
    staging,
    writer_for,
)
from cockroach_pipelines.execution.preview import PREVIEW_ROWS
from cockroach_pipelines.execution.rows_digest import RowsDigest


@dataclass(frozen=True)
class StagedResult:
    """A whole result in a local file that nobody reads yet."""

    path: Path
    schema: pa.Schema
    rows: int
    preview: pa.Table
    """The first rows."""
    copy: Path | None = None
    """The same rows as Parquet, for checks, where the file itself is of another format."""
    digest: str = ""
    """What tells the rows from others, where it was asked for."""

    @property
    def checked(self) -> Path:
        """The Parquet that checks look at."""
        return self.copy or self.path

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def publish(self, destination: AnyPlace) -> None:
        """Put the file into its place in one step; a reader sees the old file or the new one, never a part.

        Raises:
            FileWriteError: It cannot appear there; what was there before stays.
        """
        Destination.of(destination).put(self.path)


class ResultProcessor:
    """Writes results to files below a folder, in memory that does not grow with the result.

    Args:
        folder: Where results live; it is made when missing.
        preview_rows: How many rows of each are kept for people.
    """

    def __init__(self, folder: Path, preview_rows: int = PREVIEW_ROWS) -> None:
        self.folder = folder
        self.preview_rows = preview_rows

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Lend a folder for files that are not published yet; what is left in it afterwards is removed.

        Raises:
            FileWriteError: It cannot be made.
        """
        with staging(self.folder) as folder:
            yield folder

    def stage(
        self,
        stream: ArrowStream,
        path: Path,
        also: Sequence[Path] = (),
        *,
        checked: bool = False,
        digested: bool = False,
    ) -> StagedResult:
        """Write a stream to a file in the format that its name's ending says, and to others while it is read.

        Args:
            stream: The rows.
            path: The file.
            also: Further files of the same rows.
            checked: Whether checks will look at it; they need Parquet, which is then written beside another format.
            digested: Whether to hash the rows while they pass.

        Raises:
            StatementError: The server ended the statement in mid-stream; no file is left.
            FileWriteError: The file cannot be written, the disk being full for one.
        """
        with stream:
            return self.stage_batches(stream.schema, stream, path, also, checked=checked, digested=digested)

    def stage_batches(
        self,
        schema: pa.Schema,
        batches: Iterable[pa.RecordBatch],
        path: Path,
        also: Sequence[Path] = (),
        *,
        checked: bool = False,
        digested: bool = False,
    ) -> StagedResult:
        """Write batches of one schema to files, as `stage` does.

        Raises:
            FileWriteError: The file cannot be written, the disk being full for one.
        """
        head: list[pa.RecordBatch] = []
        rows = 0
        copy = path.with_name(f"{path.name}.parquet") if checked and path.suffix != ".parquet" else None
        with contextlib.ExitStack() as open_files:
            writers = [_written(each, schema, open_files) for each in (path, *also, copy) if each]
            digest = _digest(schema, open_files) if digested else None
            for batch in batches:
                if rows < self.preview_rows:
                    head.append(batch.slice(0, self.preview_rows - rows))
                rows += batch.num_rows
                if digest:
                    digest.add(batch)
                for writer in writers:
                    writer.write(batch)
            said = digest.finish() if digest else ""
        return StagedResult(path, writers[0].schema, rows, writers[0].stored(head), copy, said)


def _digest(schema: pa.Schema, open_files: contextlib.ExitStack) -> RowsDigest:
    digest = RowsDigest(schema)
    open_files.callback(digest.abandon)
    return digest


def _written(path: Path, schema: pa.Schema, open_files: contextlib.ExitStack) -> FileWriter:
    file = open_files.enter_context(LocalFile(path))
    return open_files.enter_context(encoding(writer_for(path.name), file, schema))
