"""What is said of how processes share the tests is true of the tests that there are."""

from __future__ import annotations

from pathlib import Path

from tests.sharing import LONGEST_FIRST

ROOT = Path(__file__).parents[1]


def test_what_begins_first_is_there() -> None:
    assert [path for path in LONGEST_FIRST if not (ROOT / path).exists()] == []
