"""What is staged has an owner: a live one keeps it, a dead one's is removed by the next."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cockroach_pipelines.execution import FileWriteError
from cockroach_pipelines.execution.files import staging


def test_folder_is_the_owners_alone_and_gone_afterwards_with_its_parent(tmp_path: Path) -> None:
    with staging(tmp_path / "results") as folder:
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "left.parquet").write_bytes(b"x")
    assert list((tmp_path / "results").iterdir()) == []


def test_what_a_live_owner_stages_is_let_alone(tmp_path: Path) -> None:
    with staging(tmp_path) as first:
        with staging(tmp_path) as second:
            assert first != second
        assert first.exists()


def test_what_a_dead_owner_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".staging" / "dead"
    left.mkdir(parents=True)
    (left / "owner").touch()
    (left / "result.parquet").write_bytes(b"x")
    with staging(tmp_path):
        assert not left.exists()


@pytest.mark.parametrize(("hours", "stays"), [(1, True), (25, False)])
@pytest.mark.parametrize("name", ["without_owner", "being_made.new"])
def test_what_has_no_owner_is_removed_after_a_day(tmp_path: Path, name: str, hours: int, stays: bool) -> None:
    left = tmp_path / ".staging" / name
    left.mkdir(parents=True)
    then = time.time() - hours * 3600
    os.utime(left, (then, then))
    with staging(tmp_path):
        assert left.exists() is stays


def test_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileWriteError, match="file cannot be written: Not a directory"), staging(tmp_path / "file"):
        pass
