"""Every strategy says what a comparison of every row with every other says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.reconciliation import HashKind, Reconciliation, Strategy
from tests.reconciliation.conftest import Databases
from tests.reconciliation.values import KEY_POOLS, POOLS, Pool, Row, Truth, insert, truth

WAYS = (
    (Strategy.DIRECT, HashKind.NATIVE),
    (Strategy.CHECKSUMS, HashKind.NATIVE),
    (Strategy.CHECKSUMS, HashKind.MD5),
    (Strategy.HASHES, HashKind.NATIVE),
    (Strategy.HASHES, HashKind.MD5),
    (Strategy.ROWS, HashKind.NATIVE),
)


BYTEWISE = 'text COLLATE "C"'
INDEXED_KEYS = (
    *(pool for pool in KEY_POOLS if set(pool.types) <= {"int2", "int4", "int8", "uuid", "date", "timestamptz"}),
    *(replace(pool, types=(BYTEWISE,)) for pool in KEY_POOLS if BYTEWISE in pool.types),
)


@dataclass(frozen=True)
class Case:
    """Two tables."""

    key: int
    source_types: tuple[str, ...]
    target_types: tuple[str, ...]
    source: list[Row]
    target: list[Row]

    def __repr__(self) -> str:
        return f"Case(key={self.key}, {self.source_types} / {self.target_types},\n {self.source}\n {self.target})"


def value(pool: Pool) -> st.SearchStrategy[Any]:
    return st.sampled_from(pool.values) | st.none()


@st.composite
def cases(draw: st.DrawFn) -> Case:
    key = draw(st.lists(st.sampled_from(KEY_POOLS), max_size=3))
    others = draw(st.lists(st.sampled_from(POOLS), min_size=0 if key else 1, max_size=4))
    pools = [*key, *others]
    types = [tuple(draw(st.sampled_from(pool.types)) for pool in pools) for _ in range(2)]
    row = st.tuples(*(value(pool) for pool in pools))
    source = draw(st.lists(row, max_size=12))
    target = draw(st.lists(row, max_size=6))
    for number, each in enumerate(source):  # most rows are in both, some with one value changed, or twice
        what = draw(st.sampled_from(("same", "same", "same", "change", "twice", "gone", "respell")))
        if what in ("same", "twice"):
            target += [each] * (2 if what == "twice" else 1)
        elif what == "change":
            place = draw(st.integers(0, len(pools) - 1))
            target.append((*each[:place], draw(value(pools[place])), *each[place + 1 :]))
        elif what == "respell":
            target.append(tuple(respelled(draw, v, pool) for v, pool in zip(each, pools, strict=True)))
        if number % 5 == 4:
            source.append(each)
    return Case(len(key), types[0], types[1], source, draw(st.permutations(target)))


def respelled(draw: st.DrawFn, given_value: Any, pool: Pool) -> Any:
    """Give a value of the same meaning."""
    if given_value is None:
        return None
    return draw(st.sampled_from([each for each in pool.values if each[1] == given_value[1]]))


def create(databases: Databases, case: Case) -> None:
    for connection, types, rows in (
        (databases.source, case.source_types, case.source),
        (databases.target, case.target_types, case.target),
    ):
        columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(types))
        connection.execute(f"DROP TABLE IF EXISTS random; CREATE TABLE random ({columns})")
        if rows:
            connection.execute(insert("random", rows, types))


def check(result: Reconciliation, expected: Truth, case: Case) -> None:
    counts = result.counts
    assert (counts.missing, counts.extra, counts.changed) == (expected.missing, expected.extra, expected.changed)
    assert (result.source_rows, result.target_rows) == (len(case.source), len(case.target))
    assert sorted((each.source_copies, each.target_copies) for each in result.duplicates) == sorted(
        expected.duplicates.values()
    )
    assert result.equal == (counts.total == 0)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=cases())
def test_all_strategies_agree_with_brute_force_in_both_directions(both_databases: Databases, case: Case) -> None:
    create(both_databases, case)
    key = tuple(f"c{number}" for number in range(case.key))
    forward = truth(case.source, case.target, case.key)
    backward = truth(case.target, case.source, case.key)
    back = {"source": "target", "target": "source"}
    for strategy, kind in WAYS:
        result = both_databases.reconcile("random", key=key, strategy=strategy, hash=kind, segments=8)
        check(result, forward, case)
    from cockroach_pipelines.reconciliation import Relation

    result = both_databases.reconcile(
        Relation(back["source"], "random"), Relation(back["target"], "random"), key=key, strategy=Strategy.CHECKSUMS
    )
    check(result, backward, Case(case.key, case.target_types, case.source_types, case.target, case.source))
    assert not list(Path(both_databases.folder).glob("parts/*"))


@pytest.mark.parametrize("pool", POOLS, ids=lambda pool: pool.types[0])
@pytest.mark.parametrize(("strategy", "kind"), WAYS[1:], ids=lambda way: str(way))
def test_every_pair_of_values_of_every_type_is_told_apart(
    databases: Databases, pool: Pool, strategy: Strategy, kind: HashKind
) -> None:
    values = [*pool.values, None]
    pairs = [(one, other) for one in values for other in values]
    source: list[Row] = [((str(number), str(number)), one) for number, (one, _) in enumerate(pairs)]
    target: list[Row] = [((str(number), str(number)), other) for number, (_, other) in enumerate(pairs)]
    types = ("int4", pool.types[0]), ("int4", pool.types[-1])
    create(databases, Case(1, types[0], types[1], source, target))
    expected = truth(source, target, 1)
    result = databases.reconcile("random", key=("c0",), strategy=strategy, hash=kind, segments=len(pairs))
    assert result.counts.changed == expected.changed
    assert (result.counts.missing, result.counts.extra) == (0, 0)


@st.composite
def indexed_cases(draw: st.DrawFn) -> Case:
    """Keys of several columns that are primary keys on both sides."""
    key = draw(st.lists(st.sampled_from(INDEXED_KEYS), min_size=2, max_size=3))
    other = draw(st.sampled_from(POOLS))
    types = tuple(draw(st.sampled_from(pool.types)) for pool in (*key, other))
    keys = draw(
        st.lists(
            st.tuples(*(st.sampled_from(pool.values) for pool in key)),
            max_size=25,
            unique_by=lambda values: tuple(repr(each[1]) for each in values),
        )
    )
    source = [(*each, draw(value(other))) for each in keys if draw(st.booleans()) or draw(st.booleans())]
    target = [row if draw(st.booleans()) else (*row[:-1], draw(value(other))) for row in source[1:]]
    target += [(*each, draw(value(other))) for each in keys if each not in [row[:-1] for row in source]]
    return Case(len(key), types, types, source, target)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=indexed_cases())
def test_ranges_of_keys_of_several_columns_agree_with_brute_force(both_databases: Databases, case: Case) -> None:
    key = tuple(f"c{number}" for number in range(case.key))
    create(both_databases, case)
    for connection in (both_databases.source, both_databases.target):
        connection.execute(f"ALTER TABLE random ADD PRIMARY KEY ({', '.join(reversed(key))})")
    expected = truth(case.source, case.target, case.key)
    for strategy in (Strategy.CHECKSUMS, Strategy.HASHES, Strategy.ROWS):
        result = both_databases.reconcile("random", key=key, strategy=strategy, hash=HashKind.NATIVE, segments=8)
        check(result, expected, case)
        if strategy is not Strategy.CHECKSUMS and len(case.source) > 1:
            assert f"ranges of {', '.join(reversed(key))}" in result.choice.segments
