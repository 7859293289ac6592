"""Results are staged as Parquet with exact types, published by renaming, and previewed for people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.config import PipelinesError
from cockroach_pipelines.database import ConnectionManager, StatementError
from cockroach_pipelines.execution import QueryExecutor, ResultProcessor, StagedResult, preview_records
from tests.peers.postgres import PostgresServer

pytestmark = pytest.mark.usefixtures("jvm")


@pytest.fixture
def executor(server: PostgresServer) -> Iterator[QueryExecutor]:
    with ConnectionManager({"main": server.config}) as connections:
        yield QueryExecutor(connections)


def _stage(executor: QueryExecutor, folder: Path, sql: str) -> StagedResult:
    with executor.snapshot() as snapshot:
        return ResultProcessor(folder).stage(snapshot.read_text(sql), folder / "result.parquet")


def test_numeric_without_scale_becomes_the_narrowest_decimal_over_all_batches(
    executor: QueryExecutor, tmp_path: Path
) -> None:
    staged = _stage(
        executor,
        tmp_path,
        "SELECT n::numeric / 4 AS quarter, repeat('x', 100) AS padding, NULL::numeric AS nothing FROM generate_series(1, 30000) n",
    )
    table = pq.read_table(staged.path)
    assert pa.types.is_decimal(table.schema.field("quarter").type)
    assert table["quarter"].to_pylist()[:3] == [Decimal("0.25"), Decimal("0.5"), Decimal("0.75")]
    assert table["quarter"].to_pylist()[-1] == Decimal(7500)
    assert table["nothing"].null_count == staged.rows == 30000
    assert staged.preview.schema.types == table.schema.types


def test_numeric_with_nan_stays_text(executor: QueryExecutor, tmp_path: Path) -> None:
    staged = _stage(executor, tmp_path, "SELECT unnest(ARRAY['NaN', '1.50']::numeric[]) AS n")
    assert pq.read_table(staged.path)["n"].to_pylist() == ["NaN", "1.50"]


def test_what_parquet_cannot_hold_is_exact_text_and_equal_names_are_kept_apart(
    executor: QueryExecutor, tmp_path: Path
) -> None:
    staged = _stage(
        executor,
        tmp_path,
        "SELECT interval '1 month -2 days 3.5 s' AS a, 2 AS a, 3 AS a_2, 1e60::numeric AS big, ARRAY[1, NULL] AS l",
    )
    (row,) = pq.read_table(staged.path).to_pylist()
    assert row == {"a": "P1M-2DT0H0M3.500000S", "a_2": 2, "a_2_2": 3, "big": Decimal(10) ** 60, "l": [1, None]}
    assert staged.preview.to_pylist() == [row]


def test_only_the_owner_may_read_a_result(executor: QueryExecutor, tmp_path: Path) -> None:
    destination = tmp_path / "published.parquet"
    _stage(executor, tmp_path, "SELECT avg(n) AS mean FROM generate_series(1, 3) AS n").publish(destination)
    assert destination.stat().st_mode & 0o777 == 0o600


def test_no_rows_make_a_file_with_columns(executor: QueryExecutor, tmp_path: Path) -> None:
    staged = _stage(executor, tmp_path, "SELECT 1 AS a, 'x'::text AS b WHERE false")
    assert (staged.rows, staged.preview.num_rows) == (0, 0)
    assert pq.read_table(staged.path).schema.names == ["a", "b"]


def test_publishing_replaces_the_last_result_in_one_step(executor: QueryExecutor, tmp_path: Path) -> None:
    destination = tmp_path / "reporting" / "deep" / "r.parquet"
    for value in (1, 2):
        _stage(executor, tmp_path, f"SELECT {value} AS v").publish(destination)
        assert pq.read_table(destination)["v"].to_pylist() == [value]
    assert [path.name for path in destination.parent.iterdir()] == ["r.parquet"]


def test_staging_is_the_owners_alone_and_gone_afterwards(tmp_path: Path) -> None:
    with ResultProcessor(tmp_path).staging() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "left.parquet").write_bytes(b"x")
    assert not folder.exists()


def test_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    with (
        pytest.raises(PipelinesError, match=r"results cannot be written: Not a directory"),
        ResultProcessor(tmp_path / "results").staging(),
    ):
        pass


@pytest.mark.parametrize("ending", ["csv", "arrow"])
def test_every_format_is_staged_and_previewed(executor: QueryExecutor, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"result.{ending}"
    with executor.snapshot() as snapshot:
        stream = snapshot.read_text("SELECT n, n * interval '1 day' AS n FROM generate_series(1, 30) AS n")
        staged = ResultProcessor(tmp_path, preview_rows=20).stage(stream, path)
    assert staged.schema.names == staged.preview.schema.names == ["n", "n_2"]
    assert (staged.rows, staged.preview.num_rows, staged.size) == (30, 20, path.stat().st_size)
    assert preview_records(staged.preview)[0] == {"n": 1, "n_2": "P0M1DT0H0M0.000000S"}


def test_statement_that_ends_in_mid_stream_leaves_no_file(executor: QueryExecutor, tmp_path: Path) -> None:
    for ending in ("parquet", "csv"):
        path = tmp_path / f"result.{ending}"
        with pytest.raises(StatementError, match="division by zero"), executor.snapshot() as snapshot:
            sql = "SELECT 1 / (900000 - n) AS x, repeat('x', 50) AS t FROM generate_series(1, 1000000) AS n"
            ResultProcessor(tmp_path).stage(snapshot.read_text(sql), path)
        assert not list(tmp_path.iterdir())


def test_preview_is_plain_short_and_keeps_equal_column_names_apart() -> None:
    table = pa.table(
        [["a" * 300, None], [Decimal("1.50"), None], [b"\x00\xff", None], [dt.date(2024, 1, 1), None], [True, None]],
        names=["x", "x", "bytes", "day", "flag"],
    )
    first, second = preview_records(table, width=20)
    assert first == {"x": "a" * 19 + "…", "x_2": "1.50", "bytes": "00ff", "day": "2024-01-01", "flag": True}
    assert list(second.values()) == [None] * 5
