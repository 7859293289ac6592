"""Files that did not change are not parsed again, and nothing else is ever taken from a cache."""

from __future__ import annotations

import io
import pickle
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

import cockroach_pipelines
from cockroach_pipelines.queries import SQLLoader, SQLRepository
from cockroach_pipelines.queries.loading.cache import _code, _Unpickler
from tests.queries.conftest import Write

HEADER = "/* @asset\ncron: '0 6 * * *'\npartition: {every: day, from: 2024-01-01}\nas_of: -10s\nchecks: {not_null: a, q: SELECT 1}\n*/\n"


@pytest.fixture
def files(write: Write) -> Write:
    write("reporting/a.sql", HEADER + "SELECT 1 AS a, :partition_key AS k")
    write("reporting/b.sql", "SELECT 2 AS b FROM t")
    write("maintenance/jobs.cockroachdb.sql", "SHOW JOBS")
    write("reconciliation/c.sql", "/* @asset\nsource: t\ntarget: u\ntolerance: {a: 0.01}\n*/")
    return write


def load(sql_folder: Path, tmp_path: Path, **options: object) -> tuple[SQLRepository, int]:
    """Load a folder, and give how many files were parsed for it."""
    repository = SQLRepository(sql_folder, cache_folder=tmp_path / "cache", **options)  # type: ignore[arg-type]
    with patch.object(SQLLoader, "load", autospec=True, side_effect=SQLLoader.load) as parsed:
        _ = repository.queries
    return repository, parsed.call_count


def test_queries_from_the_cache_are_the_same(files: Write, sql_folder: Path, tmp_path: Path) -> None:
    parsed, count = load(sql_folder, tmp_path)
    cached, none = load(sql_folder, tmp_path)
    assert (count, none) == (4, 0)
    assert dict(cached.queries) == dict(parsed.queries)
    assert cached.dependencies() == parsed.dependencies()
    assert cached.external_tables() == parsed.external_tables()


def test_only_what_changed_is_parsed(files: Write, sql_folder: Path, tmp_path: Path) -> None:
    load(sql_folder, tmp_path)
    files("reporting/b.sql", "SELECT 3 AS b FROM t")
    repository, count = load(sql_folder, tmp_path)
    assert count == 1
    assert "SELECT 3" in repository.get("b").statements[None].sql
    (sql_folder / "queries/reporting/a.sql").rename(sql_folder / "queries/reporting/z.sql")
    assert load(sql_folder, tmp_path)[1] == 1


def test_broken_files_are_parsed_each_time(files: Write, sql_folder: Path, tmp_path: Path) -> None:
    files("reporting/bad.sql", "SELEC 1")
    load(sql_folder, tmp_path)
    repository, count = load(sql_folder, tmp_path)
    assert (list(repository.broken), count) == (["reporting/bad"], 1)


def test_other_connections_and_defaults_are_another_cache(files: Write, sql_folder: Path, tmp_path: Path) -> None:
    load(sql_folder, tmp_path)
    assert load(sql_folder, tmp_path, connections=["main"])[1] == 4
    assert load(sql_folder, tmp_path, defaults={"owner": "team:x"})[1] == 4
    assert load(sql_folder, tmp_path)[1] == 0


def test_every_module_that_reads_files_is_in_the_key() -> None:
    ours = ("cockroach_pipelines.config.", "cockroach_pipelines.queries.")
    modules = [Path(module.__file__ or "") for name, module in sys.modules.items() if name.startswith(ours)]
    assert len(modules) > 70
    package = Path(cockroach_pipelines.__file__).parent
    said = {each.partition(":")[0] for each in _code().split("\0")}
    assert {str(path.relative_to(package)) for path in modules} <= said


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (Path("/tmp/must-not-be-there"),))


@pytest.mark.parametrize(
    "content", [b"", b"no pickle", pickle.dumps({"x": Evil()}), pickle.dumps(open), pickle.dumps("text")]
)
def test_cache_that_cannot_be_used_is_none(files: Write, sql_folder: Path, tmp_path: Path, content: bytes) -> None:
    load(sql_folder, tmp_path)
    (cache,) = (tmp_path / "cache").iterdir()
    cache.write_bytes(content)
    assert load(sql_folder, tmp_path)[1] == 4
    assert not Path("/tmp/must-not-be-there").exists()
    assert load(sql_folder, tmp_path)[1] == 0


def test_cache_that_others_may_write_to_is_not_read(files: Write, sql_folder: Path, tmp_path: Path) -> None:
    load(sql_folder, tmp_path)
    (cache,) = (tmp_path / "cache").iterdir()
    assert cache.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    cache.chmod(0o666)
    assert load(sql_folder, tmp_path)[1] == 4


def test_folder_that_cannot_be_written_to_costs_the_cache_alone(files: Write, sql_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file stands here")
    assert len(load(sql_folder, tmp_path)[0].queries) == 4


def test_names_within_modules_are_not_followed() -> None:
    with pytest.raises(pickle.UnpicklingError, match="has no place in a cache of queries"):
        _Unpickler(io.BytesIO(b"\x80\x04\x8c\x29cockroach_pipelines.queries.loading.cache\x8c\x07os.path\x93.")).load()
