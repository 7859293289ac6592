"""Deleted rows as Parquet: a file a batch, which is on the disk before the batch is committed and seen after.

A folder of such files is a dataset: what begins with a dot is no part of it. A file is written under such a name, and loses
the dot once its batch is committed; a file of a batch that never was is removed by the job's next run. So the dataset is what
was deleted, no row more and none less, wherever a process or its machine ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from cockroach_pipelines.execution import FileWriteError, write_file
from cockroach_pipelines.maintenance.errors import MaintenanceError

_logger = logging.getLogger(__name__)
_PENDING = re.compile(r"\.(?P<job>[0-9a-f]{12})\.(?P<run>.+)-(?P<batch>\d+)\.parquet")


@dataclass(frozen=True)
class Archive:
    """The files of one job.

    Args:
        folder: Where they are; several jobs may share it.
        job: Whose.
    """

    folder: Path
    job: str

    def write(self, run: str, batch: int, rows: Any) -> str:
        """Write the rows of a batch aside, onto the disk, and give the name that the file will have.

        Raises:
            FileWriteError: It cannot be written.
            MaintenanceError: The file does not hold as many rows as were deleted.
        """
        name = f"{run}-{batch:06}.parquet"
        pending = self._pending(name)
        write_file(_with_stable_types(rows), pending)
        held = pq.read_metadata(pending).num_rows
        if held != rows.num_rows:
            raise MaintenanceError(
                f"{pending} holds {held:,} rows, and {rows.num_rows:,} were deleted; the batch is rolled back.",
                advice="Look at the disk, and run the job again.",
            )
        return name

    def publish(self, name: str) -> None:
        """Let a file of a committed batch be seen.

        Raises:
            FileWriteError: It cannot be renamed.
        """
        final = self.folder / name
        try:
            self._pending(name).rename(final)
        except FileNotFoundError:
            if not final.exists():  # else another run of the job has found it committed, too
                raise _lost(final) from None
        except OSError as error:
            raise FileWriteError(f"{final} cannot be written: {error.strerror}.") from error
        with contextlib.suppress(OSError):  # some network file systems refuse; the file itself is on the disk
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def settle(self, was_committed: Callable[[str, int], bool]) -> None:
        """Publish what an earlier run of the job left of committed batches, and remove what it left of others.

        Args:
            was_committed: Says it of a run and the number of a batch. No earlier run may commit any more.
        """
        for name, run, batch in list(self._left()):
            if was_committed(run, batch):
                self.publish(name)
            else:
                self._pending(name).unlink(missing_ok=True)
                _logger.info("%s is removed: its batch was never committed", self._pending(name))

    def _left(self) -> Iterator[tuple[str, str, int]]:
        if not self.folder.is_dir():
            return
        for path in self.folder.iterdir():
            found = _PENDING.fullmatch(path.name)
            if found and found["job"] == self._mark:
                yield path.name.removeprefix(f".{self._mark}."), found["run"], int(found["batch"])

    def _pending(self, name: str) -> Path:
        return self.folder / f".{self._mark}.{name}"

    @property
    def _mark(self) -> str:
        return hashlib.sha256(self.job.encode()).hexdigest()[:12]


def _lost(path: Path) -> FileWriteError:
    return FileWriteError(
        f"{path} has gone although its batch is committed.",
        advice="Look for it in a copy of the folder: the rows are deleted.",
    )


def _with_stable_types(rows: Any) -> Any:
    """Keep a numeric without a scale as text: the narrowest decimal would be another one in every file."""
    fields = [
        field.with_metadata({**field.metadata, b"pg.special": b"text"})
        if pa.types.is_string(field.type) and (field.metadata or {}).get(b"pg.type") == b"numeric"
        else field
        for field in rows.schema
    ]
    return rows.cast(pa.schema(fields, rows.schema.metadata))
