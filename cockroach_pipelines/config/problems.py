"""What is wrong in the configuration, gathered so that one error tells all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import indent

from cockroach_pipelines.config.errors import ConfigurationError, Place


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong; the fields are those of `ConfigurationError`."""

    place: Place | None
    message: str
    advice: str = ""

    def __str__(self) -> str:
        return str(self.as_error())

    def as_error(self) -> ConfigurationError:
        """Give the error that tells this problem alone."""
        return ConfigurationError(self.message, place=self.place, advice=self.advice)


def configuration_error(problems: Iterable[Problem]) -> ConfigurationError:
    """Give one error for all problems (at least one), at the place of the first; each is told once."""
    first, *others = dict.fromkeys(problems)
    if not others:
        return first.as_error()
    told = "\n".join(indent(str(problem), "    ").replace("    ", "  - ", 1) for problem in (first, *others))
    return ConfigurationError(f"{len(others) + 1} settings are wrong:\n{told}", place=first.place)
