"""Snapshots of reports: for each partition a folder of folders, each made once and never changed."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.config.file_errors import writing
from cockroach_pipelines.execution.files import staging
from cockroach_pipelines.reporting.errors import SnapshotNotFoundError
from cockroach_pipelines.reporting.manifest import MANIFEST, Manifest

REPORTS = "reports"
"""The folder of snapshots, below that of results."""

_WHOLE = "_"  # what no partition is called
_LOCK = ".lock"
_DIGEST_SHOWN = 12


@dataclass(frozen=True)
class Snapshot:
    """One snapshot: its folder and what is known of it."""

    folder: Path
    manifest: Manifest

    @property
    def id(self) -> str:
        """The name of its folder: when it was made, and the beginning of its digest."""
        return self.folder.name

    def path(self, kind: str) -> Path | None:
        """Give the file of a kind; None where there is none."""
        file = self.manifest.file(kind)
        return self.folder / file.name if file else None


class SnapshotStore:
    """The snapshots below a folder.

    `<folder>/reporting/daily/2013-01-31/20130201T060000Z-1f0c…/manifest.json`; `_` stands for the partition of a report
    without partitions.

    Args:
        folder: Where they are; made with the first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, asset: str, partition: str | None) -> Path:
        """Give the folder of a partition."""
        return self.folder.joinpath(*asset.split("/"), partition or _WHOLE)

    def of(self, asset: str, partition: str | None) -> list[Snapshot]:
        """Give the snapshots of a partition, the newest last."""
        place = self.place(asset, partition)
        folders = sorted(path.parent for path in place.glob(f"*/{MANIFEST}"))
        return [Snapshot(folder, Manifest.read(folder)) for folder in folders]

    def latest(self, asset: str, partition: str | None) -> Snapshot | None:
        """Give the newest snapshot of a partition; None where there is none."""
        return next(reversed(self.of(asset, partition)), None)

    def partitions(self, asset: str) -> list[str | None]:
        """Give the partitions of a report that have snapshots, the newest last."""
        place = self.folder.joinpath(*asset.split("/"))
        names = sorted({path.parent.parent.name for path in place.glob(f"*/*/{MANIFEST}")})
        return [None if name == _WHOLE else name for name in names]

    def assets(self) -> list[str]:
        """Give the reports that have snapshots."""
        found = {path.parents[2].relative_to(self.folder).as_posix() for path in self.folder.rglob(MANIFEST)}
        return sorted(name for name in found if not name.startswith("."))

    def find(self, asset: str, partition: str | None = None, snapshot: str | None = None) -> Snapshot:
        """Give a snapshot: the newest of the partition, or the one whose name begins so.

        Without a partition, that of the newest partition.

        Raises:
            SnapshotNotFoundError: There is none.
        """
        known = self.partitions(asset)
        if not known:
            raise SnapshotNotFoundError(
                f"{asset} has no snapshot below {self.folder}.",
                advice="Materialize it in Dagster, or with `cockroach-pipelines report render`.",
            )
        wanted = partition if partition is not None else known[-1]
        if wanted not in known:
            raise SnapshotNotFoundError(
                f"{asset} has no snapshot of {wanted}.",
                advice=f"The newest are of {', '.join(str(each) for each in known[-5:])}.",
            )
        found = self.of(asset, wanted)
        matching = [each for each in found if snapshot is None or each.id.startswith(snapshot)]
        if not matching:
            raise SnapshotNotFoundError(
                f"{asset} has no snapshot {snapshot}.", advice=f"There are {', '.join(each.id for each in found[-5:])}."
            )
        return matching[-1]

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """Lend a folder for a snapshot that is not kept yet.

        Raises:
            FileWriteError: It cannot be made.
        """
        with staging(self.folder) as folder:
            draft = folder / "snapshot"
            draft.mkdir(mode=0o700)
            yield draft

    def keep(self, draft: Path, manifest: Manifest) -> Snapshot:
        """Make a draft a snapshot, in one step.

        Raises:
            FileWriteError: It cannot be.
        """
        manifest.write(draft)
        name = f"{manifest.moment.astimezone(dt.UTC):%Y%m%dT%H%M%S%fZ}-{manifest.digest[:_DIGEST_SHOWN]}"
        folder = self.place(manifest.asset, manifest.partition) / name
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            draft.rename(folder)
        return Snapshot(folder, manifest)

    @contextlib.contextmanager
    def alone(self, asset: str, partition: str | None) -> Iterator[None]:
        """Keep others from making and delivering snapshots of a partition; waits for who does."""
        place = self.place(asset, partition)
        with writing(place):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def expire(self, asset: str, days: int, now: dt.datetime) -> int:
        """Remove snapshots older than so many days, but the newest of each partition; gives how many."""
        removed = 0
        for partition in self.partitions(asset):
            for snapshot in self.of(asset, partition)[:-1]:
                if now - snapshot.manifest.moment > dt.timedelta(days=days):
                    shutil.rmtree(snapshot.folder)
                    removed += 1
        return removed
