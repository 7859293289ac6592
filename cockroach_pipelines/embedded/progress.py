"""How a load of the sample data is followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]
"""Called with the table that is being loaded, the rows sent so far and all its rows, 0 of 0 when not known."""
