"""Text that knows where it stands in a file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from unicodedata import east_asian_width

from cockroach_pipelines.config.errors import Place

_SHOWN, _SHOWN_BEFORE = 120, 80
_LINE_BREAK = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class SourceText:
    """A stretch of a file, from `start` to `stop`, whose offsets can be turned into lines and columns of the file.

    Args:
        name: The file, or what else the text is to be called in errors.
        whole: The text of the whole file.
        start: Where the stretch begins in `whole`, counted from 0.
        stop: Where it ends, exclusive; the end of the file when silent.
        fixed: The place of every offset, for text that does not stand in the file as it is read (a folded YAML value).
    """

    name: Path | str
    whole: str
    start: int = 0
    stop: int | None = None
    fixed: Place | None = None

    @property
    def text(self) -> str:
        """The stretch itself."""
        return self.whole[self.start : self.stop]

    def place(self, offset: int) -> Place:
        """Give the line and column, both from 1, of an offset into `text`, counted from 0."""
        if self.fixed is not None:
            return self.fixed
        line, line_start = 1, 0
        position = min(self.start + max(offset, 0), len(self.whole))
        for line_break in _LINE_BREAK.finditer(self.whole, 0, position):
            line, line_start = line + 1, line_break.end()
        return Place(self.name, line, position - line_start + 1)

    def excerpt(self, place: Place) -> str:
        """Give the line of a place with its number, and a caret below the place; empty where the text has no such line."""
        lines = _LINE_BREAK.split(self.whole)
        if not place.line or not place.column or place.line > len(lines):
            return ""
        line, column = lines[place.line - 1], place.column - 1
        start = max(0, column - _SHOWN_BEFORE)
        shown, before = line[start : start + _SHOWN].rstrip(), line[start:column]
        gutter = f"  {place.line} | "
        # Tabs stay tabs and wide characters take two columns, so that the caret stands where the eye looks.
        blank = "".join("\t" if each == "\t" else "  " if east_asian_width(each) in "WF" else " " for each in before)
        return f"{gutter}{shown}\n{' ' * (len(gutter) - 2)}| {blank}^"

    def part(self, start: int, stop: int | None = None) -> SourceText:
        """Give the stretch between two offsets into `text`."""
        end = self.stop if stop is None else self.start + stop
        return SourceText(self.name, self.whole, self.start + start, end, self.fixed)


def as_source(sql: str | SourceText) -> SourceText:
    """Give plain text the name under which errors speak of it."""
    return SourceText("SQL text", sql) if isinstance(sql, str) else sql
