"""What other tools answer wrongly, or not at all; and what hashes by themselves would miss."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from cockroach_pipelines.reconciliation import HashKind, Recheck, Reconciliation, Strategy, Tolerance, engine
from tests.reconciliation.conftest import Databases, cells

# As the adaptive engine chooses, and each strategy by force.
WAYS = (
    {},
    {"strategy": Strategy.CHECKSUMS},
    {"strategy": Strategy.CHECKSUMS, "hash": HashKind.MD5},
    {"strategy": Strategy.HASHES, "hash": HashKind.NATIVE},
    {"strategy": Strategy.ROWS},
)
each_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: "-".join(map(str, way.values())) or "adaptive")


def counts(result: Reconciliation) -> tuple[int, int, int]:
    return result.counts.missing, result.counts.extra, result.counts.changed


@each_way
def test_numerics_without_a_scale_keep_their_digits(databases: Databases, way: dict[str, object]) -> None:
    rows = "SELECT g, {} FROM generate_series(1, 40000) AS g"
    databases.tables("t", "id int PRIMARY KEY, v numeric", rows.format("1.2"), rows.format("1.4"))
    assert counts(databases.reconcile("t", **way)) == (0, 0, 40_000)


@each_way
def test_row_with_null_key_is_compared_and_reported(databases: Databases, way: dict[str, object]) -> None:
    rows = "SELECT g, 'v' FROM generate_series(1, 100) AS g"
    databases.tables("t", "id int, v text", f"{rows} UNION ALL SELECT NULL, 'lost'", rows)
    result = databases.reconcile("t", key=("id",), **way)
    assert counts(result) == (1, 0, 0)
    assert result.null_keys == 1
    assert cells(result)[0]["source"] == '{"id": null, "v": "lost"}'


@each_way
def test_separators_within_values_do_not_shift_them(databases: Databases, way: dict[str, object]) -> None:
    for ours, theirs in (("'a|b', 'c'", "'a', 'b|c'"), ("'a', '1:b'", "'a1:', 'b'"), ("'~', ''", "'', '~'")):
        databases.tables("t", "id int PRIMARY KEY, v text, w text", f"SELECT 1, {ours}", f"SELECT 1, {theirs}")
        assert counts(databases.reconcile("t", **way)) == (0, 0, 1)


@each_way
def test_null_differs_from_every_text(databases: Databases, way: dict[str, object]) -> None:
    for text in ("<null>", "", "NULL", "~", "\\N"):
        databases.tables("t", "id int PRIMARY KEY, v text", "SELECT 1, NULL", f"SELECT 1, '{text}'")
        result = databases.reconcile("t", **way)
        assert counts(result) == (0, 0, 1)
        assert (cells(result)[0]["source"], cells(result)[0]["target"]) == (None, text)


@each_way
def test_floats_that_differ_in_their_last_bit(databases: Databases, way: dict[str, object]) -> None:
    databases.tables("t", "id int PRIMARY KEY, v float8", "SELECT 1, 1e-14", "SELECT 1, 2e-14")
    assert counts(databases.reconcile("t", **way)) == (0, 0, 1)
    databases.tables("t", "id int PRIMARY KEY, v float8", "SELECT 1, 0.1::float8 + 0.2", "SELECT 1, 0.3")
    assert counts(databases.reconcile("t", **way)) == (0, 0, 1)


@each_way
def test_infinite_timestamps_and_years_before_christ(databases: Databases, way: dict[str, object]) -> None:
    databases.tables(
        "t",
        "id int PRIMARY KEY, v timestamp",
        "VALUES (1, 'infinity'::timestamp), (2, '0044-03-15 BC'), (3, '2024-01-01')",
        "VALUES (1, '-infinity'::timestamp), (2, '0044-03-15'), (3, '2024-01-01')",
    )
    assert counts(databases.reconcile("t", **way)) == (0, 0, 2)


@each_way
def test_infinite_and_large_floats_are_values_like_others(databases: Databases, way: dict[str, object]) -> None:
    rows = "VALUES (1, 'Infinity'::float8), (2, 1e30), (3, 'NaN'), (4, '-Infinity')"
    databases.tables("t", "id int PRIMARY KEY, v float8", rows, rows)
    assert databases.reconcile("t", **way).equal


@each_way
def test_text_keys_whose_collations_differ(databases: Databases, way: dict[str, object]) -> None:
    keys = "SELECT CASE g % 3 WHEN 0 THEN 'k' WHEN 1 THEN 'K' ELSE 'é' END || g AS k"
    ours = f"{keys}, 'v' FROM generate_series(1, 60000) AS g"
    theirs = f"{keys}, CASE WHEN g % 1000 = 0 THEN 'changed' ELSE 'v' END FROM generate_series(1, 60000) AS g WHERE g % 1000 <> 1"
    databases.source.execute(
        f'DROP TABLE IF EXISTS t; CREATE TABLE t (k text COLLATE "C" PRIMARY KEY, v text); INSERT INTO t {ours}'
    )
    databases.target.execute(
        f'DROP TABLE IF EXISTS t; CREATE TABLE t (k text COLLATE "en-x-icu" PRIMARY KEY, v text); INSERT INTO t {theirs}'
    )
    for connection in (databases.source, databases.target):
        connection.execute("ANALYZE t")
    assert counts(databases.reconcile("t", **way)) == (60, 0, 60)


@each_way
@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ('text COLLATE "en-x-icu"', "'user' || g || '@example.com'"),
        ("timestamp", "'2024-01-01'::timestamp + g * interval '1.000001 s'"),
        ("numeric(12,2)", "g / 100.0"),
        ("uuid", "md5(g::text)::uuid"),
        ("date", "'1990-01-01'::date + g"),
        ("bytea", "decode(md5(g::text), 'hex')"),
        ("char(12)", "g::text"),
        ("float8", "g / 7.0"),
        ("place", "row(g, 'shelf')::place"),
    ],
)
def test_keys_of_any_type(databases: Databases, way: dict[str, object], kind: str, key: str) -> None:
    rows = f"SELECT {key}, g FROM generate_series(1, 3000) AS g"
    databases.tables("t", f"k {kind} PRIMARY KEY, v int", f"{rows} WHERE g <> 5", f"{rows} WHERE g NOT IN (6, 7)")
    result = databases.reconcile("t", **way)
    assert counts(result) == (2, 1, 0)
    assert len(cells(result)) == 3


@each_way
def test_empty_sides(databases: Databases, way: dict[str, object]) -> None:
    rows, none = "SELECT g, 'v' FROM generate_series(1, 10) AS g", "SELECT 1, 'v' WHERE false"
    databases.tables("t", "id int PRIMARY KEY, v text", rows, none)
    assert counts(databases.reconcile("t", **way)) == (10, 0, 0)
    databases.tables("t", "id int PRIMARY KEY, v text", none, rows)
    assert counts(databases.reconcile("t", **way)) == (0, 10, 0)
    databases.tables("t", "id int PRIMARY KEY, v text", none, none)
    assert databases.reconcile("t", **way).equal


@each_way
def test_values_that_rows_exchange(databases: Databases, way: dict[str, object]) -> None:
    """The sum of hashes of single columns would stay the same."""
    for kind, one, other in (("text", "'a'", "'b'"), ("numeric", "0", "1"), ("float8", "0", "2"), ("int", "1", "NULL")):
        databases.tables(
            "t",
            f"id int PRIMARY KEY, v {kind}",
            f"SELECT g, CASE WHEN g = 1 THEN {one} WHEN g = 2 THEN {other} END::{kind} FROM generate_series(1, 9) AS g",
            f"SELECT g, CASE WHEN g = 2 THEN {one} WHEN g = 1 THEN {other} END::{kind} FROM generate_series(1, 9) AS g",
        )
        assert counts(databases.reconcile("t", segments=1, **way)) == (0, 0, 2)


@each_way
def test_values_that_columns_exchange(databases: Databases, way: dict[str, object]) -> None:
    """A float's or a numeric's zero gives back the seed of its hash."""
    for kind, one, other in (
        ("float8", "0", "250"),
        ("numeric", "0", "250"),
        ("text", "''", "'x'"),
        ("int8", "0", "NULL"),
    ):
        databases.tables(
            "t",
            f"id int PRIMARY KEY, debit {kind}, credit {kind}",
            f"SELECT 1, {one}, {other}",
            f"SELECT 1, {other}, {one}",
        )
        result = databases.reconcile("t", **way)
        assert counts(result) == (0, 0, 1)
        assert {each.column for each in result.by_column} == {"debit", "credit"}


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("numeric", "-5", "5"),
        ("numeric", "'NaN'", "'Infinity'"),
        ("numeric", "'Infinity'", "'-Infinity'"),
        ("int8", "-1", "4294967295"),
        ("int8", "0", "4294967297"),
        ("jsonb", "'{\"a\": 1}'", "'{\"a\": -1}'"),
        ("interval", "'1 month'", "'30 days'"),
        ("timestamp", "'2000-01-01 00:00:00'", "'2000-01-01 01:11:34.967297'"),
        ("float8", "'0'", "'5e-324'"),
        ("text COLLATE blind", "'a'", "'A'"),
        ("time", "'00:00:00'", "'24:00:00'"),
        ("json", "'{\"a\": 1}'", "'{\"a\": 1.5}'"),
    ],
)
@each_way
def test_values_whose_hashes_are_equal_in_postgresql(
    databases: Databases, way: dict[str, object], kind: str, one: str, other: str
) -> None:
    databases.tables("t", f"id int PRIMARY KEY, v {kind}", f"SELECT 1, {one}::{kind}", f"SELECT 1, {other}::{kind}")
    assert counts(databases.reconcile("t", **way)) == (0, 0, 1)


@each_way
def test_duplicates_of_a_key_are_counted(databases: Databases, way: dict[str, object]) -> None:
    rows = "SELECT 1, 'a' FROM generate_series(1, {})"
    databases.tables("t", "id int, v text", rows.format(2), rows.format(3))
    result = databases.reconcile("t", key=("id",), **way)
    assert counts(result) == (0, 1, 0)
    assert [str(each) for each in result.duplicates] == ["(1): 2 against 3 copies"]


@each_way
def test_tables_without_a_key_are_multisets_of_rows(databases: Databases, way: dict[str, object]) -> None:
    databases.tables(
        "t",
        "v text, w jsonb",
        "VALUES ('a', '1'::jsonb), ('a', '1'), ('b', '{\"x\": 1.0}'), (NULL, NULL)",
        "VALUES ('a', '1'::jsonb), ('b', '{\"x\": 1.00}'), ('c', '2'), (NULL, NULL)",
    )
    result = databases.reconcile("t", **way)
    assert counts(result) == (1, 1, 0)
    assert result.key == ()
    assert {(row["kind"], row["source"] or row["target"]) for row in cells(result)} == {
        ("missing", '{"v": "a", "w": "1"}'),
        ("extra", '{"v": "c", "w": "2"}'),
    }


@each_way
def test_copies_that_come_in_pairs_do_not_cancel(databases: Databases, way: dict[str, object]) -> None:
    """An exclusive or of hashes would be 0 for two copies, and the same for two and for four."""
    rows = "SELECT n, 'v' FROM generate_series(1, 5) AS n UNION ALL SELECT 7, 'twice' FROM generate_series(1, {})"
    for ours, theirs in ((0, 2), (2, 4)):
        databases.tables("t", "id int, v text", rows.format(ours), rows.format(theirs))
        for key in (("id",), ()):
            assert counts(databases.reconcile("t", key=key, segments=1, **way)) == (0, 2, 0)


@each_way
def test_a_tolerance_holds_on_either_side_of_where_values_would_be_rounded(
    databases: Databases, way: dict[str, object]
) -> None:
    """Hashes of rounded values differ for neighbours, and are equal for values that lie nearly a unit apart."""
    databases.tables(
        "t",
        "id int PRIMARY KEY, v numeric, at timestamp",
        "VALUES (1, 0.0049, '2024-01-01 00:00:00.999999'::timestamp), (2, 0.0050, '2024-01-01'), (3, 0.0000, '2024-01-01')",
        "VALUES (1, 0.0051, '2024-01-01 00:00:01.000001'::timestamp), (2, 0.0149, '2024-01-01'), (3, 0.0000, '2024-01-01 00:00:00.5')",
    )
    near = {"v": Tolerance(absolute=Decimal("0.005")), "at": Tolerance(within=dt.timedelta(seconds=0.5))}
    result = databases.reconcile("t", tolerance=near, **way)
    assert {(row["id"], row["column"]) for row in cells(result)} == {(2, "v"), (3, "at")}


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("numeric", "1.0", "1.000"),
        ("numeric", "'NaN'", "'NaN'"),
        ("float8", "'-0'", "'0'"),
        ("float4", "'NaN'", "'NaN'"),
        ("jsonb", """'{"a": 1, "b": [1.0]}'""", """'{"b": [1.00], "a": 1}'"""),
        ("json", """'{"a":1}'""", """'{ "a" : 1.0 }'"""),
        ("timestamptz", "'2024-10-27 02:30:00+02'", "'2024-10-27 00:30:00+00'"),
        ("char(5)", "'a'", "'a  '"),
        ("numeric[]", "'{1.0,NULL}'", "'{1.00,NULL}'"),
    ],
)
@each_way
def test_values_that_mean_the_same_however_they_are_written(
    databases: Databases, way: dict[str, object], kind: str, one: str, other: str
) -> None:
    databases.tables("t", f"id int PRIMARY KEY, v {kind}", f"SELECT 1, {one}::{kind}", f"SELECT 1, {other}::{kind}")
    assert databases.reconcile("t", **way).equal


@each_way
def test_rows_of_json_and_arrays_alone_meet_however_they_are_written(
    databases: Databases, way: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashes of their texts would send equal rows to different windows."""
    for name in ("HASHES_EACH", "ROWS_EACH"):
        monkeypatch.setattr(engine, name, 1)
    for definition, source, target in (
        (
            "doc json",
            """('{"a":' || g || '.50, "b": [-0]}')::json""",
            """('{ "b" : [0.0], "a": ' || g || '.5}')::json""",
        ),
        ("doc jsonb", """('{"a": ' || g || '.0}')::jsonb""", """('{"a": ' || g || '.00}')::jsonb"""),
        ("v numeric[], w float8[]", "ARRAY[g + 0.10, NULL], '{-0}'::float8[]", "ARRAY[g + 0.1, NULL], '{0}'::float8[]"),
    ):
        rows = "SELECT {} FROM generate_series(1, 12) AS g WHERE g <> {}"
        databases.tables("t", definition, rows.format(source, 7), rows.format(target, 8))
        result = databases.reconcile("t", segments=16, recheck=Recheck(after=0), **way)
        assert counts(result) == (1, 1, 0)
        assert result.recheck is not None and result.recheck.confirmed == 2


