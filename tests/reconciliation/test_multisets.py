"""Rows without a key: what one side has more often is told, each copy, and how many copies there are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.reconciliation import HashKind, Stop, Strategy, engine, multisets
from cockroach_pipelines.reconciliation.multisets import surplus
from tests.reconciliation.conftest import Databases, cells
from tests.reconciliation.test_truth import Case, cases, check, create
from tests.reconciliation.values import truth

HASHES = st.lists(st.integers(-3, 3) | st.integers(-(2**63), 2**63 - 1), max_size=40)


@given(ours=HASHES, theirs=HASHES, each=st.integers(1, 10))
def test_surplus_is_what_is_left_of_a_multiset(ours: list[int], theirs: list[int], each: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(multisets, "_HASHES_EACH", each)
        found = surplus(np.array(sorted(ours), np.int64), np.array(sorted(theirs), np.int64))
    assert Counter(found.tolist()) == Counter(ours) - Counter(theirs)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(case=cases(), named=st.booleans(), kind=st.sampled_from((HashKind.NATIVE, HashKind.MD5)))
def test_whole_rows_agree_with_brute_force(both_databases: Databases, case: Case, named: bool, kind: HashKind) -> None:
    whole = Case(0, case.source_types, case.target_types, case.source, case.target)
    create(both_databases, whole)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(multisets, "_MOST_NAMED", 100 if named else 0)
        patched.setattr(multisets, "_SHARE_NAMED", 1.0)
        patched.setattr(engine, "SCATTERED_EACH", 3)
        patched.setattr(engine, "ROWS_EACH", 1)
        for strategy in (Strategy.CHECKSUMS, Strategy.HASHES):
            result = both_databases.reconcile("random", key=(), strategy=strategy, hash=kind, segments=8)
            check(result, truth(whole.source, whole.target, 0), whole)


@pytest.mark.parametrize("named", [True, False])
def test_many_rows_that_differ_are_told_one_by_one(
    databases: Databases, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "SELECT CASE WHEN g % 3 = {} THEN -g ELSE g END, 'v' || g FROM generate_series(1, 45000) AS g, generate_series(1, 1 + g % 2)"
    databases.tables("t", "a int, v text", rows.format(0), rows.format(1))
    databases.target.execute(
        "DELETE FROM t WHERE ctid IN (SELECT min(ctid) FROM t WHERE a % 2 = 1 AND a % 3 = 2 GROUP BY a)"
    )
    if not named:
        monkeypatch.setattr(multisets, "_MOST_NAMED", 0)
    result = databases.reconcile("t", key=())
    # Of three rows one is negated in the source and one in the target; of those that stand twice and alike one is gone.
    assert (result.counts.missing, result.counts.extra) == (45_000 + 7_500, 45_000)
    assert result.duplicate_keys == 4 * 7_500 + 7_500
    assert {(each.source_copies, each.target_copies) for each in result.duplicates} <= {(2, 0), (0, 2), (2, 1)}
    told = Counter((row["kind"], row["source"] or row["target"]) for row in cells(result))
    assert max(told.values()) == 2
    assert sum(told.values()) == result.counts.total
    assert told["missing", '{"a": "5", "v": "v5"}'] == 1
    assert told["missing", '{"a": "-3", "v": "v3"}'] == told["extra", '{"a": "-1", "v": "v1"}'] == 2
    stopped = databases.reconcile("t", key=(), stop=Stop(differences=10), strategy=Strategy.HASHES)
    assert stopped.headline.startswith("At least ")
    assert 10 <= stopped.counts.total < 90_000
