"""Checks that need no SQL look at the staged file itself: every type, every bound, and duplicates in bounded memory."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockroach_pipelines.execution import CheckOutcome, Order, compared, evaluate_result
from cockroach_pipelines.execution.duplicates import find_duplicates
from cockroach_pipelines.queries import NoChangeBeyond, PartitionWindow, Query, SQLRepository

NOW = dt.datetime(2024, 1, 31, 12, tzinfo=dt.UTC)

Evaluate = Callable[..., dict[str, CheckOutcome]]


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """Evaluate the checks of a header on a table, as `run_reading` does after it has staged it."""

    def evaluate(
        checks: str, table: pa.Table, *, header: str = "", partition: PartitionWindow | None = None
    ) -> dict[str, CheckOutcome]:
        folder = tmp_path / "sql" / "queries" / "reporting"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.sql").write_text(f"/* @asset\nchecks: {{{checks}}}\n{header}\n*/\nSELECT * FROM t")
        query = SQLRepository(tmp_path / "sql").get("report")
        assert isinstance(query, Query)
        pq.write_table(table, tmp_path / "staged.parquet", row_group_size=3)
        outcomes = evaluate_result(Order(query, partition=partition), tmp_path / "staged.parquet", NOW)
        return {outcome.name: outcome for outcome in outcomes}

    return evaluate


def only(outcomes: dict[str, CheckOutcome]) -> CheckOutcome:
    (outcome,) = outcomes.values()
    return outcome


ROWS = pa.table({"id": range(7), "a": [1, None, 3, 1, None, None, 7], "b": list("xyxxyyz")})


def test_all_checks_of_a_file_are_evaluated_in_one_reading(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []
    real = pq.ParquetFile.iter_batches

    def counted(file: Any, *arguments: Any, **options: Any) -> Any:
        readings.append(options["columns"])
        return real(file, *arguments, **options)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    outcomes = evaluate("not_null: [id, a], accepted_values: {b: [x, y, z]}, row_count: 7", ROWS)
    assert {name: outcome.passed for name, outcome in outcomes.items()} == {
        "not_null__id": True,
        "not_null__a": False,
        "accepted_values": True,
        "row_count": True,
    }
    assert readings == [["a", "b", "id"]]


def test_wrong_rows_are_counted_and_shown_with_all_their_columns(evaluate: Evaluate) -> None:
    outcome = only(evaluate("not_null: a", ROWS))
    assert outcome.wrong_rows == 3
    assert outcome.said == "3 rows are wrong."
    assert outcome.sample is not None
    assert outcome.sample.to_pylist() == [
        {"id": 1, "a": None, "b": "y"},
        {"id": 4, "a": None, "b": "y"},
        {"id": 5, "a": None, "b": "y"},
    ]


def test_sample_is_of_the_first_twenty_rows_wherever_they_are(evaluate: Evaluate) -> None:
    table = pa.table(
        {"id": range(200_000), "a": [None if n % 50_000 == 9 or n > 199_900 else n for n in range(200_000)]}
    )
    outcome = only(evaluate("not_null: a", table))
    assert outcome.wrong_rows == 4 + 99
    assert outcome.sample is not None
    assert outcome.sample["id"].to_pylist() == [9, 50_009, 100_009, 150_009, *range(199_901, 199_917)]


MIDNIGHT = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("kind", "right", "wrong", "values"),
    [
        (pa.string(), "AA", "ZZ", "[AA, UA]"),
        (pa.string(), "1", "2", "[1]"),
        (pa.string(), "2024-01-31", "2024-01-30", "[2024-01-31]"),
        (pa.int16(), 1, 3, "[1, 2, 70000]"),
        (pa.int64(), 2**62, 2**62 + 1, f"[{2**62}]"),
        (pa.float64(), 0.5, 0.25, "[0.5]"),
        (pa.decimal128(3, 1), Decimal("0.5"), Decimal("10.5"), "[0.50, 1000.25]"),
        (pa.decimal256(50, 2), Decimal(10**40), Decimal(1), f"[{10**40}.00]"),
        (pa.bool_(), True, False, "[true]"),
        (pa.date32(), dt.date(2024, 1, 31), dt.date(2024, 1, 30), "[2024-01-31]"),
        (pa.timestamp("us", "UTC"), MIDNIGHT, MIDNIGHT + dt.timedelta(hours=1), '["2024-01-01T00:00:00Z"]'),
        (pa.timestamp("us", "UTC"), MIDNIGHT, MIDNIGHT + dt.timedelta(hours=1), "[2024-01-01T00:00:00Z]"),
    ],
)
def test_accepted_values_of_every_type(evaluate: Evaluate, kind: Any, right: Any, wrong: Any, values: str) -> None:
    table = pa.table({"a": pa.array([right, None, wrong, right], kind)})
    if values.startswith('["2024'):
        outcome = only(evaluate(f"accepted_values: {{a: {values}}}", table))
        assert "is no value of 'a', which is timestamp[us, tz=UTC]" in outcome.error
        return
    outcome = only(evaluate(f"accepted_values: {{a: {values}}}", table))
    assert (outcome.error, outcome.wrong_rows) == ("", 1)
    assert outcome.sample is not None and outcome.sample["a"].to_pylist() == [wrong]


@pytest.mark.parametrize(
    ("kind", "values", "error"),
    [
        (pa.string(), "[yes, no]", "true is no text for 'a': YAML takes it for a boolean; put it in quotes."),
        (pa.int64(), "[one]", "'one' is no value of 'a', which is int64."),
        (pa.list_(pa.int64()), "[1]", "'a' is list<"),
    ],
)
def test_accepted_value_that_the_column_cannot_have_is_an_error_and_no_pass(
    evaluate: Evaluate, kind: Any, values: str, error: str
) -> None:
    outcome = only(evaluate(f"accepted_values: {{a: {values}}}", pa.table({"a": pa.array([None], kind)})))
    assert not outcome.passed
    assert error in outcome.error


def test_unknown_column_fails_with_a_proposal_and_the_place(evaluate: Evaluate) -> None:
    outcomes = evaluate("not_null: [ids, b]", ROWS)
    assert (
        "report.sql:2:10: The result has no column 'ids'. Did you mean 'id'? The columns are id, a, b."
        in outcomes["not_null__ids"].error
    )
    assert not outcomes["not_null__ids"].passed
    assert outcomes["not_null__b"].passed


@pytest.mark.parametrize(
    ("bounds", "finding"),
    [
        ('">= 7"', ""),
        ("8", "The result has 7 rows, and exactly 8 are wanted."),
        ("1..6", "The result has 7 rows, and 1 to 6 are wanted."),
        ("{min: 1000}", "The result has 7 rows, and at least 1,000 are wanted."),
    ],
)
def test_row_count(evaluate: Evaluate, bounds: str, finding: str) -> None:
    outcome = only(evaluate(f"row_count: {bounds}", ROWS))
    assert (outcome.finding, outcome.passed, outcome.figures) == (finding, not finding, {"rows": 7})


def moments(*values: Any, kind: Any = None) -> pa.Table:
    return pa.table({"at": pa.array(values, kind or pa.timestamp("us", "UTC"))})


def test_freshness_is_counted_from_the_newest_moment(evaluate: Evaluate) -> None:
    outcome = only(
        evaluate("freshness: {column: at, within: 2h}", moments(None, NOW - dt.timedelta(hours=1), MIDNIGHT))
    )
    assert outcome.passed
    assert outcome.figures["age_seconds"] == 3600
    stale = only(evaluate("freshness: {column: at, within: 2h}", moments(NOW - dt.timedelta(hours=3))))
    assert (
        stale.finding == "The newest 'at' is 2024-01-31 09:00:00.000000Z, 3:00:00 old, and at most 2:00:00 is wanted."
    )


def test_moment_without_a_zone_and_date_are_in_the_files_own(evaluate: Evaluate) -> None:
    local = dt.datetime(2024, 1, 31, 6, 30)  # in New York, half an hour before now
    zone = "timezone: America/New_York"
    table = moments(local, kind=pa.timestamp("us"))
    assert only(evaluate("freshness: {column: at, within: 1h}", table, header=zone)).figures["age_seconds"] == 1800
    date = moments(dt.date(2024, 1, 31), kind=pa.date32())
    assert only(evaluate("freshness: {column: at, within: 1d}", date, header=zone)).figures["age_seconds"] == 7 * 3600


def test_partition_of_the_past_is_as_fresh_as_it_was_when_it_ended(evaluate: Evaluate) -> None:
    window = PartitionWindow("2024-01-01", MIDNIGHT, MIDNIGHT + dt.timedelta(days=1))
    outcome = only(
        evaluate(
            "freshness: {column: at, within: 2h}",
            moments(MIDNIGHT + dt.timedelta(hours=23)),
            header="partition: {every: day, from: 2024-01-01}",
            partition=window,
        )
    )
    assert outcome.passed and outcome.figures["age_seconds"] == 3600


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (moments(None), "No row has a value in 'at'."),
        (moments(-(2**61), kind=pa.timestamp("us")), "The newest 'at' is a moment before the year 1."),
        (pa.table({"at": ["2024-01-31"]}), "'at' is string, and no moment or date."),
    ],
)
def test_result_without_a_moment_is_not_fresh(evaluate: Evaluate, table: pa.Table, said: str) -> None:
    outcome = only(evaluate("freshness: {column: at, within: 2h}", table))
    assert not outcome.passed
    assert said in outcome.said


def test_duplicates_are_counted_and_shown_with_their_number(evaluate: Evaluate) -> None:
    outcome = only(evaluate("unique: [a, b]", ROWS))
    assert (outcome.wrong_rows, outcome.finding) == (2, "1 value is shared by 2 rows.")
    assert outcome.sample is not None
    assert outcome.sample.to_pylist() == [{"a": 1, "b": "x", "rows": 2}]
    assert only(evaluate("unique: id", ROWS)).passed
    assert only(evaluate("unique: a", pa.table({"a": pa.nulls(5, pa.int32())}))).passed


def test_lists_cannot_be_unique(evaluate: Evaluate) -> None:
    outcome = only(evaluate("unique: a", pa.table({"a": [[1], [1]]})))
    assert "lists cannot be compared here; cast it to text" in outcome.error


KINDS = {
    pa.int64(): st.integers(-2, 2) | st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.sampled_from([0.0, -0.0, float("nan"), 1.5, float("inf")]),
    pa.string(): st.sampled_from(["", "a", "A", "a\0", "ä", "a" * 50]),
    pa.binary(): st.binary(max_size=2),
    pa.bool_(): st.booleans(),
    pa.decimal128(38, 2): st.sampled_from([Decimal("1.00"), Decimal("-1.00"), Decimal("10.00"), Decimal(10**35)]),
    pa.decimal256(60, 0): st.sampled_from([Decimal(10**50), Decimal(10**50 + 1), Decimal(0)]),
    pa.date32(): st.dates(dt.date(2024, 1, 1), dt.date(2024, 1, 3)),
    pa.timestamp("us", "UTC"): st.sampled_from([MIDNIGHT, NOW]),
}


def canonical(value: Any) -> Any:
    if isinstance(value, float):
        return "NaN" if value != value else value + 0.0
    return value


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_duplicates_are_those_that_python_counts(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=3))
    rows = data.draw(st.lists(st.tuples(*(st.none() | KINDS[kind] for kind in kinds)), max_size=40))
    names = [f"c{number}" for number in range(len(kinds))]
    columns = [pa.array([row[number] for row in rows], kind) for number, kind in enumerate(kinds)]
    path = tmp_path_factory.mktemp("duplicates") / "f.parquet"
    pq.write_table(pa.table(dict(zip(names, columns, strict=True))), path, row_group_size=7)
    counts = Counter(tuple(map(canonical, row)) for row in rows if None not in row)
    shared = {values: count for values, count in counts.items() if count > 1}
    with pq.ParquetFile(path) as file:
        for at_once in (3, 1000):
            found = find_duplicates(file, names, sample=100, batch_rows=5, at_once=at_once)
            assert (found.rows, found.groups) == (sum(shared.values()), len(shared))
            if shared:
                assert found.sample is not None
                seen = {tuple(canonical(row[name]) for name in names): row["rows"] for row in found.sample.to_pylist()}
                assert seen == shared


def change(evaluate: Evaluate, checks: str, table: pa.Table, before: dict[str, Decimal] | None) -> CheckOutcome:
    outcome = only(evaluate(f"no_change_beyond: {checks}", table))
    rule = NoChangeBeyond.model_validate({"limits": {"rows": Decimal("0.2")}})
    limits = {name: Decimal("0.2") for name in outcome.figures} or rule.limits
    return compared(outcome, rule.model_copy(update={"limits": limits}), before)


@pytest.mark.parametrize(("before", "passed"), [(6, True), (9, False), (5, False), (7, True), (0, False)])
def test_number_of_rows_may_change_by_a_share_of_what_it_was(evaluate: Evaluate, before: int, passed: bool) -> None:
    outcome = change(evaluate, "20%", ROWS, {"rows": Decimal(before)})
    assert outcome.passed is passed
    if before == 5:
        assert outcome.said == "rows changed by 40%, from 5 to 7; at most 20% is wanted."
    if before == 0:
        assert outcome.said == "rows was 0, from 0 to 7; at most 20% is wanted."


def test_first_result_has_nothing_to_be_compared_with_and_says_so(evaluate: Evaluate) -> None:
    outcome = change(evaluate, "20%", ROWS, None)
    assert outcome.passed
    assert outcome.said == "Nothing to compare with: this is the first materialization."


def test_sums_and_averages_are_exact(evaluate: Evaluate) -> None:
    wide = pa.array([Decimal(10**37), Decimal(10**37), None, Decimal(3)], pa.decimal128(38, 0))
    table = pa.table({"n": [2**62, 2**62, 2**62, 2**62], "d": wide, "f": [0.5, 0.25, None, 0.25]})
    outcome = only(evaluate("no_change_beyond: {sum(n): 1%, sum(d): 1%, avg(f): 1%}", table))
    assert outcome.figures["sum(n)"] == 2**64
    assert outcome.figures["sum(d)"] == 2 * 10**37 + 3
    assert round(Decimal(outcome.figures["avg(f)"]), 6) == Decimal("0.333333")


@pytest.mark.parametrize(
    ("column", "error"),
    [(pa.array(["x"]), "'a' is string, and no number."), (pa.array([float("nan")]), "'a' holds NaN or infinity")],
)
def test_what_has_no_sum_fails(evaluate: Evaluate, column: Any, error: str) -> None:
    outcome = only(evaluate("no_change_beyond: {sum(a): 1%}", pa.table({"a": column})))
    assert error in outcome.error
    assert not compared(outcome, NoChangeBeyond(limits={"sum(a)": Decimal(1)}), {}).passed


def test_empty_result(evaluate: Evaluate) -> None:
    outcomes = evaluate(
        "not_null: a, unique: b, accepted_values: {b: [x]}, row_count: 0, no_change_beyond: {sum(id): 1%}",
        ROWS.slice(0, 0),
    )
    assert all(outcome.passed for outcome in outcomes.values())
