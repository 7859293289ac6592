"""A file appears in one step when it is whole, on a disk or another file system; else what was there stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.local import LocalFileSystem
from upath import UPath

from cockroach_pipelines.config import ConfigurationError
from cockroach_pipelines.execution import Destination, FileWriteError, write_file
from tests.execution.files.conftest import TABLE, LostConnectionError
from tests.peers.waiting import wait_until

ENDINGS = ["parquet", "csv", "csv.gz", "csv.zst", "arrow", "feather"]
Breaking = Callable[[int], pa.RecordBatchReader]

every_format = pytest.mark.parametrize("ending", ENDINGS)


def files(folder: Path) -> list[str]:
    """Every file below a folder, those that are hidden too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@every_format
def test_file_is_its_owners_alone_its_folder_made_and_nothing_else_left(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "deep" / "er" / f"r.{ending}"
    written = write_file(TABLE, path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert (written.destination, written.rows, written.bytes) == (str(path), 3, path.stat().st_size)
    assert [each.name for each in path.parent.iterdir()] == [f"r.{ending}"]


@every_format
@pytest.mark.parametrize("mebibytes", [0, 3, 150])
def test_stream_that_breaks_leaves_the_last_good_file_and_nothing_else(
    tmp_path: Path, ending: str, mebibytes: int, breaking: Breaking
) -> None:
    path = tmp_path / f"r.{ending}"
    path.write_text("the last good result")
    with pytest.raises(LostConnectionError):
        write_file(breaking(mebibytes), path)
    assert path.read_text() == "the last good result"
    assert files(tmp_path) == [f"r.{ending}"]


@pytest.mark.parametrize("given", [str, lambda path: f"file://{path}", lambda path: UPath(path), Path])
def test_path_may_be_text_a_url_or_a_path(tmp_path: Path, given: Callable[[Path], Any]) -> None:
    write_file(TABLE, given(tmp_path / "r.parquet"))
    assert pq.read_table(tmp_path / "r.parquet").equals(TABLE)


def test_home_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    write_file(TABLE, "~/r.csv")
    assert files(tmp_path) == ["r.csv"]


def test_ending_without_a_format_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        write_file(TABLE, tmp_path / "r.xlsx")
    assert "r.xlsx has no known format" in caught.value.message
    assert caught.value.advice == "Name a file that ends in .parquet, .csv, .csv.gz, .csv.zst, .arrow or .feather."


@pytest.mark.parametrize("url", ["", "memory://bucket/"])
def test_folder_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigurationError, match="is a folder"):
        write_file(TABLE, url or tmp_path)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Mount a small file system, which takes root."""
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
    if mount.returncode:
        pytest.skip("mounting takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@every_format
def test_full_disk_says_so_and_leaves_the_last_good_file(tmp_path: Path, ending: str) -> None:
    with mounted(tmp_path / "small", "size=512k") as folder:
        path = folder / f"r.{ending}"
        path.write_text("the last good result")
        with pytest.raises(FileWriteError) as caught:
            write_file(pa.table({"t": [os.urandom(1000).hex() for _ in range(3000)]}), path)
        assert "No space left on device" in caught.value.message
        assert "Make room on the disk" in caught.value.advice
        assert path.read_text() == "the last good result"
        assert files(folder) == [f"r.{ending}"]


def test_disk_that_is_full_for_what_is_kept_aside_says_so(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("n", pa.string(), metadata={b"pg.type": b"numeric"}), ("t", pa.string())])
    with mounted(tmp_path / "small", "size=1m") as folder:
        table = pa.table([["1.5"] * 600_000, [f"{n * 7919}" for n in range(600_000)]], schema=schema)
        with pytest.raises(FileWriteError, match="No space left on device"):
            write_file(table, folder / "r.parquet")
        assert files(folder) == []


def test_folder_that_may_not_be_written_says_so(tmp_path: Path) -> None:
    with mounted(tmp_path / "fixed", "ro") as folder, pytest.raises(FileWriteError) as caught:
        write_file(TABLE, folder / "r.csv")
    assert "Read-only file system" in caught.value.message
    assert "Make the folder writable" in caught.value.advice


def test_staged_file_reaches_another_disk_whole(tmp_path: Path) -> None:
    with mounted(tmp_path / "other", "size=1m") as folder:
        staged = tmp_path / "staged.csv"
        staged.write_text("content")
        Destination.of(folder / "sub" / "r.csv").put(staged)
        assert (folder / "sub" / "r.csv").read_text() == "content"
        assert (folder / "sub" / "r.csv").stat().st_mode & 0o777 == 0o600
        assert files(tmp_path) == ["other/sub/r.csv"]


ENDLESS = """
import itertools, sys, pyarrow as pa
from cockroach_pipelines.execution import write_file
schema = pa.schema([("n", pa.int64())])
batches = (pa.RecordBatch.from_arrays([pa.array(range(100_000))], schema=schema) for _ in itertools.count())
write_file(pa.RecordBatchReader.from_batches(schema, batches), sys.argv[1])
"""


def test_killed_writer_leaves_the_last_good_file_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("the last good result")
    process = subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)])
    try:
        wait_until(lambda: len(files(tmp_path)) == 3 or process.poll() is not None, 60, lambda: "nothing is staged")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(files(tmp_path)) == 3  # the file, what is staged, and its owner
    assert path.read_text() == "the last good result"
    write_file(TABLE, tmp_path / "other.csv")
    assert files(tmp_path) == ["other.csv", "r.csv"]


def test_many_writers_of_one_file_leave_one_of_their_results_whole(tmp_path: Path) -> None:
    path = tmp_path / "r.parquet"
    tables = [pa.table({"writer": [number] * 50_000}) for number in range(4)]

    def write_often(table: pa.Table) -> None:
        for _ in range(15):
            write_file(table, path)
            assert pq.read_table(path) in tables

    with ThreadPoolExecutor(len(tables)) as threads:
        assert list(threads.map(write_often, tables)) == [None] * len(tables)
    assert pq.read_table(path) in tables
    assert files(tmp_path) == ["r.parquet"]


@pytest.fixture
def memory() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


@every_format
def test_file_on_another_system_is_that_of_a_local_one(memory: Any, tmp_path: Path, ending: str) -> None:
    written = write_file(TABLE, f"memory://bucket/key/r.{ending}")
    write_file(TABLE, tmp_path / f"r.{ending}")
    assert memory.cat(f"/bucket/key/r.{ending}") == (tmp_path / f"r.{ending}").read_bytes()
    assert (written.destination, written.bytes) == (
        f"memory://bucket/key/r.{ending}",
        memory.size(f"/bucket/key/r.{ending}"),
    )


@every_format
def test_file_on_another_system_stays_when_the_stream_breaks(memory: Any, ending: str, breaking: Breaking) -> None:
    memory.pipe(f"/bucket/r.{ending}", b"the last good result")
    with pytest.raises(LostConnectionError):
        write_file(breaking(3), f"memory://bucket/r.{ending}")
    assert memory.cat(f"/bucket/r.{ending}") == b"the last good result"
    assert memory.find("/bucket") == [f"/bucket/r.{ending}"]


@pytest.mark.parametrize("last", ["0.5", "0.125"], ids=["fits", "does not fit"])
def test_long_columns_of_numerics_reach_another_system(memory: Any, last: str) -> None:
    schema = pa.schema([pa.field("n", pa.string(), metadata={b"pg.type": b"numeric"})])
    write_file(pa.table([["1.5"] * 600_000 + [last]], schema=schema), "memory://bucket/n.parquet")
    with memory.open("/bucket/n.parquet") as file:
        column = pq.read_table(file)["n"]
    assert pa.types.is_decimal(column.type)
    assert (len(column), str(column[0]), str(column[-1]).rstrip("0")) == (600_001, str(column[0]), last)


class PlainFileSystem(LocalFileSystem):
    """A file system that knows no transactions and appends to what it has, as one over SFTP or HDFS."""

    protocol = "plain"
    full = False

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(str(path).removeprefix("plain://"))

    def mv(self, path1: str, path2: str, **kwargs: Any) -> None:
        if self.full:
            raise PermissionError("the server says no")
        super().mv(path1, path2, **kwargs)


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[type[PlainFileSystem]]:
    fsspec.register_implementation("plain", PlainFileSystem, clobber=True)
    yield PlainFileSystem
    PlainFileSystem.full = False


@pytest.mark.usefixtures("plain")
def test_system_without_transactions_gets_another_name_first(tmp_path: Path, breaking: Breaking) -> None:
    url = f"plain://{tmp_path}/sub/r.csv"
    write_file(TABLE, url)
    assert (tmp_path / "sub" / "r.csv").read_text() == '"id","name"\n1,"x"\n2,""\n3,\n'
    (tmp_path / "sub" / "r.csv").write_text("the last good result")
    with pytest.raises(LostConnectionError):
        write_file(breaking(3), url)
    assert files(tmp_path) == ["sub/r.csv"]
    assert (tmp_path / "sub" / "r.csv").read_text() == "the last good result"


def test_system_that_refuses_says_so_and_keeps_the_last_good_file(tmp_path: Path, plain: type[PlainFileSystem]) -> None:
    (tmp_path / "r.csv").write_text("the last good result")
    plain.full = True
    with pytest.raises(FileWriteError) as caught:
        write_file(TABLE, f"plain://{tmp_path}/r.csv")
    assert "the server says no" in caught.value.message
    assert "right to write there" in caught.value.advice
    assert files(tmp_path) == ["r.csv"]


@pytest.mark.parametrize(
    ("url", "package"), [("gs://bucket/r.csv", "gcsfs"), ("abfs://c/r.csv", "adlfs"), ("abfss://c/r.csv", "adlfs")]
)
def test_missing_package_is_named(url: str, package: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Destination.of(url)
    assert f"{url} needs a package that is not installed" in caught.value.message
    assert caught.value.advice == f"Install it beside this one: pip install {package}"


def test_unknown_system_is_refused_with_a_proposal() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Destination.of("gss://bucket/r.csv")
    assert "'gss' is no file system that fsspec knows" in caught.value.message
    assert "Did you mean 'gs'?" in caught.value.advice


def test_secrets_of_a_url_are_not_shown() -> None:
    place = Destination.of("memory://ann:hunter2@host/r.csv?sig=token")
    assert place.name == "memory://host/r.csv"
    assert "hunter2" not in repr(place)
    assert "token" not in repr(place)
