"""One page over all reports that have snapshots."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.execution.files import Destination
from cockroach_pipelines.reporting.html import environment, style
from cockroach_pipelines.reporting.snapshots import Snapshot, SnapshotStore

INDEX = "index.html"
_MOST_PARTITIONS = 60


@dataclass(frozen=True)
class _Entry:
    partition: str
    link: str
    alerts: int


@dataclass(frozen=True)
class _Line:
    asset: str
    latest: Snapshot
    entries: tuple[_Entry, ...]
    more: int


def write_index(store: SnapshotStore) -> Path:
    """Write the page, and give its path: each report with its figures, and links to the newest of its partitions.

    Raises:
        FileWriteError: It cannot be written.
    """
    lines = []
    for asset in store.assets():
        partitions = store.partitions(asset)
        newest = [snapshot for each in partitions[-_MOST_PARTITIONS:] if (snapshot := store.latest(asset, each))]
        if newest:
            entries = tuple(_entry(store, each) for each in reversed(newest))
            lines.append(_Line(asset, newest[-1], entries, max(0, len(partitions) - _MOST_PARTITIONS)))
    text = environment().get_template("index.html").render(lines=lines, style=style(kpis=4))
    path = store.folder / INDEX
    with Destination.of(path).pending() as file:
        file.write(text.encode())
        file.publish()
    return path


def _entry(store: SnapshotStore, snapshot: Snapshot) -> _Entry:
    shown = snapshot.path("html") or snapshot.folder / "manifest.json"
    manifest = snapshot.manifest
    return _Entry(
        manifest.partition or f"{manifest.moment:%Y-%m-%d %H:%M}",
        shown.relative_to(store.folder).as_posix(),
        len(manifest.alerts),
    )
