"""The hash of rows: the same however they are cut, and another for any other rows."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.execution import ResultProcessor, rows_digest
from cockroach_pipelines.execution.rows_digest import RowsDigest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.parquet"


def streamed(table: pa.Table, size: int) -> str:
    digest = RowsDigest(table.schema)
    for batch in (*table.to_batches(max_chunksize=size), *table.slice(0, 0).to_batches()):
        digest.add(batch)
    return digest.finish()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.none() | st.integers(0, 9), st.none() | st.text("ab", max_size=2)), max_size=12),
    st.integers(1, 5),
)
def test_the_digest_is_of_the_rows_and_not_of_their_groups(
    path: Path, rows: list[tuple[int | None, str | None]], group: int
) -> None:
    def digest(some: list[tuple[int | None, str | None]], size: int) -> str:
        table = pa.table(
            {"n": pa.array([n for n, _ in some], pa.int64()), "t": pa.array([t for _, t in some], pa.string())}
        )
        pq.write_table(table, path, row_group_size=size)
        assert streamed(table, size) == rows_digest(path)
        return rows_digest(path)

    whole = digest(rows, 100)
    assert digest(rows, group) == whole
    for number, (n, t) in enumerate(rows):
        for other in ((n, "" if t is None else None), (0 if n is None else None, t), (n, f"{t}b")):
            assert digest([*rows[:number], other, *rows[number + 1 :]], 100) != whole
    assert digest([*rows, (None, None)], 100) != whole


def test_the_digest_takes_every_type(path: Path) -> None:
    columns = {
        "decimal": pa.array([Decimal("1.50"), None], pa.decimal128(38, 2)),
        "moment": pa.array([0, None], pa.timestamp("us", "UTC")),
        "date": pa.array([0, None], pa.date32()),
        "time": pa.array([0, None], pa.time64("us")),
        "truth": [True, None],
        "bytes": [b"\x00\xff", None],
        "list": [[1, None], None],
        "float": [float("nan"), None],
    }
    pq.write_table(pa.table(columns), path)
    first = rows_digest(path)
    pq.write_table(pa.table({**columns, "bytes": [b"\x00\xfe", None]}), path)
    assert rows_digest(path) != first


def test_a_staged_result_has_the_hash_where_it_is_asked_for(tmp_path: Path) -> None:
    table = pa.table({"n": [1, None, 3], "t": ["a", "", None]})
    processor = ResultProcessor(tmp_path)
    staged = processor.stage_batches(table.schema, table.to_batches(), tmp_path / "a.parquet", digested=True)
    assert staged.digest == rows_digest(staged.path)
    assert processor.stage_batches(table.schema, table.to_batches(), tmp_path / "b.parquet").digest == ""
