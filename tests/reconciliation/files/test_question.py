"""What a header says becomes what the engine is asked."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from textwrap import dedent

import pytest

from cockroach_pipelines.queries import Query, SQLRepository
from cockroach_pipelines.reconciliation import (
    Bound,
    Care,
    Expectation,
    Measure,
    Recheck,
    ReconciliationSpec,
    Relation,
    Stop,
    Tolerance,
)
from cockroach_pipelines.reconciliation.files.question import Question, question_of


def asked(folder: Path, text: str, **values: object) -> Question:
    file = folder / "queries" / "reconciliation" / "f.sql"
    file.parent.mkdir(parents=True)
    file.write_text(dedent(text).lstrip())
    query = SQLRepository(folder).get("f")
    assert isinstance(query, Query) and query.comparison is not None
    return question_of(query.comparison, query.parameter_values(values))


def test_every_key_of_a_header_reaches_the_engine(tmp_path: Path) -> None:
    question = asked(
        tmp_path,
        """
        /* @asset
        source: {connection: a, table: orders, where: region = :region}
        target: {connection: b, table: sales.orders}
        params: {region: text}
        where: placed > :region
        key: [id, line]
        exclude: loaded
        rename: {name: full_name}
        tolerance: {amount: 0.01, rate: {relative: 1%}, at: 1s, name: [ignore_case, ignore_trailing_blanks, null_is_empty]}
        normalize: {email: "lower({})"}
        expect: {warn: {max_share: 1%}, error: {max_differences: 10, max_share: 2%}}
        recheck: {after: 30s, times: 2}
        stop: {differences: 7, share: 50%, after: 10m}
        limit: 50
        exact: true
        care: {workers: 4, statement_time: 20s, throttle: {sql: SELECT busy FROM load, pause: 2s}, background: true}
        as_of: -10s
        timeout: 1m
        retries: 1
        timezone: Europe/Berlin
        group_by: region
        measures: [count, {sum(amount): 5}]
        drill: 3
        */
        """,
        region="eu",
    )
    assert question.source == Relation("a", "orders", where="region = ?", where_parameters=("eu",))
    assert question.target == Relation("b", "sales.orders")
    assert question.retries == 1
    assert question.connections == {"a": 5, "b": 4}
    assert question.spec == ReconciliationSpec(
        key=("id", "line"),
        exclude=("loaded",),
        rename={"name": "full_name"},
        where="placed > ?",
        where_parameters=("eu",),
        tolerance={
            "amount": Tolerance(absolute=Decimal("0.01")),
            "rate": Tolerance(relative=Decimal("0.01")),
            "at": Tolerance(within=dt.timedelta(seconds=1)),
            "name": Tolerance(ignore_case=True, ignore_trailing_blanks=True, null_is_empty=True),
        },
        normalize={"email": "lower({})"},
        expect=Expectation(error=Bound(10, 0.02), warn=Bound(None, 0.01)),
        as_of="-10s",
        recheck=Recheck(30.0, 2),
        stop=Stop(7, 0.5, 600.0),
        limit=50,
        exact=True,
        care=Care(4, 20.0, 60.0, "SELECT busy FROM load", 2.0, True),
        timezone="Europe/Berlin",
        group_by=("region",),
        measures=(Measure("count"), Measure("sum", "amount", Tolerance(absolute=Decimal(5)))),
        drill=3,
    )


def test_a_silent_header_asks_what_the_engine_does_by_itself(tmp_path: Path) -> None:
    question = asked(tmp_path, "/* @asset\nsource: a\ntarget: b\n*/")
    assert question == Question(Relation("main", "a"), Relation("main", "b"), ReconciliationSpec())
    assert question.connections == {"main": 2}


def test_a_sample_is_a_share(tmp_path: Path) -> None:
    assert asked(tmp_path, "/* @asset\nsource: a\ntarget: b\nsample: 5%\n*/").spec.sample == 0.05


def test_statements_bind_their_parameters_in_order(tmp_path: Path) -> None:
    question = asked(
        tmp_path,
        """
        /* @asset
        params: {x: integer, y: integer}
        */
        -- name: source
        SELECT :y AS id, :x AS v, '{"a": 1}'::jsonb ? 'a' AS has, :y AS again;
        -- name: target
        SELECT 1 AS id
        """,
        x=1,
        y=2,
    )
    assert question.source.sql == "SELECT ? AS id, ? AS v, '{\"a\": 1}'::jsonb ?? 'a' AS has, ? AS again"
    assert question.source.parameters == (2, 1, 2)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", Expectation(error=Bound(0))),
        ("expect: 3", Expectation(error=Bound(3))),
        ("expect: {max_share: 1%}", Expectation(error=Bound(None, 0.01))),
        ("expect: {warn: 0}", Expectation(error=Bound(), warn=Bound(0))),
    ],
)
def test_expectations(tmp_path: Path, said: str, expected: Expectation) -> None:
    assert asked(tmp_path, f"/* @asset\nsource: a\ntarget: b\n{said}\n*/").spec.expect == expected
