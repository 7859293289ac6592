"""The statements that a reconciliation runs on one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cockroach_pipelines.reconciliation.columns import ColumnMap, Pair, literal
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.hashing import hash_sql
from cockroach_pipelines.reconciliation.matching import value_column
from cockroach_pipelines.reconciliation.meanings import by_meaning
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.segments import NumberedSegments, Run, Segments
from cockroach_pipelines.reconciliation.spec import HashKind, ReconciliationSpec

_SAMPLE_BUCKETS = 1 << 20
_RUN = '"number of the run"'  # beside the relation's own columns


@dataclass(frozen=True)
class SQLText:
    """A statement with `?` for each of its parameters."""

    text: str
    parameters: tuple[object, ...] = ()

    def limited(self, most: int | None) -> SQLText:
        """Give the same of at most so many rows, or itself."""
        return self if most is None else replace(self, text=f"{self.text} LIMIT {most}")


@dataclass(frozen=True)
class Statements:
    """Writes the statements of one side.

    Attributes:
        relation: What is read.
        columns: What is compared.
        spec: What was asked.
        side: How this side writes SQL.
        kind: The kind of hash that both sides have in common.
        distinct: Whether no two rows of a side can be the same, as where its key is unique.
    """

    relation: Relation
    columns: ColumnMap
    spec: ReconciliationSpec
    side: SideSQL
    kind: HashKind
    distinct: bool = False

    def checksums(self, segments: NumberedSegments, runs: Sequence[Run]) -> SQLText:
        """Count the rows of each segment and put their hashes together, in one scan."""
        row_hash = hash_sql(self.kind, self.columns.all, self.side)
        inner = f"SELECT {segments.number(self.side)} AS segment, {row_hash} AS h"
        source = self.source(segments.condition(runs, self.side))
        return SQLText(
            f"SELECT segment, count(*) AS n, {self._together}(h)::text AS s FROM ({inner}{source.text}) AS x GROUP BY segment",
            source.parameters,
        )

    def hashes(self, segments: Segments, runs: Sequence[Run]) -> SQLText:
        """Give 64 bits of the key and the hash of each row."""
        row_hash = hash_sql(self.kind, self.columns.all, self.side)
        source = self.source(segments.condition(runs, self.side))
        return SQLText(f"SELECT {self.key_bits} AS k, {row_hash} AS h{source.text}", source.parameters)

    def key_hashes(self, segments: Segments, runs: Sequence[Run]) -> SQLText:
        """Give 64 bits of the key of each row: where there is no key, of the row."""
        source = self.source(segments.condition(runs, self.side))
        return SQLText(f"SELECT {self.key_bits} AS k{source.text}", source.parameters)

    def hashed_rows(self, segments: Segments, runs: Sequence[Run], key_bits: Any = None) -> SQLText:
        """Give what `rows` does, and 64 bits of the key as `k`."""
        condition = segments.condition(runs, self.side)
        if key_bits is not None:
            # As a relation of their own: one array would be searched from its start for each row, but for PostgreSQL 14.
            numbers = ",".join(map(str, key_bits.tolist()))
            condition = f"{self.key_bits} IN (SELECT unnest('{{{numbers}}}'::int8[]))"
        source = self.source(condition)
        return SQLText(f"SELECT {self.key_bits} AS k, {self.texts}{source.text}", source.parameters)

    def hashes_of_each(self, segments: Segments, runs: Sequence[Run]) -> SQLText:
        """Give what `hashes` does and the number of the run as `run`, by a SELECT for each run.

        Of ranges of rows joined by OR, PostgreSQL's planner expects too much, and reads the whole table.
        """
        row_hash = hash_sql(self.kind, self.columns.all, self.side)
        parts = [self.source(segments.condition([run], self.side)) for run in runs]
        rows = " UNION ALL ".join(f"(SELECT {n} AS {_RUN}, r.*{part.text})" for n, part in enumerate(parts))
        parameters = tuple(parameter for part in parts for parameter in part.parameters)
        return SQLText(
            f"SELECT {self.key_bits} AS k, {row_hash} AS h, {_RUN}::int8 AS run FROM ({rows}) AS r", parameters
        )

    def written(self, segments: Segments, runs: Sequence[Run]) -> SQLText:
        """Give every compared column of each row, to be read as CSV, which then holds what `rows` gives."""
        values = ", ".join(
            f"{self.side.written(pair)} AS {value_column(position)}" for position, pair in enumerate(self.columns.all)
        )
        source = self.source(segments.condition(runs, self.side))
        return SQLText(f"SELECT {values}{source.text}", source.parameters)

    def rows(self, segments: Segments | None, runs: Sequence[Run], key_bits: Any = None) -> SQLText:
        """Give every compared column of each row as text, of the rows with these bits of the key or of all."""
        conditions = [segments.condition(runs, self.side)] if segments else []
        if key_bits is not None:
            conditions.append(self._has_key_bits(key_bits))
        source = self.source(" AND ".join(f"({each})" for each in conditions) or "true")
        return SQLText(f"SELECT {self.texts}{source.text}", source.parameters)

    def rows_of(self, keys: Sequence[Sequence[str | None]]) -> SQLText:
        """Give every compared column of the rows with these keys."""
        names = [self.side.typed(pair) for pair in self.columns.key]
        source = self.source(key_condition(keys, self.columns.key, names))
        return SQLText(f"SELECT {self.texts}{source.text}", source.parameters)

    def count(self, at_most: int | None = None) -> SQLText:
        """Count the rows, of many at most so many."""
        source = self.source("true")
        limit = f" LIMIT {at_most}" if at_most is not None else ""
        return SQLText(f"SELECT count(*) AS n FROM (SELECT 1 AS one{source.text}{limit}) AS x", source.parameters)

    def key_range(self) -> SQLText:
        """Give the lowest and the highest key."""
        key = self.side.value(self.columns.key[0])
        source = self.source("true")
        return SQLText(f"SELECT min({key})::text AS low, max({key})::text AS high{source.text}", source.parameters)

    def blocks(self) -> SQLText:
        """Count the blocks of a PostgreSQL table."""
        table = literal(self.relation.table or "")
        return SQLText(f"SELECT pg_relation_size({table}::regclass) / current_setting('block_size')::int8 AS n")

    def keys_of_blocks(self, blocks: Sequence[int], pairs: Sequence[Pair]) -> SQLText:
        """Give texts of columns that make the key, from these blocks of a PostgreSQL table, in order and without NULL."""
        keys = [self.side.value(pair) for pair in pairs]
        known = " AND ".join(f"{key} IS NOT NULL" for key in keys)
        # Constants, and a fence before the order: else every row of the table would be looked up among them.
        places = ",".join(f'"({block},{number})"' for block in blocks for number in (1, 2))
        source = self.source(f"r.ctid = ANY ('{{{places}}}'::tid[]) AND {known}")
        inner = ", ".join(f"{key} AS k{place}" for place, key in enumerate(keys))
        texts = ", ".join(f"k{place}::text AS {value_column(place)}" for place in range(len(keys)))
        order = ", ".join(
            f"k{place}" + (' COLLATE "C"' if pair.family is Family.TEXT else "") for place, pair in enumerate(pairs)
        )
        return SQLText(
            f"SELECT {texts} FROM (SELECT {inner}{source.text} OFFSET 0) AS x ORDER BY {order}", source.parameters
        )

    @property
    def _together(self) -> str:
        # Two rows that are the same cancel each other out; where there are none, bits that need no place of their own
        # beside a group's are a fifth faster than a sum of 128 bits.
        return "bit_xor" if self.distinct and self.kind is HashKind.NATIVE18 else "sum"

    @property
    def key_bits(self) -> str:
        """An expression of 64 bits of the key: itself where it is one integer, else a hash."""
        if is_integer_key(self.columns):
            return f"coalesce({self.side.value(self.columns.key[0])}::int8, 0)"
        return hash_sql(self.kind, hashed_key(self.columns), self.side)

    @property
    def texts(self) -> str:
        """All compared columns as text."""
        return ", ".join(
            f"{self.side.text(pair)} AS {value_column(position)}" for position, pair in enumerate(self.columns.all)
        )

    def source(self, condition: str) -> SQLText:
        """Give FROM and WHERE of the relation, narrowed by a condition."""
        return source_of(self.relation, self.spec, self._sampled(condition))

    def _sampled(self, condition: str) -> str:
        if self.spec.sample is None:
            return condition
        hashed = hash_sql(self.kind, hashed_key(self.columns), self.side)
        threshold = max(1, round(self.spec.sample * _SAMPLE_BUCKETS))
        # Other bits than those that choose a bucket.
        return f"({condition}) AND ((({hashed}) >> 40) & {_SAMPLE_BUCKETS - 1}) < {threshold}"

    def _has_key_bits(self, bits: Any) -> str:
        numbers = ",".join(map(str, bits.tolist()))
        if is_integer_key(self.columns):
            key = self.side.value(self.columns.key[0])
            return f"{key} = ANY ('{{{numbers}}}'::int8[])" + (f" OR {key} IS NULL" if 0 in bits else "")
        return f"{self.key_bits} = ANY ('{{{numbers}}}'::int8[])"


def key_condition(keys: Sequence[Sequence[str | None]], pairs: Sequence[Pair], names: Sequence[str]) -> str:
    """Give an SQL condition that is true for rows with one of these keys, and possibly for others that equal them there.

    Literals have no type of their own, so each takes that of the column: no cast can cut it off.
    """
    names = [
        f"({name})::text" if pair.family is Family.OTHER and not pair.equals_literals else name
        for name, pair in zip(names, pairs, strict=True)
    ]
    full = [key for key in keys if None not in key]
    parts = []
    if full:
        rows = ", ".join(
            f"({', '.join(value_literal(value, pair) for value, pair in zip(key, pairs, strict=True))})" for key in full
        )
        parts.append(f"({', '.join(names)}) IN ({rows})")
    for key in keys:
        if None in key:
            tests = [
                f"{name} IS NULL" if value is None else f"{name} = {value_literal(value, pair)}"
                for name, value, pair in zip(names, key, pairs, strict=True)
            ]
            parts.append(" AND ".join(tests))
    return " OR ".join(f"({part})" for part in parts) or "false"


def value_literal(value: str | None, pair: Pair) -> str:
    """Write a value's text, as `SideSQL.text` gives it, as a literal without a type."""
    if value is None:
        return "NULL"
    if pair.family is Family.INTEGER:
        return f"({value})" if value.startswith("-") else value
    return literal(f"\\x{value}" if pair.family is Family.BYTES else value)


