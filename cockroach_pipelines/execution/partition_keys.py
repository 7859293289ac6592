"""The keys that a query gives for the partitions of a file."""

from __future__ import annotations

import pyarrow as pa

from cockroach_pipelines.config import PipelinesError, Place
from cockroach_pipelines.database import Transaction
from cockroach_pipelines.database.arrow import ArrowStream
from cockroach_pipelines.execution.query_executor import QueryExecutor, Snapshot
from cockroach_pipelines.execution.session import located
from cockroach_pipelines.queries import Query
from cockroach_pipelines.queries.headers import MOST_KEYS
from cockroach_pipelines.queries.parsing import Statement

_SECONDS = 30.0


class PartitionKeysError(PipelinesError):
    """A query does not give what can be the keys of partitions."""


def read_partition_keys(executor: QueryExecutor, query: Query, statement: Statement) -> list[str]:
    """Ask the database for the keys of a file's partitions: the texts of a query's only column, each once, without NULL.

    Raises:
        StatementError: The server refused the query or ended it.
        PartitionKeysError: It has several columns, or gives more keys than Dagster can hold.
    """
    header = query.header
    asked = Transaction(read_only=True, timeout=header.timeout or _SECONDS, timezone=header.effective_timezone)

    def read(snapshot: Snapshot) -> list[str]:
        with snapshot.narrator.statement(f"{statement.path.name}: keys") as tally, located(statement, numbered=False):
            stream = snapshot.read(statement, special="text")
            with stream:
                keys = _keys(stream, statement)
            tally.rows = len(keys)
        return keys

    return executor.run(header.connection, read, asked, staged=True, retries=header.retries)


def _keys(stream: ArrowStream, statement: Statement) -> list[str]:
    place = Place(statement.path, statement.first_line, None)
    if len(stream.schema.names) != 1:
        raise PartitionKeysError(
            f"The query of the keys gives {len(stream.schema.names)} columns, and a key is one value.",
            place=place,
            advice="Select one column.",
        )
    keys: dict[str, None] = {}
    for batch in stream:
        keys |= dict.fromkeys(batch.column(0).drop_null().cast(pa.string()).to_pylist())
        if len(keys) > MOST_KEYS:
            raise PartitionKeysError(
                f"The query of the keys gives more than {MOST_KEYS:,} of them, which is as many as Dagster can hold.",
                place=place,
                advice="Partition by something coarser.",
            )
    return list(keys)
