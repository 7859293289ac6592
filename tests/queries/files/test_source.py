"""A place in a file is shown as its line with a caret below it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockroach_pipelines.config import Place
from cockroach_pipelines.queries.files.source import SourceText

TEXT = "SELECT id,\r\n\tn\u00f6, \u540d\u524d, x\nFROM t"
SOURCE = SourceText(Path("f.sql"), TEXT, start=3)


@pytest.mark.parametrize(
    ("line", "column", "shown"),
    [
        (1, 8, "  1 | SELECT id,\n    |        ^"),
        (2, 2, "  2 | \tn\u00f6, \u540d\u524d, x\n    | \t^"),
        (2, 10, f"  2 | \tn\u00f6, \u540d\u524d, x\n    | \t{' ' * (len('nö, ') + 2 * len('名前') + len(', '))}^"),
        (3, 7, "  3 | FROM t\n    |       ^"),
        (4, 1, ""),
        (None, None, ""),
    ],
)
def test_line_with_a_caret(line: int | None, column: int | None, shown: str) -> None:
    assert SOURCE.excerpt(Place(Path("f.sql"), line, column)) == shown


def test_long_line_is_cut_around_the_place() -> None:
    source = SourceText(Path("f.sql"), "SELECT " + "a, " * 100 + "wrong" + ", b" * 100)
    first, second = source.excerpt(Place(Path("f.sql"), 1, 308)).splitlines()
    assert len(first) <= 126
    assert first[second.index("^") :].startswith("wrong")
