"""Kept results in the type that a downstream asset asks for."""

from collections.abc import Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
from pyarrow.fs import FSSpecHandler, PyFileSystem
from upath import UPath

_LOCAL = ("", "file", "local")


def wants_mapping(wanted: Any) -> bool:
    """Whether an annotation is a mapping of partition keys: `dict[str, pa.Table]`, or `dict`."""
    return any((get_origin(each) or each) in (dict, Mapping) for each in _alternatives(wanted))


def wanted_of_each(wanted: Any) -> Any:
    """Give what a mapping's annotation wants of each partition."""
    found = next(each for each in _alternatives(wanted) if wants_mapping(each))
    arguments = get_args(found)
    return arguments[1] if len(arguments) == 2 else Any


def load(paths: Sequence[UPath], wanted: Any) -> Any:
    """Read one result from files: one file, or that of each partition, as one.

    Args:
        paths: The files.
        wanted: `pa.Table`, `pyarrow.dataset.Dataset` (nothing is read until it is asked for), `pa.RecordBatchReader`,
            `polars.LazyFrame`, `polars.DataFrame`; a `pandas.DataFrame` is what everything else gets.

    Raises:
        FileNotFoundError: A file is not there.
    """
    dataset = _dataset(paths)
    for kind in _alternatives(wanted):
        if kind is pa.Table:
            return dataset.to_table()
        if kind is pa.RecordBatchReader:
            return dataset.scanner().to_reader()
        if isinstance(kind, type) and issubclass(kind, pads.Dataset):
            return dataset
        if str(getattr(kind, "__module__", "")).startswith("polars."):
            return _polars(dataset, kind)
    frame: pd.DataFrame = dataset.to_table().to_pandas()
    return frame


def _polars(dataset: Any, kind: Any) -> Any:
    import polars as pl

    return pl.scan_pyarrow_dataset(dataset) if kind is pl.LazyFrame else pl.from_arrow(dataset.to_table())


def _dataset(paths: Sequence[UPath]) -> Any:
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(
                f"{path} is not there: the asset, or this partition of it, has not been materialized. Materialize it first."
            )
    local = paths[0].protocol in _LOCAL
    files = [str(path) if local else path.path for path in paths]
    system = None if local else PyFileSystem(FSSpecHandler(paths[0].fs))
    schema = _schema(files, system) if len(files) > 1 else None
    return pads.dataset(files, schema=schema, format="parquet", filesystem=system)


def _schema(files: Sequence[str], system: Any) -> Any:
    """Give the types that hold the values of every file: a numeric without a scale has in each the narrowest."""
    schemas = [pq.read_schema(file, filesystem=system) for file in files]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowTypeError as error:
        raise TypeError(
            f"The partitions cannot be read as one: {error}. Ask for a dict of them, or materialize them anew."
        ) from error


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in (Union, UnionType):
        return tuple(each for each in get_args(annotation) if each is not type(None))
    return (annotation,)
