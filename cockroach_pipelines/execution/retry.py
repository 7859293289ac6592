"""When a transaction is run again, and after which wait."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from cockroach_pipelines.config import RetryConfig
from cockroach_pipelines.database import ConnectionFailedError, DatabaseError, KerberosError, Recovery

# A lock is often held for as long as another job runs: to ask for it again and again only delays the error.
_RETRIES_FOR_A_LOCK = 3
# A statement that was prepared anew and is stale again has another reason.
_RETRIES_OF_PREPARING = 1

_SLICE_SECONDS = 0.1


@dataclass(frozen=True)
class RetryPolicy:
    """How often, how long, and after which waits; pure: it neither waits nor looks at a clock.

    The wait before retry n, counted from 0, is `first_wait` x 2^n, and by chance up to as much again, so that those who
    met part; none is longer than `longest_wait`. Each wait is at least as long as the one before.
    """

    retries: int = 6
    first_wait: float = 0.1
    longest_wait: float = 10.0
    total_time: float = 120.0

    @classmethod
    def of(cls, config: RetryConfig, retries: int | None = None) -> RetryPolicy:
        """Give the policy of a connection; `retries` of a file or a caller come before its own."""
        chosen = config.retries if retries is None else retries
        return cls(chosen, config.first_wait, config.longest_wait, config.total_time)

    def wait(self, retry: int, chance: float) -> float:
        """Give the seconds to wait before retry n, counted from 0; `chance` is from 0 up to 1."""
        doubled = self.first_wait * 2.0 ** min(retry, 1000)
        return float(min(doubled * (1 + chance), self.longest_wait))

    def next_wait(self, retry: int, elapsed: float, chance: float) -> float | None:
        """Give the seconds to wait before retry n, or None where there is to be none.

        Args:
            retry: Number of the retry that would follow, counted from 0.
            elapsed: Seconds since the first attempt began.
            chance: From 0 up to 1.
        """
        if retry >= self.retries:
            return None
        wait = self.wait(retry, chance)
        return wait if elapsed + wait <= self.total_time else None

    def limit(self, recovery: Recovery) -> int:
        """Give how many retries one kind of error may have."""
        match recovery:
            case Recovery.NONE | Recovery.UNKNOWN:
                return 0
            case Recovery.LOCK:
                return min(_RETRIES_FOR_A_LOCK, self.retries)
            case Recovery.PREPARE:
                return min(_RETRIES_OF_PREPARING, self.retries)
            case Recovery.AGAIN | Recovery.RECONNECT:
                return self.retries


@dataclass
class Attempts:
    """The attempts at one piece of work: counts them, decides on the next one, and waits for it.

    Args:
        policy: Whose limits hold.
        stop: Set from another thread to end the wait; nothing is tried after that.
        clock: Seconds, from any beginning.
        chance: Gives numbers from 0 up to 1.
    """

    policy: RetryPolicy
    stop: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    number: int = 1
    """The attempt that runs, from 1."""

    def __post_init__(self) -> None:
        self._began = self.clock()
        self._of_kind: Counter[Recovery] = Counter()

    @property
    def seconds(self) -> float:
        """Seconds since the first attempt began."""
        return self.clock() - self._began

    def next_wait(self, error: DatabaseError, recovery: Recovery | None = None) -> float:
        """Give the seconds to wait before the next attempt, which is the current one from now on.

        Args:
            error: What ended the last one.
            recovery: What the circumstances call for, where they know better than the error.

        Raises:
            DatabaseError: The error itself where nothing is to be tried again; it says how often it was.
        """
        kind = error.recovery if recovery is None else recovery
        allowed = self.policy.next_wait(self.number - 1, self.seconds, self.chance())
        if allowed is None or self._of_kind[kind] >= self.policy.limit(kind) or self.stop.is_set():
            if self.number > 1:
                error.tried = f"It was tried {self.number} times within {self.seconds:.1f} s."
            raise error
        self._of_kind[kind] += 1
        self.number += 1
        return allowed

    def sleep(self, seconds: float) -> None:
        """Wait, interruptibly, or until `stop` is set."""
        end = self.clock() + seconds
        while (left := end - self.clock()) > 0 and not self.stop.is_set():
            self.stop.wait(min(left, _SLICE_SECONDS))


def recovery_of(error: DatabaseError, *, reached: bool) -> Recovery:
    """Give what running again takes after an error.

    A server, or a KDC, that never answered this process is taken for a wrong setting and reported at once: there is
    nothing that was lost, and whoever runs this for the first time wants to know.

    Args:
        error: What ended the attempt.
        reached: Whether the connection was ever made.
    """
    connecting = isinstance(error, ConnectionFailedError) and error.sqlstate.startswith("08")
    if not reached and (connecting or isinstance(error, KerberosError)):
        return Recovery.NONE
    return error.recovery
