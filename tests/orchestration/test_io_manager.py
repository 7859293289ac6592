"""Results are Parquet files: written aside, published by renaming, read back in the type that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.execution import write_file
from cockroach_pipelines.orchestration import ParquetIOManager
from cockroach_pipelines.orchestration.examples import with_examples

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


def _materialize(folder: Path, *assets: Any, **options: Any) -> dg.ExecuteInProcessResult:
    resources = {"files": ParquetIOManager(folder=str(folder))}
    return dg.materialize(list(assets), selection=[assets[-1]], resources=resources, raise_on_error=False, **options)


PRICES = dg.AssetSpec("prices", partitions_def=DAYS)
NAMES = dg.AssetSpec("names")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of an asset, and of another one's partitions, which are numerics without a scale: each has its own type."""
    folder = tmp_path_factory.mktemp("kept")
    write_file(TABLE, folder / "names.parquet")
    for key in DAYS.get_partition_keys():
        number = Decimal("1.5") if key < "2024-01-03" else Decimal("12345.25")
        table = pa.table({"price": pa.array([number]), "day": [key]})
        write_file(table, folder / "prices" / f"{key}.parquet")
    return folder


@pytest.mark.parametrize(
    ("wanted", "rows"),
    [
        (pd.DataFrame, len),
        (pa.Table, len),
        (pads.Dataset, lambda dataset: dataset.count_rows()),
        (pa.RecordBatchReader, lambda reader: reader.read_all().num_rows),
        (pl.DataFrame, len),
        (pl.LazyFrame, lambda frame: len(frame.collect())),
        (pa.Table | None, len),
    ],
)
def test_one_file_or_all_partitions_in_the_type_that_is_asked_for(
    kept: Path, wanted: Any, rows: Callable[[Any], int]
) -> None:
    seen: dict[str, Any] = {}

    def downstream(names: Any, prices: Any) -> None:
        seen.update(names=names, prices=prices)

    downstream.__annotations__ = {"names": wanted, "prices": wanted, "return": None}
    ins = {name: dg.AssetIn(input_manager_key="files") for name in ("names", "prices")}
    asset = dg.asset(downstream, ins=ins)
    assert _materialize(kept, NAMES, PRICES, asset).success
    assert {name: rows(value) for name, value in seen.items()} == {"names": 2, "prices": 3}
    if wanted is pa.Table:
        assert seen["prices"].sort_by("day")["price"].to_pylist() == [
            Decimal("1.50"),
            Decimal("1.50"),
            Decimal("12345.25"),
        ]


def test_mapping_stays_one_for_a_single_partition(kept: Path) -> None:
    seen: dict[str, Any] = {}

    @dg.asset(partitions_def=DAYS, ins={"prices": dg.AssetIn(input_manager_key="files")})
    def same_day(prices: dict[str, pa.Table]) -> None:
        seen.update(prices)

    assert _materialize(kept, PRICES, same_day, partition_key="2024-01-02").success
    assert {key: table.num_rows for key, table in seen.items()} == {"2024-01-02": 1}


def test_what_was_not_materialized_is_named(tmp_path: Path) -> None:
    @dg.asset(ins={"prices": dg.AssetIn(input_manager_key="files")})
    def all_days(prices: pads.Dataset) -> None: ...

    write_file(TABLE, tmp_path / "prices" / "2024-01-02.parquet")
    failure = _materialize(tmp_path, PRICES, all_days).failure_data_for_node("all_days")
    assert failure is not None
    assert "2024-01-01.parquet is not there: the asset, or this partition of it, has not been materialized" in str(
        failure.error
    )


def test_partitions_that_are_missing_can_be_left_out(tmp_path: Path) -> None:
    seen: list[int] = []
    there = dg.AssetIn(input_manager_key="files", metadata={"allow_missing_partitions": True})

    @dg.asset(ins={"prices": there})
    def all_days(prices: pads.Dataset) -> None:
        seen.append(prices.count_rows())

    write_file(TABLE, tmp_path / "prices" / "2024-01-02.parquet")
    assert _materialize(tmp_path, PRICES, all_days).success
    assert seen == [2]


def test_examples_take_reports_in_every_form(tmp_path: Path) -> None:
    routes = pa.table(
        {"origin": ["JFK", "JFK", "EWR"], "dest": ["a", "b", "c"], "flights": [3, 2, 1], "miles": [1, 9, 5]}
    )
    day = pa.table({"carrier": ["AA", "UA"], "scheduled": [3, 2], "cancelled": [3, 0]})
    write_file(routes, tmp_path / "reporting" / "busiest_routes.parquet")
    write_file(day, tmp_path / "reporting" / "daily_departures" / "2013-01-01.parquet")
    departures = dg.AssetSpec(
        ["reporting", "daily_departures"], partitions_def=dg.DailyPartitionsDefinition("2013-01-01", "2013-01-03")
    )
    resources = {"parquet_io_manager": ParquetIOManager(folder=str(tmp_path))}
    reports = [departures, dg.AssetSpec(["reporting", "busiest_routes"])]
    definitions = with_examples(dg.Definitions(assets=reports, resources=resources))
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process()
    assert result.asset_value(["examples", "longest_routes"])["dest"].tolist() == ["b", "c", "a"]
    assert result.asset_value(["examples", "busiest_origins"])["flights_sum"].to_pylist() == [5, 1]
    (event,) = result.asset_materializations_for_node("examples__cancellations")
    assert event.metadata["carriers"].value == 1
    fewer = with_examples(dg.Definitions(assets=[departures], resources=resources))
    assert fewer.resolve_asset_graph().executable_asset_keys == {dg.AssetKey(["examples", "cancellations"])}


def test_anything_else_is_refused_by_name(tmp_path: Path) -> None:
    @dg.asset(io_manager_key="files")
    def text() -> str:
        return "not a table"

    result = dg.materialize([text], resources={"files": ParquetIOManager(folder=str(tmp_path))}, raise_on_error=False)
    failure = result.failure_data_for_node("text")
    assert failure is not None
    assert "a str cannot be stored as Parquet" in failure.error_display_string
    assert not list(tmp_path.rglob("*.parquet*"))
