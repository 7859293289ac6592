"""Results as Parquet files that downstream assets read."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import dagster as dg
import pandas as pd
import pyarrow as pa
from pydantic import Field
from upath import UPath

from cockroach_pipelines.execution import StagedResult, write_file
from cockroach_pipelines.orchestration.loading import load, wanted_of_each, wants_mapping

Storable: TypeAlias = StagedResult | pa.Table | pd.DataFrame


class ParquetFiles(dg.UPathIOManager):
    """One Parquet file per asset, or per partition of an asset: `<folder>/reporting/daily_flights/2013-01-31.parquet`.

    What an asset gives may be a staged result, a `pyarrow.Table`, a `pandas.DataFrame`, or a mapping of these by
    partition key. A file is written beside its place and renamed.

    A downstream asset gets what its annotation asks for: a `pandas.DataFrame`, a `pyarrow.Table`, a
    `pyarrow.RecordBatchReader`, a `pyarrow.dataset.Dataset` of which only what is asked for is read, or a
    `polars.LazyFrame` or `polars.DataFrame` where polars is installed; a data frame of pandas without one. Of several
    partitions it gets one of these over all of them, or a `dict` of them by partition key where it asks for one, or for
    nothing.
    """

    extension = ".parquet"

    def handle_output(self, context: dg.OutputContext, obj: Storable | Mapping[str, Storable]) -> None:
        """Write what an asset gave; a run over several partitions gives them by key."""
        if not isinstance(obj, Mapping):
            super().handle_output(context, obj)
            return
        paths = self._get_paths_for_partitions(context)
        for key, part in obj.items():
            self.make_directory(paths[key].parent)
            self.dump_to_path(context, part, paths[key])
        context.add_output_metadata({"path": dg.MetadataValue.path(str(self._get_path_without_extension(context)))})

    def dump_to_path(self, context: dg.OutputContext, obj: Storable, path: UPath) -> None:
        """Write one file."""
        if isinstance(obj, StagedResult):
            obj.publish(path)
        elif isinstance(obj, pa.Table | pd.DataFrame):
            write_file(obj, path)
        else:
            raise TypeError(
                f"a {type(obj).__name__} cannot be stored as Parquet: give a pyarrow.Table or a pandas.DataFrame"
            )

    def load_input(self, context: dg.InputContext) -> Any:
        """Read what a downstream asset depends on."""
        wanted = context.dagster_type.typing_type
        if not context.has_asset_key or not context.has_asset_partitions:
            return super().load_input(context)
        several = len(context.asset_partition_keys) != 1
        if wants_mapping(wanted) or (several and wanted in (Any, None)):
            found = self.load_partitions(context)
            return found if several else {context.asset_partition_keys[0]: found}
        paths = self._get_paths_for_partitions(context)
        if (context.definition_metadata or {}).get("allow_missing_partitions"):
            paths = {key: path for key, path in paths.items() if self.path_exists(path)}
        return load(list(paths.values()), wanted) if paths else None

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Any:
        """Read one file in the type that the downstream asset asks for."""
        wanted = context.dagster_type.typing_type
        return load([path], wanted_of_each(wanted) if wants_mapping(wanted) else wanted)


class ParquetIOManager(dg.ConfigurableIOManagerFactory[ParquetFiles]):
    """Keeps results as Parquet files below a folder; see `ParquetFiles`."""

    folder: str = Field(description="Where the files are kept.")

    def create_io_manager(self, context: dg.InitResourceContext) -> ParquetFiles:
        """Give the IO manager."""
        return ParquetFiles(UPath(self.folder))
