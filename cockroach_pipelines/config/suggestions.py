"""The nearest known word to an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Give the known word that is most like this one, whatever its case, when they are alike enough (0 to 1)."""
    lowered = {candidate.lower(): candidate for candidate in sorted(known)}
    close = get_close_matches(word.lower(), lowered, n=1, cutoff=likeness)
    return lowered[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give a sentence that proposes the nearest known word, else one that lists what is known."""
    candidates = sorted(known)
    close = nearest(word, candidates)
    if close is not None:
        return f"Did you mean {close!r}?"
    return f"Known here: {', '.join(candidates)}." if candidates else "Nothing is known here."
