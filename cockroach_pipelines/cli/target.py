"""Where `--output` writes."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.config import ConfigurationError
from cockroach_pipelines.execution import Destination, FileWriteError, ending_of, write_file


@dataclass(frozen=True)
class Target:
    """Where rows go: a file, or standard output when `destination` is None."""

    destination: Destination | None
    ending: str

    @classmethod
    def of(cls, output: str | None, *, as_json: bool = False) -> Target | None:
        """Read what --output says; None when it is silent.

        Raises:
            ConfigurationError: It names no file that can be written, or standard output, which `--json` wants.
        """
        if output is None:
            return None
        if output == "-":
            if as_json:
                raise ConfigurationError(
                    "--json and --output - both want standard output.", advice="Keep one of them, or name a file."
                )
            return cls(None, ".csv")
        destination = Destination.of(output)
        return cls(destination, ending_of(destination.name))

    @property
    def folder(self) -> Path | None:
        """The folder of a local file."""
        return self.destination.path.parent if self.destination and self.destination.path else None

    def publish(self, file: Path) -> None:
        """Put a whole file of the target's format there.

        Raises:
            FileWriteError: It cannot appear there.
        """
        if self.destination:
            self.destination.put(file)
        else:
            _print(file)

    def publish_parquet(self, file: Path) -> None:
        """Put the rows of a Parquet file there, in the target's format.

        Raises:
            FileWriteError: It cannot appear there.
        """
        if self.ending == file.suffix:
            self.publish(file)
            return
        converted = file.with_name(f"rows{self.ending}")
        with pq.ParquetFile(file) as rows:
            write_file(pa.RecordBatchReader.from_batches(rows.schema_arrow, rows.iter_batches()), converted)
        self.publish(converted)

    def __str__(self) -> str:
        return self.destination.name if self.destination else "standard output"


def _print(path: Path) -> None:
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered has to go somewhere
        if isinstance(error, BrokenPipeError):  # the reader has had enough, as `head` has
            raise SystemExit(128 + signal.SIGPIPE) from error
        raise FileWriteError(f"Standard output cannot be written: {error.strerror}.") from error
