"""Ending in the middle of what is read: enough differs, or the time is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cockroach_pipelines.reconciliation.matching import Matched, differing_hashes


class Stopped(Exception):  # noqa: N818 - no error
    """The time of a comparison is over, and whatever it still read has been cancelled."""


@dataclass(frozen=True)
class Limits:
    """What a comparison stops at.

    Attributes:
        reached: Whether what was found so far is enough.
        enough: Whether so many differences more, in so many rows more, would be.
        wanted: Gives how many differences more are enough; None where their number is no limit.
        watching: Whether anything but the time is a limit.
    """

    reached: Callable[[], bool]
    enough: Callable[[int, int], bool]
    wanted: Callable[[], int | None]
    watching: bool


def probably_differing(ours: Any, theirs: Any, whole: tuple[bool, bool], *, keyless: bool) -> Any:
    """Give keys, 64 bits each, that seem to differ by some hashes of both sides; their rows have to be looked at.

    Args:
        ours: Key and row hash of the source, as for `differing_hashes`.
        theirs: Those of the target.
        whole: Whether these are all of the source, and of the target; only where they are can a key be missing.
        keyless: Whether rows have no key but themselves: then every row that only one side has seems to differ, as it will
            where both sides come in about the same order.
    """
    differing = differing_hashes(ours, theirs)
    if keyless:
        return differing
    in_source, in_target = np.isin(differing, ours[0]), np.isin(differing, theirs[0])
    seems = in_source & in_target
    if whole[0]:
        seems |= ~in_source
    if whole[1]:
        seems |= ~in_target
    return differing[seems]


def certain(matched: Matched, whole: tuple[bool, bool]) -> Matched:
    """Leave out what rows that were not read may still make up for; no key stands twice, or whole rows are the key."""
    nothing = np.empty(0, np.int64)
    return replace(
        matched,
        missing=matched.missing if whole[1] else nothing,
        extra=matched.extra if whole[0] else nothing,
        duplicates=[],
    )