def source_of(relation: Relation, spec: ReconciliationSpec, condition: str) -> SQLText:
    """Give FROM and WHERE of a relation, narrowed by a condition."""
    conditions = [f"({each})" for each in (relation.where, spec.where) if each]
    conditions += [f"({condition})"] if condition != "true" else []
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    parameters = [*relation.parameters, *relation.where_parameters, *(spec.where_parameters if spec.where else ())]
    return SQLText(f" FROM {relation.origin}{where}", tuple(parameters))


def is_integer_key(columns: ColumnMap) -> bool:
    """Whether the key is a single integer on both sides."""
    (first, *others) = columns.key
    return not columns.keyless and not others and first.family is Family.INTEGER


def is_hashed_whole(columns: ColumnMap) -> bool:
    """Whether rows have no key, and their hashes cover all of them: equal ones are of equal rows."""
    return columns.keyless and hashed_key(columns) == columns.key


def hashed_key(columns: ColumnMap) -> tuple[Pair, ...]:
    """Give the key's columns that a hash may cover: those whose equal values have equal hashes.

    JSON and arrays, which only whole rows without a key have, are left to the comparison of rows; where there is nothing
    else, they are hashed by their meaning.
    """
    exact = tuple(pair for pair in columns.key if pair.family not in (Family.JSON, Family.ARRAY))
    return exact or tuple(map(by_meaning, columns.key))


