"""How many rows a batch has: as many as take the time it should take."""

from __future__ import annotations

from cockroach_pipelines.queries.headers import BatchSize

_GROWTH = 2.0
"""A batch has at most so many times the rows of the one before."""
_MEMORY = 0.5
"""How much the batches before count beside the last one, when both say how fast rows go."""


class AdaptiveSize:
    """The rows of the next batch.

    Rows a second are a moving average; a batch that met another transaction, or took too long, halves it at once.

    Args:
        rules: Start, bounds and target.
        rows: Of the first batch, where an earlier run found out; the rules' start when None.
        longest: No batch should take longer, whatever the rules say, since the server would end it.
    """

    def __init__(self, rules: BatchSize, rows: int | None = None, longest: float = float("inf")) -> None:
        self._rules = rules
        self._target = min(rules.target, longest)
        self._rate: float | None = None
        self.rows = self._within(rows or rules.start)

    def learn(self, rows: int, seconds: float) -> None:
        """Take note of a whole batch that was committed."""
        if rows <= 0 or seconds <= 0:
            return
        rate = rows / seconds
        self._rate = rate if self._rate is None else _MEMORY * self._rate + (1 - _MEMORY) * rate
        self.rows = self._within(round(min(self._rate * self._target, self.rows * _GROWTH)))

    def halve(self) -> bool:
        """Make batches half as large; False where they are as small as they may be."""
        before = self.rows
        self.rows = self._within(before // 2)
        self._rate = None  # what was learnt no longer holds
        return self.rows < before

    def _within(self, rows: int) -> int:
        return max(self._rules.least, min(rows, self._rules.most))
