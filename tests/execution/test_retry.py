"""The retry policy keeps its bounds whatever happens: waits grow, attempts and time end, and some errors are never retried."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.config import RetryConfig
from cockroach_pipelines.database import (
    ConnectionFailedError,
    DatabaseError,
    KerberosCause,
    KerberosError,
    Recovery,
    ServerMessage,
    statement_error,
)
from cockroach_pipelines.execution.retry import Attempts, RetryPolicy, recovery_of

POLICIES = st.builds(
    RetryPolicy,
    retries=st.integers(0, 60),
    first_wait=st.floats(0.001, 10),
    longest_wait=st.floats(0.001, 100),
    total_time=st.floats(0.001, 1000),
)
CHANCES = st.floats(0, 1, exclude_max=True)
AGAIN = [Recovery.AGAIN, Recovery.RECONNECT]


@given(policy=POLICIES, retry=st.integers(0, 5000), chance=CHANCES)
def test_wait_is_within_its_bounds(policy: RetryPolicy, retry: int, chance: float) -> None:
    wait = policy.wait(retry, chance)
    doubled = policy.first_wait * 2.0 ** min(retry, 1000)
    assert min(doubled, policy.longest_wait) <= wait <= min(2 * doubled, policy.longest_wait)


@given(policy=POLICIES, chances=st.lists(CHANCES, min_size=2, max_size=40))
def test_no_wait_is_shorter_than_the_one_before(policy: RetryPolicy, chances: list[float]) -> None:
    waits = [policy.wait(retry, chance) for retry, chance in enumerate(chances)]
    assert waits == sorted(waits)


def test_first_waits_are_100_200_400_ms_and_up_to_as_much_again() -> None:
    policy = RetryPolicy()
    assert [policy.wait(retry, 0) for retry in range(4)] == [0.1, 0.2, 0.4, 0.8]
    assert [policy.wait(retry, 0.5) for retry in range(3)] == pytest.approx([0.15, 0.3, 0.6])


class Clock:
    """Time that passes only when somebody waits or works."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    policy=POLICIES,
    kinds=st.lists(st.sampled_from(list(Recovery)), min_size=200, max_size=200),
    work=st.floats(0, 50),
    chance=CHANCES,
)
def test_attempts_and_total_time_end(policy: RetryPolicy, kinds: list[Recovery], work: float, chance: float) -> None:
    clock = Clock()
    attempts = Attempts(policy, clock=clock, chance=lambda: chance)
    begun = [clock.now]
    error = DatabaseError("in vain")
    for kind in kinds:
        clock.now += work
        try:
            wait = attempts.next_wait(error, kind)
        except DatabaseError as raised:
            assert raised is error
            break
        assert kind not in (Recovery.NONE, Recovery.UNKNOWN)
        clock.now += wait
        begun.append(clock.now)
    assert len(begun) <= policy.retries + 1
    assert begun[-1] <= policy.total_time * (1 + 1e-9)
    assert len(begun) == attempts.number


@pytest.mark.parametrize(
    ("recovery", "attempts"),
    [
        (Recovery.NONE, 1),
        (Recovery.UNKNOWN, 1),
        (Recovery.PREPARE, 2),
        (Recovery.LOCK, 4),
        (Recovery.AGAIN, 11),
        (Recovery.RECONNECT, 11),
    ],
)
def test_each_kind_of_error_has_its_limit(recovery: Recovery, attempts: int) -> None:
    tried = Attempts(RetryPolicy(retries=10), clock=Clock())
    error = DatabaseError("in vain")
    with pytest.raises(DatabaseError) as caught:
        while True:
            tried.next_wait(error, recovery)
    assert tried.number == attempts
    assert caught.value.tried == ("" if attempts == 1 else f"It was tried {attempts} times within 0.0 s.")


def test_wait_ends_when_it_is_told_to() -> None:
    stop = threading.Event()
    attempts = Attempts(RetryPolicy(), stop)
    threading.Timer(0.1, stop.set).start()
    started = time.monotonic()
    attempts.sleep(30)
    assert time.monotonic() - started < 5
    with pytest.raises(DatabaseError):
        attempts.next_wait(DatabaseError("after the end"), Recovery.AGAIN)


def test_a_files_retries_come_before_its_connections() -> None:
    config = RetryConfig(retries=5, first_wait=1, longest_wait=2, total_time=3)
    assert RetryPolicy.of(config) == RetryPolicy(5, 1, 2, 3)
    assert RetryPolicy.of(config, 0).retries == 0


@pytest.mark.parametrize(
    ("sqlstate", "text", "recovery"),
    [
        ("40001", "restart transaction: TransactionRetryError", Recovery.AGAIN),
        ("40001", "restart transaction: RETRY_COMMIT_DEADLINE_EXCEEDED", Recovery.AGAIN),
        ("40P01", "deadlock detected", Recovery.AGAIN),
        ("40003", "result is ambiguous", Recovery.UNKNOWN),
        ("55P03", "canceling statement due to lock timeout", Recovery.LOCK),
        ("57014", "canceling statement due to user request", Recovery.NONE),
        ("57P01", "terminating connection", Recovery.RECONNECT),
        ("57P03", "the database system is starting up", Recovery.RECONNECT),
        ("08006", "An I/O error occurred", Recovery.RECONNECT),
        ("08S01", "communication link", Recovery.RECONNECT),
        ("25P03", "idle-in-transaction timeout", Recovery.RECONNECT),
        ("0A000", "cached plan must not change result type", Recovery.PREPARE),
        ("0A000", "multiple active portals not supported", Recovery.NONE),
        ("26000", "prepared statement does not exist", Recovery.PREPARE),
        ("25P02", "current transaction is aborted", Recovery.NONE),
        ("XXA00", "transaction committed but schema change aborted", Recovery.NONE),
        ("42P01", "no such table", Recovery.NONE),
        ("23505", "duplicate key", Recovery.NONE),
        ("53200", "out of memory", Recovery.NONE),
        ("25006", "read-only", Recovery.NONE),
    ],
)
def test_sqlstate_says_what_running_again_takes(sqlstate: str, text: str, recovery: Recovery) -> None:
    error = statement_error(ServerMessage(sqlstate, text))
    assert error.recovery is recovery
    assert recovery_of(error, reached=False) is recovery


@pytest.mark.parametrize(
    ("sqlstate", "before", "after"),
    [
        ("08001", Recovery.NONE, Recovery.RECONNECT),
        ("08006", Recovery.NONE, Recovery.RECONNECT),
        ("57P03", Recovery.RECONNECT, Recovery.RECONNECT),
        ("53300", Recovery.RECONNECT, Recovery.RECONNECT),
        ("28P01", Recovery.NONE, Recovery.NONE),
        ("3D000", Recovery.NONE, Recovery.NONE),
    ],
)
def test_server_that_never_answered_is_a_wrong_setting_and_one_that_did_comes_back(
    sqlstate: str, before: Recovery, after: Recovery
) -> None:
    error = ConnectionFailedError("no connection", sqlstate=sqlstate)
    assert recovery_of(error, reached=False) is before
    assert recovery_of(error, reached=True) is after


@pytest.mark.parametrize("cause", list(KerberosCause))
def test_only_a_kdc_that_is_away_comes_back(cause: KerberosCause) -> None:
    passing = cause in (KerberosCause.KDC_REFUSED, KerberosCause.KDC_SILENT)
    error = KerberosError("no ticket", cause=cause)
    assert recovery_of(error, reached=True) is (Recovery.RECONNECT if passing else Recovery.NONE)
    assert recovery_of(error, reached=False) is Recovery.NONE
