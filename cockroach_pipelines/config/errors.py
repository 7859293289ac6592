"""The root of the exception hierarchy, which `cockroach_pipelines.database.errors` draws in full."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where something is wrong: a file, or anything else with a name (a variable), and the line and column from 1."""

    source: Path | str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.source, self.line, self.column) if part is not None)


class PipelinesError(Exception):
    """Anything this project reports to a person.

    Args:
        message: What is wrong, in one sentence.
        place: Where it is wrong, when that can be pointed at.
        advice: How to mend it.
    """

    def __init__(self, message: str, *, place: Place | None = None, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.place = place
        self.advice = advice

    def __reduce__(self) -> tuple[object, ...]:
        # Errors travel between processes whatever arguments their classes take.
        return _unpickled, (type(self), self.args), self.__dict__

    def __str__(self) -> str:
        return "\n".join(line for line in self.lines() if line)

    def lines(self) -> list[str]:
        """Give what is told to a person, from the most telling to the least; empty ones are left out."""
        return [f"{self.place}: {self.message}" if self.place else self.message, self.advice]


def _unpickled(kind: type[PipelinesError], args: tuple[object, ...]) -> PipelinesError:
    return kind.__new__(kind, *args)


class ConfigurationError(PipelinesError):
    """A setting is missing, unknown or wrong."""
