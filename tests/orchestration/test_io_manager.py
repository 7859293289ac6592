"""Results are Parquet files: written aside, published by renaming, read back in the type that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.orchestration import ParquetIOManager

DAYS = dg.DailyPartitionsDefinition("2024-01-01", "2024-01-04")
TABLE = pa.table({"id": [1, 2], "name": ["x", None]})


@pytest.mark.parametrize("value", [TABLE, TABLE.to_pandas()])
def test_tables_and_frames_of_python_assets_are_kept_too(tmp_path: Path, value: Any) -> None:
    @dg.asset(key=["reporting", "own"], io_manager_key="files")
    def own() -> Any:
        return value

    dg.materialize([own], resources={"files": ParquetIOManager(folder=str(tmp_path))})
    assert pq.read_table(tmp_path / "reporting" / "own.parquet")["id"].to_pylist() == [1, 2]
    assert [path.name for path in (tmp_path / "reporting").iterdir()] == ["own.parquet"]


def test_several_partitions_come_as_a_mapping_by_key(tmp_path: Path) -> None:
    seen: dict[str, Any] = {}

    @dg.asset(partitions_def=DAYS, io_manager_key="files")
    def daily() -> Any:
        return TABLE

    @dg.asset(ins={"daily": dg.AssetIn(input_manager_key="files")})
    def all_days(daily: dict[str, pd.DataFrame]) -> None:
        seen.update(daily)

    resources = {"files": ParquetIOManager(folder=str(tmp_path))}
    for key in DAYS.get_partition_keys():
        dg.materialize([daily], partition_key=key, resources=resources)
    dg.materialize([daily, all_days], selection=[all_days], resources=resources)
    assert {key: len(frame) for key, frame in seen.items()} == dict.fromkeys(DAYS.get_partition_keys(), 2)


def test_anything_else_is_refused_by_name(tmp_path: Path) -> None:
    @dg.asset(io_manager_key="files")
    def text() -> str:
        return "not a table"

    result = dg.materialize([text], resources={"files": ParquetIOManager(folder=str(tmp_path))}, raise_on_error=False)
    failure = result.failure_data_for_node("text")
    assert failure is not None
    assert "a str cannot be stored as Parquet" in failure.error_display_string
    assert not list(tmp_path.rglob("*.parquet*"))
