"""What can be wrong with a SQL file, with what is asked of it, and with the values it is given."""

from __future__ import annotations

from collections.abc import Sequence

from cockroach_pipelines.config.errors import PipelinesError, Place


class QueryFileError(PipelinesError):
    """A SQL file, or a folder of them, cannot be used as it is; always has the place."""

    place: Place

    def __init__(self, message: str, *, place: Place, advice: str = "") -> None:
        super().__init__(message, place=place, advice=advice)

    @property
    def problems(self) -> tuple[QueryFileError, ...]:
        """Everything that is wrong, one error each, in the order of the file."""
        return (self,)


class QueryFileProblemsError(QueryFileError):
    """Several things are wrong with one SQL file; the place is that of the first."""

    def __init__(self, problems: Sequence[QueryFileError]) -> None:
        super().__init__(f"{len(problems)} problems in this file", place=problems[0].place)
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[QueryFileError, ...]:
        """Everything that is wrong, one error each, in the order of the file."""
        return self._problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self._problems)


class QueryNotFoundError(PipelinesError):
    """No query has the name that was asked for."""


class ParameterError(PipelinesError):
    """A value for a parameter is missing, unknown or of the wrong type."""


def combine(problems: Sequence[QueryFileError]) -> QueryFileError:
    """Give one error for all, in the order of the file; the only one itself, else a `QueryFileProblemsError`."""
    flat = [single for problem in problems for single in problem.problems]
    flat.sort(key=lambda problem: (str(problem.place.source), problem.place.line or 0, problem.place.column or 0))
    return flat[0] if len(flat) == 1 else QueryFileProblemsError(flat)
