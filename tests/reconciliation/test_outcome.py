"""What a person gets: counts, the dataset, schema differences, patterns, where they lie, verdicts."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cockroach_pipelines.database import StatementError
from cockroach_pipelines.reconciliation import (
    Bound,
    Care,
    Expectation,
    KeyColumnError,
    Kind,
    Measure,
    NoCommonColumnsError,
    Progress,
    ReconciliationError,
    Relation,
    Stop,
    Strategy,
    Tolerance,
    Verdict,
    telling,
)
from tests.reconciliation.conftest import Databases, cells


def test_dataset_names_key_column_and_both_values(databases: Databases) -> None:
    databases.tables(
        "t",
        "id int PRIMARY KEY, name text, amount numeric(10,2)",
        "VALUES (1, 'same', 1.00), (2, 'old', 2.00), (3, 'gone', 3.00)",
        "VALUES (1, 'same', 1.00), (2, 'new', 2.50), (4, 'more', 4.00)",
    )
    result = databases.reconcile("t")
    assert cells(result) == [
        {"row": 0, "id": 2, "kind": "changed", "column": "name", "source": "old", "target": "new"},
        {"row": 0, "id": 2, "kind": "changed", "column": "amount", "source": "2.00", "target": "2.50"},
        {"row": 1, "id": 3, "kind": "missing", "column": None, "source": '{"id": "3", "name": "gone", "amount": "3.00"}', "target": None},
        {"row": 2, "id": 4, "kind": "extra", "column": None, "source": None, "target": '{"id": "4", "name": "more", "amount": "4.00"}'},
    ]  # fmt: skip
    assert result.headline == "3 rows differ (1 missing, 1 extra, 1 changed) in 3 against 3 rows."
    assert [(each.column, each.rows) for each in result.by_column] == [("name", 1), ("amount", 1)]
    assert result.share == 1.0
    assert result.verdict is Verdict.FAIL
    json.dumps(result.as_record())


def test_dataset_is_readable_by_its_owner_alone_and_nothing_else_is_left(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY", "SELECT 1", "SELECT 2")
    result = databases.reconcile("t")
    assert result.differences.stat().st_mode & 0o077 == 0
    assert [path.name for path in databases.folder.iterdir()] == ["differences.parquet"]


def test_two_comparisons_do_not_share_a_folder(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY", "SELECT 1", "SELECT 2")
    refusals = []

    def begin_another(_: Progress) -> None:
        with pytest.raises(ReconciliationError, match="Another comparison works in") as raised:
            databases.reconcile("t")
        refusals.append(raised)

    assert databases.reconcile("t", progress=begin_another).counts.total == 2
    assert refusals
    assert databases.reconcile("t").counts.total == 2


def test_column_called_like_one_of_the_dataset(databases: Databases) -> None:
    databases.tables("t", 'kind int PRIMARY KEY, "row" text, "a""b" text', "SELECT 1, 'x', 'y'", "SELECT 1, 'z', 'q'")
    result = databases.reconcile("t")
    assert [(row["key_kind"], row["column"]) for row in cells(result)] == [(1, "row"), (1, 'a"b')]


def test_schema_differences_come_first(databases: Databases) -> None:
    databases.source.execute(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b text, c timestamp, d point, lost int)"
    )
    databases.target.execute(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (id bigint PRIMARY KEY, a int, b int, c timestamptz, d point, more text)"
    )
    found = {(each.column, each.what): each for each in databases.reconcile("t").schema}
    assert found.keys() == {
        ("id", "type"), ("a", "nullability"), ("b", "type"), ("c", "type"), ("d", "comparison"), ("lost", "missing"), ("more", "extra"),
    }  # fmt: skip
    assert (found["id", "type"].source, found["id", "type"].target) == ("integer", "bigint")
    assert "texts are compared" in found["b", "type"].note
    assert "UTC" in found["c", "type"].note
    assert "text of it" in found["d", "comparison"].note


def test_rows_that_policies_hide_are_told_of(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, v text", "VALUES (1, 'a')", "VALUES (1, 'a'), (2, 'b')")
    assert not databases.reconcile("t").schema
    databases.target.execute(
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY few ON t USING (id < 2)"
    )
    result = databases.reconcile("t")
    assert result.equal
    (noted,) = result.schema
    assert telling.schema_difference(noted) == (
        "rows (row security, all rows against what policies show): "
        "rows that are hidden from a connection's role are not compared"
    )


def test_relations_without_common_columns_are_refused(databases: Databases) -> None:
    databases.source.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (a int)")
    databases.target.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (b int)")
    with pytest.raises(NoCommonColumnsError, match="no column of the same name"):
        databases.reconcile("t")


def test_mistakes_in_the_question_are_named(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, value text, doc jsonb", "SELECT 1, 'x', '1'", "SELECT 1, 'x', '1'")
    for spec, error, message in (
        ({"key": ("idd",)}, KeyColumnError, "'idd' does not exist"),
        ({"key": ("doc",)}, KeyColumnError, "many texts"),
        ({"exclude": ("valu",)}, ReconciliationError, "Did you mean 'value'"),
        ({"rename": {"value": "wert"}}, ReconciliationError, "'wert'"),
        ({"tolerance": {"id": Tolerance(absolute=Decimal(1))}}, ReconciliationError, "part of the key"),
        ({"care": Care(throttle="SELECT 1")}, ReconciliationError, "one boolean"),
    ):
        with pytest.raises(error, match=message):
            databases.reconcile("t", **spec)
    databases.source.execute(
        'DROP TABLE IF EXISTS "Capital", bare; CREATE TABLE "Capital" (id int); CREATE TABLE bare ()'
    )
    for source, error, message in (
        (
            Relation("source", "Capital"),
            StatementError,
            r"does not exist \(the source, on source\)\nA name with capitals",
        ),
        (Relation("source", "bare"), NoCommonColumnsError, "The source has no columns: source:bare"),
        (Relation("source", sql="SELECT 1 AS id, 2 AS id"), ReconciliationError, "source has two columns called 'id'"),
        (Relation("source", sql="SELECT 1 / (id - 1) AS id FROM t"), StatementError, r"zero \(the source, on source\)"),
    ):
        with pytest.raises(error, match=message):
            databases.reconcile(source, "t")
    with pytest.raises(ReconciliationError, match="both a table and a query"):
        Relation("source")
    with pytest.raises(ReconciliationError, match="not the name of a table"):
        Relation("source", "t; DROP TABLE t")


def test_queries_with_parameters_conditions_renamed_and_excluded_columns(databases: Databases) -> None:
    databases.source.execute(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (id int, name text, noise text, at date);"
        "INSERT INTO t SELECT g, 'n' || g, random()::text, '2024-01-01'::date + g FROM generate_series(1, 100) AS g"
    )
    databases.target.execute(
        "DROP TABLE IF EXISTS t; CREATE TABLE t (nr int, label text, noise text, at date);"
        "INSERT INTO t SELECT g, 'n' || g, random()::text, '2024-01-01'::date + g FROM generate_series(1, 200) AS g"
    )
    source = Relation(
        "source",
        sql="SELECT * FROM t WHERE id <= ? -- all",
        parameters=(90,),
        where="name <> ?",
        where_parameters=("n7",),
    )
    target = Relation("target", "t", where="label NOT IN (?, ?)", where_parameters=("n7", "n50"))
    result = databases.reconcile(
        source,
        target,
        key=("id",),
        rename={"id": "nr", "name": "label"},
        exclude=("noise",),
        where="at <= ?",
        where_parameters=(dt.date(2024, 3, 1),),
    )
    assert (result.counts.missing, result.counts.extra, result.counts.changed) == (1, 0, 0)
    assert cells(result)[0]["id"] == 50
    assert result.key == ("id",)
    assert result.columns == ("name", "at")


@pytest.mark.parametrize("strategy", [None, Strategy.CHECKSUMS, Strategy.HASHES, Strategy.ROWS])
def test_tolerances_apply_to_values_and_nothing_else(databases: Databases, strategy: Strategy | None) -> None:
    databases.tables(
        "t",
        "id int PRIMARY KEY, a numeric, f float8, at timestamptz, s text, n text",
        "VALUES (1, 1.00, 1.0, '2024-01-01 00:00:00.123456+00'::timestamptz, 'Ab ', NULL), (2, 5, 1e10, 'infinity', 'x', 'y'), (3, -1, 1, '2024-01-01', 'ß', '')",
        "VALUES (1, 1.01, 1.0000000001, '2024-01-01 00:00:01.123455+00'::timestamptz, 'aB', ''), (2, 5.02, 1.01e10, '-infinity', 'y', 'y'), (3, 1, 1, '2024-01-01', 'ß', NULL)",
    )
    assert databases.reconcile("t", strategy=strategy).counts.changed == 3
    result = databases.reconcile(
        "t",
        strategy=strategy,
        tolerance={
            "numeric": Tolerance(absolute=Decimal("0.01")),
            "float8": Tolerance(relative=Decimal("1e-9")),
            "timestamptz": Tolerance(within=dt.timedelta(seconds=1)),
            "s": Tolerance(ignore_case=True, ignore_trailing_blanks=True),
            "n": Tolerance(null_is_empty=True),
        },
    )
    assert {(row["id"], row["column"]) for row in cells(result)} == {(2, "a"), (2, "f"), (2, "at"), (2, "s"), (3, "a")}


@pytest.mark.parametrize(
    ("tolerance", "said"),
    [
        ({"s": Tolerance(absolute=Decimal(1))}, "'s' would have no effect: `absolute` is for numbers, and the column is compared as text"),
        ({"a": Tolerance(ignore_case=True)}, "'a' would have no effect: `ignore_case` is for text, and the column is compared as numeric"),
        ({"at": Tolerance(relative=Decimal(1))}, "`relative` is for numbers, and the column is compared as timestamptz"),
        ({"a": Tolerance(absolute=Decimal(1), within=dt.timedelta(1))}, "`within` is for dates and times"),
        ({"text": Tolerance(within=dt.timedelta(1))}, "'text' would have no effect: `within` is for dates and times"),
    ],
)  # fmt: skip
def test_a_tolerance_without_effect_is_refused(
    databases: Databases, tolerance: dict[str, Tolerance], said: str
) -> None:
    row = "SELECT 1, 1.5, 'x', '2024-01-01'::timestamptz"
    databases.tables("t", "id int PRIMARY KEY, a numeric, s text, at timestamptz", row, row)
    with pytest.raises(ReconciliationError, match=said):
        databases.reconcile("t", tolerance=tolerance)


def test_normalization_happens_on_both_sides(databases: Databases) -> None:
    databases.tables("t", "id int PRIMARY KEY, mail text", "SELECT 1, ' A@B.c'", "SELECT 1, 'a@b.C '")
    assert not databases.reconcile("t").equal
    for strategy in (Strategy.DIRECT, Strategy.CHECKSUMS):
        assert databases.reconcile("t", normalize={"mail": "lower(trim({}))"}, strategy=strategy).equal


def test_normalization_may_name_the_column_twice_and_hold_braces(databases: Databases) -> None:
    databases.tables(
        "t", "id int PRIMARY KEY, v text", "VALUES (1, 'ab'), (2, 'x1234')", "VALUES (1, 'ab'), (2, '4321')"
    )
    result = databases.reconcile("t", normalize={"v": "CASE WHEN {} ~ '[0-9]{4}' THEN '{}' ELSE {} END"})
    assert result.equal
    rows = {"measures": (Measure("distinct", "v"),), "group_by": ("id",)}
    assert databases.reconcile("t", normalize={"v": "regexp_replace({}, '[0-9]{4}', '')"}, **rows).equal


def test_sample_takes_the_same_keys_on_both_sides(databases: Databases) -> None:
    rows = "SELECT g, md5(g::text) FROM generate_series(1, 30000) AS g"
    databases.tables("t", "id int PRIMARY KEY, v text", rows, rows)
    for strategy in (None, Strategy.HASHES):
        result = databases.reconcile("t", sample=0.1, strategy=strategy)
        assert result.equal
        assert 2_500 < result.source_rows == result.target_rows < 3_500
        assert result.headline.endswith(" rows, a sample of 10% of the keys.")


def test_expectations_give_verdicts(databases: Databases) -> None:
    rows = "SELECT g, 'v' FROM generate_series(1, 100) AS g"
    databases.tables("t", "id int PRIMARY KEY, v text", rows, f"{rows} WHERE g > 3")
    for error, warn, verdict in (
        (Bound(differences=0), Bound(), Verdict.FAIL),
        (Bound(differences=3), Bound(), Verdict.PASS),
        (Bound(share=0.05), Bound(differences=2), Verdict.WARN),
        (Bound(share=0.02), Bound(), Verdict.FAIL),
    ):
        assert databases.reconcile("t", expect=Expectation(error=error, warn=warn)).verdict is verdict


def test_stopping_early_says_at_least_and_never_passes(databases: Databases) -> None:
    rows = "SELECT g, {} FROM generate_series(1, 200000) AS g"
    databases.tables("t", "id int PRIMARY KEY, v text", rows.format("'a'"), rows.format("'b'"))
    tolerant = Expectation(error=Bound())
    for stop in (Stop(differences=1_000), Stop(share=0.5), Stop(seconds=0.0001)):
        result = databases.reconcile("t", stop=stop, expect=tolerant)
        assert not result.complete
        assert result.verdict is Verdict.FAIL
        assert result.headline.startswith("At least ")
        assert result.counts.total < 200_000
    assert databases.reconcile("t", expect=tolerant).verdict is Verdict.PASS


def test_limit_bounds_the_dataset_and_not_the_counts(databases: Databases) -> None:
    rows = "SELECT g, {0}, {0} FROM generate_series(1, 500) AS g"
    databases.tables("t", "id int PRIMARY KEY, v text, w text", rows.format("'a'"), rows.format("'b'"))
    result = databases.reconcile("t", limit=10)
    assert result.counts.changed == 500
    assert len({row["id"] for row in cells(result)}) == 10
    assert len(cells(result)) == 20


@pytest.mark.parametrize(
    ("kind", "source", "target", "said"),
    [
        ("timestamp", "'2024-01-01'::timestamp + g * interval '1 min'", "'2024-01-01'::timestamp + g * interval '1 min' + interval '1 hour'", "the target is 1 hour later"),
        ("timestamptz", "'2024-01-01'::timestamptz + g * interval '1.37 s'", "date_trunc('second', '2024-01-01'::timestamptz + g * interval '1.37 s')", "the target has whole seconds"),
        ("text", "'v' || g", "'v' || g || '  '", "trailing blanks"),
        ("text", "'v' || g", "'V' || g", "the target is in upper case"),
        ("text", "'Zoë' || g", "convert_from(convert_to('Zoë', 'UTF8'), 'LATIN1') || g", "UTF-8 that was read as latin-1"),
        ("text", "'long text ' || g", "left('long text ' || g, 7)", "cut off after 7 characters"),
        ("numeric", "g", "g * 100", "the target is 100 times the source"),
        ("numeric", "g", "g - 0.5", "the target differs by -0.5"),
        ("int", "g", "-g", "the opposite sign"),
        ("numeric", "g + 0.12345 * (g % 3 + 1)", "round(g + 0.12345 * (g % 3 + 1), 2)", "the target has fewer digits after the point"),
        ("text", "NULLIF(g, 0)::text", "NULL", "the target is NULL"),
        ("text", "NULL", "''", "NULL has become empty text"),
        ("text", "'v' || g", "'unknown'", "the target is always 'unknown'"),
        ("text", "'v' || g", "''", "the target is always ''"),
    ],
)  # fmt: skip
def test_patterns_of_a_column(databases: Databases, kind: str, source: str, target: str, said: str) -> None:
    rows = "SELECT g, ({})::" + kind + " FROM generate_series(1, 50) AS g"
    databases.tables("t", f"id int PRIMARY KEY, v {kind}", rows.format(source), rows.format(target))
    (pattern,) = databases.reconcile("t").patterns
    assert pattern.description == said
    assert pattern.column == "v"
    assert pattern.share >= 0.6


def test_pattern_of_rows_names_what_they_have_in_common(databases: Databases) -> None:
    rows = "SELECT g, CASE g % 4 WHEN 0 THEN 'eu' WHEN 1 THEN 'us' ELSE 'asia' END, 'v' || g, 'same' FROM generate_series(1, 30000) AS g"
    databases.tables("t", "id int PRIMARY KEY, region text, v text, constant text", rows, rows)
    databases.target.execute("UPDATE t SET v = v || id WHERE region = 'eu' AND id % 100 = 0")
    assert [str(each) for each in databases.reconcile("t").patterns] == [
        "all have region = 'eu' (100% of the differences)"
    ]


def test_histogram_shows_where_along_the_key_rows_differ(databases: Databases) -> None:
    rows = "SELECT g, '2024-01-01'::timestamptz + g * interval '1 min' FROM generate_series(1, 40000) AS g"
    databases.tables("t", "id int, at timestamptz, PRIMARY KEY (at, id)", rows, f"{rows} WHERE g <= 39000")
    picture = databases.reconcile("t").histogram
    assert picture is not None
    assert picture.column == "at"
    assert (picture.edges[0][:10], picture.edges[-1][:10]) == ("2024-01-01", "2024-01-28")
    assert sum(picture.counts[Kind.MISSING]) == picture.counts[Kind.MISSING][-1] == 1000
    assert sum(picture.counts[Kind.CHANGED]) == 0


def test_progress_counts_up_to_the_end(databases: Databases) -> None:
    rows = "SELECT g, 'v' FROM generate_series(1, 200000) AS g"
    databases.tables("t", "id int PRIMARY KEY, v text", rows, rows)
    told: list[Progress] = []
    databases.reconcile("t", strategy=Strategy.ROWS, progress=told.append)
    compared = [each for each in told if each.phase == "compare"]
    assert len(compared) > 2
    assert [each.done for each in compared] == list(range(1, compared[-1].segments + 1))
    assert compared[-1].rows == 400_000
    assert compared[-1].rows_per_second > 0


@pytest.mark.parametrize(
    ("differs", "count", "strategy"),
    [
        ("g > 58800", 1_200, Strategy.CHECKSUMS),  # the newest rows, as where a copy lags behind
        ("g BETWEEN 20000 AND 26000", 6_001, Strategy.CHECKSUMS),  # a tenth, all in one place
        ("g % 150 = 3", 400, Strategy.HASHES),  # hardly any, but in every range
    ],
)
def test_adaptive_choice_looks_at_how_many_ranges_differ(
    databases: Databases, differs: str, count: int, strategy: Strategy
) -> None:
    rows = "SELECT g, CASE WHEN {} THEN 'other' ELSE 'v' END || g FROM generate_series(1, 60000) AS g"
    databases.tables("t", "id int PRIMARY KEY, v text", rows.format("false"), rows.format(differs))
    result = databases.reconcile("t")
    assert result.choice.strategy is strategy
    assert result.counts.changed == count


def test_adaptive_choice_follows_the_share_that_differs(databases: Databases, tmp_path: Path) -> None:
    rows = "SELECT g, CASE WHEN g % 100 < {} THEN 'other' ELSE 'v' END || g FROM generate_series(1, 60000) AS g"
    for percent, strategy in ((0, Strategy.CHECKSUMS), (8, Strategy.HASHES), (60, Strategy.ROWS)):
        databases.tables("t", "id int PRIMARY KEY, v text", rows.format(0), rows.format(percent))
        result = databases.reconcile("t")
        assert result.choice.strategy is strategy
        assert result.counts.changed == 600 * percent
        assert result.choice.sampled_share == pytest.approx(percent / 100, abs=0.03)
        assert (result.collision_probability == 0) == (strategy is Strategy.ROWS)
    assert databases.reconcile("t", exact=True).collision_probability == 0
    assert pq.read_metadata(databases.folder / "differences.parquet").num_rows == 36_000
