"""Results as Parquet files that downstream assets read."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field
from upath import UPath

from cockroach_pipelines.execution import StagedResult, write_file

Storable: TypeAlias = StagedResult | pa.Table | pd.DataFrame


class ParquetFiles(dg.UPathIOManager):
    """One Parquet file per asset, or per partition of an asset: `<folder>/reporting/daily_flights/2013-01-31.parquet`.

    What an asset gives may be a staged result, a `pyarrow.Table`, a `pandas.DataFrame`, or a mapping of these by
    partition key. A downstream asset gets a `pandas.DataFrame` unless it asks for a `pyarrow.Table`; of several
    partitions it gets a mapping by key. A file is written beside its place and renamed.
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

    def load_from_path(self, context: dg.InputContext, path: UPath) -> Any:
        """Read one file in the type that the downstream asset asks for."""
        table = pq.read_table(str(path))
        wanted = context.dagster_type.typing_type
        return table if pa.Table in (wanted, *getattr(wanted, "__args__", ())) else table.to_pandas()


class ParquetIOManager(dg.ConfigurableIOManagerFactory[ParquetFiles]):
    """Keeps results as Parquet files below a folder; see `ParquetFiles`."""

    folder: str = Field(description="Where the files are kept.")

    def create_io_manager(self, context: dg.InitResourceContext) -> ParquetFiles:
        """Give the IO manager."""
        return ParquetFiles(UPath(self.folder))