def join_statement(source: Statements, target: Statements, segments: Segments, runs: Sequence[Run]) -> SQLText:
    """Let one database join both sides by a unique key, and give the rows that differ, the source's columns first."""
    columns = source.columns
    froms: list[str] = []
    selected: list[str] = []
    parameters: list[object] = []
    sides = [replace(each.side, alias=alias) for each, alias in ((source, "s"), (target, "t"))]
    for statements, side, first in zip((source, target), sides, (0, len(columns.all)), strict=True):
        rows = statements.source(segments.condition(runs, statements.side))
        froms.append(f"(SELECT r.*{rows.text}) AS {side.alias}")
        parameters += rows.parameters
        # Above the join: only rows that differ become text.
        selected += [
            f"{side.text(pair)} AS {value_column(position)}" for position, pair in enumerate(columns.all, first)
        ]
    present = [f"{side.value(columns.key[0])} IS NOT NULL" for side in sides]
    on = " AND ".join(" = ".join(side.comparable(pair) for side in sides) for pair in columns.key)
    differ = [" IS DISTINCT FROM ".join(side.comparable(pair) for side in sides) for pair in columns.values]
    where = " OR ".join([*(f"NOT ({each})" for each in present), *differ])
    return SQLText(
        f"SELECT {present[0]} AS in_source, {present[1]} AS in_target, {', '.join(selected)} "
        f"FROM {froms[0]} FULL JOIN {froms[1]} ON {on} WHERE {where}",
        tuple(parameters),
    )
