"""Python assets downstream of reports: what to copy when a report feeds Python.

Each takes a report of the sample in another form: its annotation decides which.
"""

from collections.abc import Iterable

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pads

_FILES = "parquet_io_manager"
_GROUP = "examples"


@dg.asset(
    key=["examples", "longest_routes"],
    group_name=_GROUP,
    ins={"routes": dg.AssetIn(key=["reporting", "busiest_routes"], input_manager_key=_FILES)},
    io_manager_key=_FILES,
    kinds={"pandas"},
)
def longest_routes(routes: pd.DataFrame) -> pd.DataFrame:
    """The five longest of the busiest routes: a report as a data frame of pandas, and one kept as Parquet again."""
    return routes.sort_values("miles", ascending=False).head(5)


@dg.asset(
    key=["examples", "busiest_origins"],
    group_name=_GROUP,
    ins={"routes": dg.AssetIn(key=["reporting", "busiest_routes"], input_manager_key=_FILES)},
    io_manager_key=_FILES,
    kinds={"arrow"},
)
def busiest_origins(routes: pa.Table) -> pa.Table:
    """Flights on the busiest routes by origin: a report as an Arrow table, with the types that the server gave it."""
    return routes.group_by("origin").aggregate([("flights", "sum")]).sort_by([("flights_sum", "descending")])


@dg.asset(
    key=["examples", "cancellations"],
    group_name=_GROUP,
    ins={
        "days": dg.AssetIn(
            key=["reporting", "daily_departures"],
            input_manager_key=_FILES,
            metadata={"allow_missing_partitions": True},
        )
    },
    kinds={"arrow"},
)
def cancellations(days: pads.Dataset | None) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Days and carriers on which every flight was cancelled: all partitions of a report as one lazy scan.

    Columns and rows that nobody asks for are not read.
    """
    if days is None:
        return dg.MaterializeResult(metadata={"carriers": 0})
    grounded = days.to_table(columns=["carrier"], filter=pc.field("cancelled") == pc.field("scheduled"))
    return dg.MaterializeResult(metadata={"carriers": grounded.num_rows})


def with_examples(definitions: dg.Definitions) -> dg.Definitions:
    """Give definitions with the examples whose reports are in them; none where the sample's SQL files are gone."""
    keys = {key for asset in definitions.assets or () for key in _keys(asset)}
    examples = [each for each in (longest_routes, busiest_origins, cancellations) if set(each.dependency_keys) <= keys]
    return dg.Definitions.merge(definitions, dg.Definitions(assets=examples))


def _keys(asset: object) -> Iterable[dg.AssetKey]:
    if isinstance(asset, dg.AssetSpec):
        return [asset.key]
    return asset.keys if isinstance(asset, dg.AssetsDefinition) else ()
