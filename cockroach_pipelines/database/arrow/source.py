"""Where a pump gets its blocks from."""

from __future__ import annotations

from typing import Protocol

from cockroach_pipelines.database.arrow.describe import Description
from cockroach_pipelines.database.arrow.marks import Marks


class Source(Protocol):
    """A statement whose result comes as blocks of CSV; used by one thread, in the order of its methods.

    Attributes:
        marks: What the blocks are written with.
    """

    marks: Marks

    def describe(self) -> Description:
        """Give the columns; nothing runs yet."""

    def open(self) -> None:
        """Run the statement; blocks until the server answers."""

    def next_block(self) -> bytes:
        """Give the next whole rows, empty at the end."""

    @property
    def runs(self) -> bool:
        """Whether the server still works on the statement, so that leaving it takes a cancel."""

    def drain(self) -> None:
        """Read what is left and throw it away; raises the server's error."""

    def close(self) -> None:
        """Let go of every Java object."""
