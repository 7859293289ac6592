"""A statement of a file, ready to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.queries.parsing.parameters import BoundSQL
from cockroach_pipelines.queries.parsing.parser import ParsedSQL


@dataclass(frozen=True)
class Statement:
    """A statement of a file: the author's words, ready to run (`bound`), and what is known of it (`parsed`).

    `fingerprint` is a hash that layout does not change. `name` is that of a named statement; `further` are those that
    stand after it in a report of several.
    """

    path: Path
    bound: BoundSQL
    parsed: ParsedSQL
    fingerprint: str
    name: str = ""
    further: tuple[Statement, ...] = ()

    @property
    def all(self) -> tuple[Statement, ...]:
        """This one and those after it."""
        return (self, *self.further)

    @property
    def sql(self) -> str:
        """The author's text from its first comment after the header to its last word."""
        return self.bound.source.text

    @property
    def executable(self) -> str:
        """The text for the driver, with `?` for each of `bound.names`."""
        return self.bound.text

    @property
    def first_line(self) -> int:
        """The line of the file in which the text begins, from 1."""
        return self.bound.source.place(0).line or 1

    def place(self, position: int | None, *, numbered: bool = True) -> Place:
        """Give the place in the file of a character position; see `BoundSQL.place`. None is the beginning."""
        return self.bound.place(position or 1, numbered=numbered)
