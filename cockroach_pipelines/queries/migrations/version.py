"""The version of a migration, ordered as Flyway orders it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_VERSION = re.compile(r"\d+(?:[._]\d+)*", re.ASCII)


@dataclass(frozen=True, order=True)
class MigrationVersion:
    """Numbers separated by dots: 1 < 1.1 < 2 < 10, and 1 is 1.0.

    `text` is what was written, with dots for underscores: what the history keeps.
    """

    parts: tuple[int, ...]
    text: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> MigrationVersion:
        """Read a version such as `7`, `1.1`, `1_1` or `20240131.1200`.

        Raises:
            ValueError: It is none.
        """
        if not _VERSION.fullmatch(text):
            raise ValueError(f"{text!r} is no version. Write numbers separated by dots, such as 7 or 1.1.")
        shown = text.replace("_", ".")
        parts = [int(part) for part in shown.split(".")]
        while len(parts) > 1 and parts[-1] == 0:
            parts.pop()
        return cls(tuple(parts), shown)

    def __str__(self) -> str:
        return self.text
