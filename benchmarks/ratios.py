"""What the measurements have to show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """One figure beside its limit.

    Attributes:
        work: What was done.
        claim: What is compared.
        value: The figure.
        limit: What it must reach, or stay within.
        at_most: Whether the limit is an upper one.
        unit: What stands behind both.
    """

    work: str
    claim: str
    value: float
    limit: float
    at_most: bool = False
    unit: str = "×"

    @property
    def passed(self) -> bool:
        """Whether it keeps the limit."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    @property
    def shown(self) -> str:
        """The figure as text."""
        return f"{self.value:.{0 if abs(self.value) >= 20 else 2}f} {self.unit}"

    @property
    def shown_limit(self) -> str:
        """The limit as text."""
        return f"{'≤' if self.at_most else '≥'} {self.limit:g} {self.unit}"
