"""SQL for CockroachDB, which cannot be run here: the parser reads it, and its text is what was reviewed.

Run with `SNAPSHOTS=write` to write the texts anew after a change, and read the difference.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from cockroach_pipelines.database import Dialect, ServerVersion
from cockroach_pipelines.execution import Activity
from cockroach_pipelines.queries import SQLParser, StatementKind
from cockroach_pipelines.reconciliation import HashKind, ReconciliationError, ReconciliationSpec, Relation
from cockroach_pipelines.reconciliation.catalogue import (
    cockroachdb_columns_sql,
    cockroachdb_keys_sql,
    cockroachdb_statistics_sql,
)
from cockroach_pipelines.reconciliation.columns import Column, ColumnMap, Pair, RelationShape, map_columns
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.hashing import kinds_for
from cockroach_pipelines.reconciliation.probe import probe_sql
from cockroach_pipelines.reconciliation.segments import (
    GridSegments,
    HashSegments,
    IntegerSegments,
    RangeSegments,
    RowSegments,
)
from cockroach_pipelines.reconciliation.sides import Snapshots
from cockroach_pipelines.reconciliation.statements import Statements, hashed_key, join_statement
from cockroach_pipelines.reconciliation.suspects import hashes_of

SNAPSHOTS = Path(__file__).with_name("snapshots")
COCKROACHDB, POSTGRESQL = Dialect.COCKROACHDB, Dialect.POSTGRESQL

# The driver's names of CockroachDB's types.
TYPES = (
    "int2", "int4", "int8", "numeric", "float4", "float8", "bool", "text", "varchar", "bpchar", "date", "time", "timetz", "timestamp",
    "timestamptz", "interval", "uuid", "bytea", "jsonb", "inet", "varbit", "_text", "_int8",
)  # fmt: skip


def mapping(pg_type: str, *, nullable: bool = True, key: str = "int8") -> ColumnMap:
    shape = RelationShape(
        (Column("id", key, key, nullable=False), Column("v", pg_type, pg_type, nullable=nullable)), primary_key=("id",)
    )
    return map_columns(shape, shape, ReconciliationSpec())


def statements(
    columns: ColumnMap, kind: HashKind, dialect: Dialect = COCKROACHDB, *, is_source: bool = True
) -> Statements:
    spec = ReconciliationSpec(where="v IS NOT NULL")
    return Statements(Relation("main", "public.orders"), columns, spec, SideSQL(dialect, is_source), kind)


def is_a_select(text: str) -> bool:
    parsed = SQLParser().parse(text)
    return parsed.kind is StatementKind.SELECT and parsed.statement_count == 1 and not parsed.effects


def check_snapshot(name: str, text: str) -> None:
    path = SNAPSHOTS / f"{name}.sql"
    if os.environ.get("SNAPSHOTS") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text


@pytest.mark.parametrize("pg_type", TYPES)
def test_statements_for_a_column_of_each_type(pg_type: str) -> None:
    columns = mapping(pg_type)
    segments = IntegerSegments(columns.key[0], -5, 100, 10)
    texts = []
    for kind in (HashKind.FNV64, HashKind.MD5):
        written = statements(columns, kind)
        texts += [
            written.checksums(segments, [(0, 11)]).text,
            written.hashes(segments, [(2, 4), (10, 11)]).text,
        ]
    texts.append(statements(columns, HashKind.FNV64).rows(segments, [(0, 1)]).text)
    assert all(map(is_a_select, texts))
    check_snapshot(f"cockroachdb-{pg_type}", ";\n\n".join(texts) + ";\n")


@pytest.mark.parametrize("pg_type", TYPES)
def test_sides_of_a_mixed_pair_hash_the_same_text(pg_type: str) -> None:
    columns = mapping(pg_type)
    segments = HashSegments(columns.key, HashKind.MD5, 64)
    ours = statements(columns, HashKind.MD5, COCKROACHDB).checksums(segments, [(0, 65)])
    theirs = statements(columns, HashKind.MD5, POSTGRESQL, is_source=False).checksums(segments, [(0, 65)])
    assert ours == theirs


@pytest.mark.parametrize("key", ["uuid", "text", "timestamptz", "numeric", "bytea", "date"])
def test_keys_of_every_type_are_cut_into_segments(key: str) -> None:
    columns = mapping("text", key=key)
    texts = []
    for segments in (
        HashSegments(columns.key, HashKind.FNV64, 16),
        RangeSegments(columns.key[0], ("a'b", "c", "d")),
    ):
        runs = [(0, 1), (2, 3), (3, 5)]
        written = statements(columns, HashKind.FNV64)
        texts += [written.hashes(segments, runs).text, written.rows(segments, runs).text]
    texts += [
        statements(columns, HashKind.FNV64).rows_of([("x'y",), (None,)]).text,
        statements(columns, HashKind.FNV64).key_range().text,
        statements(columns, HashKind.FNV64).count(100).text,
    ]
    assert all(map(is_a_select, texts))
    assert not any("COLLATE" in text for text in texts)
    check_snapshot(f"cockroachdb-key-{key}", ";\n\n".join(texts) + ";\n")


def test_keys_of_several_columns_are_cut_into_ranges_of_rows() -> None:
    (first,), (second,) = mapping("text", key="uuid").key, mapping("text", key="text").key
    segments = RowSegments((first, second), (("00000000-0000-0000-0000-000000000001", "it's"), ("a", "b")))
    written = statements(mapping("text", key="uuid"), HashKind.FNV64)
    texts = [written.hashes(segments, runs).text for runs in ([(0, 1)], [(1, 2)], [(2, 4)], [(0, 4)])]
    assert all(map(is_a_select, texts))
    check_snapshot("cockroachdb-key-of-two", ";\n\n".join(texts) + ";\n")


def test_keys_of_two_integers_are_cut_into_a_grid() -> None:
    (pair,) = mapping("text").key
    segments = GridSegments(IntegerSegments(pair, 5, 1, 4), IntegerSegments(pair, -100, 250, 3))
    written = statements(mapping("text"), HashKind.FNV64)
    texts = [written.checksums(segments, [(0, 13)]).text, written.hashes(segments, [(0, 1), (2, 7), (11, 13)]).text]
    assert all(map(is_a_select, texts))
    check_snapshot("cockroachdb-key-grid", ";\n\n".join(texts) + ";\n")


def test_rows_without_a_key_are_found_again_by_hashes_of_their_values() -> None:
    texts = []
    for columns in (("jsonb",), ("int8", "text", "bytea", "bool", "timestamptz", "_int8", "jsonb")):
        shape = RelationShape(tuple(Column(f"c{place}", kind, kind) for place, kind in enumerate(columns)))
        written = statements(map_columns(shape, shape, ReconciliationSpec(key=())), HashKind.FNV64)
        rows = [('{"a": 1.0}',), (None,)]
        if len(columns) > 1:
            rows = [("-7", "it's", "00ff", "true", "2024-10-27 00:30:00+00", "{1,NULL}", "{}"), (None,) * 7]
        bits = np.array([-5, 7])
        texts += [hashes_of(rows, written).text, written.rows(None, (), bits).text]
    assert all(map(is_a_select, texts))
    check_snapshot("cockroachdb-without-a-key", ";\n\n".join(texts) + ";\n")


def test_join_is_read_by_the_parser() -> None:
    columns = mapping("jsonb")
    segments = IntegerSegments(columns.key[0], 0, 100, 10)
    text = join_statement(
        statements(columns, HashKind.FNV64), statements(columns, HashKind.FNV64, is_source=False), segments, [(1, 2)]
    ).text
    assert is_a_select(text)
    check_snapshot("cockroachdb-join", text + ";\n")


def test_questions_to_the_catalogue_and_the_probe_are_read_by_the_parser() -> None:
    texts = [
        cockroachdb_columns_sql("public", "it's"),
        cockroachdb_keys_sql(None, "orders"),
        cockroachdb_statistics_sql("public.orders"),
        probe_sql(HashKind.FNV64, SideSQL(COCKROACHDB, is_source=True)),
    ]
    for text in texts:
        assert SQLParser().parse(text).kind is StatementKind.SELECT
    check_snapshot("cockroachdb-catalogue", ";\n\n".join(texts) + ";\n")


def test_sampling_uses_other_bits_than_buckets() -> None:
    columns = mapping("text")
    spec = ReconciliationSpec(sample=0.25)
    written = Statements(Relation("main", "t"), columns, spec, SideSQL(COCKROACHDB, is_source=True), HashKind.FNV64)
    text = written.count().text
    assert is_a_select(text)
    assert ">> 40) & 1048575) < 262144" in text
    assert hashed_key(columns) == columns.key


class Session:
    """A connection to CockroachDB that writes down what it is told: no such server can be started here."""

    version = ServerVersion(COCKROACHDB, (25, 2, 1), "")

    def __init__(self) -> None:
        self.said: list[str] = []
        self.broken = False

    def begin(self, modes: Sequence[str], **settings: object) -> None:
        self.said.append(f"BEGIN {', '.join(modes)}")

    def execute(self, sql: str) -> None:
        self.said.append(sql)

    def query(self, sql: str) -> list[tuple[str]]:
        self.said.append(sql)
        return [("1700000000000000000.0000000001",)]

    def commit(self) -> None:
        self.said.append("COMMIT")

    def rollback(self) -> None:
        self.said.append("ROLLBACK")


@pytest.mark.parametrize("as_of", [None, "-10s", "follower_read_timestamp()"])
def test_both_sides_of_a_cluster_read_one_moment(as_of: str | None) -> None:
    snapshots = Snapshots(ReconciliationSpec(as_of=as_of), Activity())
    sessions = [Session() for _ in range(3)]
    snapshots.begin(sessions[:2])  # type: ignore[arg-type]
    snapshots.begin(sessions[2:])  # type: ignore[arg-type]
    begun = [[line for line in session.said if line.startswith("BEGIN")] for session in sessions]
    fixed = "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, AS OF SYSTEM TIME '1700000000000000000.0000000001'"
    first = {"-10s": "'-10s'", "follower_read_timestamp()": "follower_read_timestamp()"}.get(as_of or "")
    moment = f", AS OF SYSTEM TIME {first}" if first else ""
    assert begun[0] == [f"BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY{moment}", *([] if as_of else [fixed])]
    assert begun[1:] == [[fixed], [fixed]]
    assert {side.moment for side in snapshots.statements} == {"AS OF SYSTEM TIME 1700000000000000000.0000000001"}
    assert [side.shared_with_other_side for side in snapshots.statements] == [False, True]


@pytest.mark.parametrize("moment", ["-10s'; DROP TABLE t; --", "\\", "a\nb", "yesterday"])
def test_what_is_no_moment_never_reaches_the_server(moment: str) -> None:
    session = Session()
    with pytest.raises(ReconciliationError, match="is no moment"):
        Snapshots(ReconciliationSpec(as_of=moment), Activity()).begin([session])  # type: ignore[list-item]
    assert not any(moment in said for said in session.said)


def test_hash_is_the_cheapest_that_both_servers_have() -> None:
    cockroachdb = ServerVersion(COCKROACHDB, (25, 2, 1), "")
    postgresql, ancient = ServerVersion(POSTGRESQL, (15, 3), ""), ServerVersion(POSTGRESQL, (10, 1), "")
    newer = ServerVersion(POSTGRESQL, (18, 4), "")
    assert kinds_for(postgresql, newer)[0] is HashKind.NATIVE
    assert kinds_for(newer, newer) == (HashKind.NATIVE18, HashKind.NATIVE, HashKind.MD5)
    assert kinds_for(cockroachdb, cockroachdb)[0] is HashKind.FNV64
    assert kinds_for(cockroachdb, postgresql) == (HashKind.MD5,)
    assert kinds_for(ancient, postgresql) == (HashKind.MD5,)


def test_pairs_of_different_types_meet_in_a_type_that_loses_nothing() -> None:
    def pair(source: str, target: str) -> Pair:
        shapes = [RelationShape((Column("v", kind, kind), Column("k", "int8", "int8"))) for kind in (source, target)]
        return map_columns(*shapes, ReconciliationSpec(key=("k",))).values[0]

    side = SideSQL(COCKROACHDB, is_source=True)
    for source, target, typed in (
        ("int4", "int8", 'r."v"::int8'),
        ("int8", "numeric", 'r."v"::numeric'),
        ("float8", "numeric", 'r."v"::text::numeric'),
        ("float4", "float8", 'r."v"::float8'),
        ("timestamp", "timestamptz", "(r.\"v\"::timestamp AT TIME ZONE 'UTC')"),
        ("json", "jsonb", 'r."v"::jsonb'),
        ("int8", "text", 'r."v"::text'),
    ):
        assert side.typed(pair(source, target)) == typed
