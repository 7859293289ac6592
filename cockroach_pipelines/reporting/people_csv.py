"""CSV that people open in a spreadsheet, and that no spreadsheet takes for formulas.

The rule: a text that begins with one of = + - @, a tab or a line break, or their wide forms, and one that begins with an
apostrophe, gets an apostrophe before it; so do names of columns. Whoever takes one apostrophe off every text that begins
with one has the text as it was. Numbers, dates and all other values are as in the exact CSV.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cockroach_pipelines.execution import write_file

_RISKY = r"^['=+\-@\t\r\n＝＋－＠]"


def write_people_csv(source: Path, destination: Path) -> None:
    """Write the rows of a Parquet file as harmless CSV.

    Raises:
        FileWriteError: It cannot be written.
    """
    with pq.ParquetFile(source) as file:
        names = harmless(pa.record_batch({"names": pa.array(file.schema_arrow.names, pa.string())}))[
            "names"
        ].to_pylist()
        schema = pa.schema([field.with_name(name) for field, name in zip(file.schema_arrow, names, strict=True)])
        batches = (harmless(batch).rename_columns(names).cast(schema) for batch in file.iter_batches())
        write_file(pa.RecordBatchReader.from_batches(schema, batches), destination)


def harmless(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Give a batch whose texts no spreadsheet takes for formulas."""
    return pa.RecordBatch.from_arrays([_harmless(column) for column in batch.columns], schema=batch.schema)


def _harmless(column: pa.Array) -> pa.Array:
    if not pa.types.is_string(column.type):
        return column
    risky = pc.match_substring_regex(column, _RISKY)
    return pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)
