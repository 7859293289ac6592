"""Results as files: Parquet, CSV and Arrow IPC, on a local disk or any file system that fsspec knows."""

from cockroach_pipelines.config.file_errors import FileWriteError, writing
from cockroach_pipelines.execution.files.batches import unique_names
from cockroach_pipelines.execution.files.destination import AnyPlace, Destination
from cockroach_pipelines.execution.files.fitting import is_unscaled_numeric
from cockroach_pipelines.execution.files.formats import ENDINGS, FileWriter, ending_of, writer_for
from cockroach_pipelines.execution.files.sink import LocalFile
from cockroach_pipelines.execution.files.spilling import SpillFile
from cockroach_pipelines.execution.files.staging import staging
from cockroach_pipelines.execution.files.write import WrittenFile, encoding, write_file

__all__ = [
    "ENDINGS",
    "AnyPlace",
    "Destination",
    "FileWriteError",
    "FileWriter",
    "LocalFile",
    "SpillFile",
    "WrittenFile",
    "encoding",
    "ending_of",
    "is_unscaled_numeric",
    "staging",
    "unique_names",
    "write_file",
    "writer_for",
    "writing",
]