@pytest.mark.parametrize(
    ("source", "target", "equal"),
    [
        ("0.1::numeric", "0.1::float8", True),
        ("0.1::float4", "0.1::numeric", True),
        ("10000000000000001::numeric", "1e16::float8", False),
        ("9007199254740993::int8", "9007199254740992::float8", False),
        ("4294967297::int8", "1::int4", False),
        ("7::int2", "7.000::numeric", True),
        ("7::int4", "7.001::numeric", False),
        ("1::int4", "'1'::text", True),
        ("1::int4", "'01'::text", False),
        ("'a'::char(5)", "'a'::text", True),
        ("'a'::char(5)", "'a '::text", False),
        ("'2024-01-01'::date", "'2024-01-01'::timestamp", True),
        ("'2024-01-01'::date", "'2024-01-01 00:00:00.000001'::timestamp", False),
        ("'2024-01-01 12:00'::timestamp", "'2024-01-01 13:00+01'::timestamptz", True),
        ("'2024-01-01 12:00'::timestamp", "'2024-01-01 12:00+01'::timestamptz", False),
        ("""'{"a":1}'::json""", """'{"a": 1.0}'::jsonb""", True),
    ],
)
@each_way
def test_types_that_differ_meet_without_a_loss(
    databases: Databases, way: dict[str, object], source: str, target: str, equal: bool
) -> None:
    for connection, said in ((databases.source, source), (databases.target, target)):
        connection.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t AS SELECT 1 AS id, {said} AS v")
    result = databases.reconcile("t", key=("id",), timezone="America/New_York", **way)
    assert result.equal is equal
    assert [(each.column, each.what) for each in result.schema] == [("v", "type")]
