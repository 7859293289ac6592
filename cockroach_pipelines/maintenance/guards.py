"""What is looked at on the server before a batch job touches anything."""

from __future__ import annotations

from collections.abc import Sequence

from cockroach_pipelines.config import did_you_mean
from cockroach_pipelines.maintenance.batches import PAGED_TYPES, plain_type
from cockroach_pipelines.maintenance.catalogue import Column, Index, TableShape
from cockroach_pipelines.maintenance.errors import GuardError
from cockroach_pipelines.queries import Batch


def key_columns(batch: Batch, shape: TableShape) -> tuple[Column, ...]:
    """Give the columns of a file's key.

    Raises:
        GuardError: The table has no such column.
    """
    for name in batch.rules.key:
        if name not in shape.columns:
            raise GuardError(
                f"{batch.rules.table} has no column {name!r}.",
                place=batch.place("key"),
                advice=did_you_mean(name, shape.columns),
            )
    return tuple(shape.columns[name] for name in batch.rules.key)


def index_of_key(batch: Batch, shape: TableShape) -> Index:
    """Give an index that begins with a file's key.

    Raises:
        GuardError: There is none: every batch would read the whole table and sort it.
    """
    index = shape.index_of(batch.rules.key)
    if index is not None:
        return index
    key = ", ".join(batch.rules.key)
    raise GuardError(
        f"No index of {batch.rules.table} begins with {key}: every batch would read the whole table.",
        place=batch.place("key"),
        advice=f"{_alternatives(batch.rules.key, shape)}, or CREATE INDEX ON {batch.rules.table} ({key}).",
    )


def _alternatives(key: Sequence[str], shape: TableShape) -> str:
    for index in shape.indexes:
        if index.unusable and index.columns[: len(key)] == tuple(key):
            return f"{index.name} does not give that order, since {index.unusable}: name another key"
    usable = sorted({f"[{', '.join(index.columns)}]" for index in shape.indexes if not index.unusable})
    return f"Name the first columns of one of {', '.join(usable)}" if usable else "Name the key of another table"


def refuse_null_keys(batch: Batch, found: bool) -> None:
    """Refuse a job whose condition is true for rows without a key, which no batch would find.

    Raises:
        GuardError: There are some.
    """
    if found:
        key = ", ".join(batch.rules.key)
        raise GuardError(
            f"Rows that the condition is true for have NULL in {key}: no batch would find them.",
            place=batch.place("key"),
            advice=f"Name a key that is never NULL, or add {' AND '.join(f'{name} IS NOT NULL' for name in batch.rules.key)}"
            " to the condition and treat those rows apart.",
        )


def refuse_key_for_paging(batch: Batch, key: Sequence[Column], shape: TableShape) -> None:
    """Refuse a key by which a statement cannot page by itself without leaving rows behind.

    Raises:
        GuardError: It may be NULL, is not unique, or has a type or an order that cannot be followed.
    """
    narrowed = "Write the statement without :after_… and :batch_size: it is narrowed to its batches then."
    for column in key:
        if column.nullable:
            reason = f"{column.name} may be NULL, and nothing is after NULL"
        elif plain_type(column.type) not in PAGED_TYPES:
            reason = f"{column.name} is of type {column.type}"
        elif not column.bytewise:
            reason = f"{column.name} is text of a language's order, and not of its bytes'"
        else:
            continue
        raise GuardError(f"A statement cannot page by this key: {reason}.", place=batch.place("key"), advice=narrowed)
    if not shape.is_unique(batch.rules.key):
        raise GuardError(
            f"A statement cannot page by this key: several rows may have the same {', '.join(batch.rules.key)}, and some "
            "of them would be left behind.",
            place=batch.place("key"),
            advice=f"Name a unique key. {narrowed}",
        )


def most_rows(batch: Batch, shape: TableShape, estimated: int | None) -> int | None:
    """Give how many rows the limit on the share of the table allows; None where there is no such limit.

    Raises:
        GuardError: The job would touch more by the server's estimate, or nobody knows how large the table is.
    """
    share = batch.rules.limits.share_of_table
    if share is None:
        return None
    table = batch.rules.table
    if shape.rows is None:
        raise GuardError(
            f"Nobody knows what share of {table} this is: the server has no statistics of it.",
            place=batch.place("limits"),
            advice=f"Run ANALYZE {table}, or remove share_of_table.",
        )
    allowed = int(share * shape.rows)
    if estimated is not None and estimated > allowed:
        raise GuardError(
            f"This is about {estimated:,} of {shape.rows:,} rows of {table}, {estimated / max(1, shape.rows):.0%}, and "
            f"`share_of_table` allows {share:.0%}.",
            place=batch.place("limits"),
            advice=f"Narrow the condition, or raise share_of_table. After large changes run ANALYZE {table} first.",
        )
    return allowed
