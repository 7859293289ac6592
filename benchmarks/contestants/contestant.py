"""What every way to move data has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class Place:
    """Where the server listens and as whom to log in."""

    host: str
    port: int
    database: str
    user: str
    password: str

    def url(self, scheme: str = "postgresql") -> str:
        """Give the address as a URL."""
        return f"{scheme}://{self.user}:{self.password}@{self.host}:{self.port}/{self.database}"

    @property
    def jdbc_url(self) -> str:
        """The address in JDBC's terms, without the login."""
        return f"jdbc:postgresql://{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True)
class Subject:
    """What is moved.

    Attributes:
        table: The table that is read, or written.
        limit: Only so many rows of it; all when None.
        data: For a write, an Arrow IPC file with the rows.
    """

    table: str
    limit: int | None = None
    data: str | None = None

    @property
    def query(self) -> str:
        """The query that everyone runs."""
        return f"SELECT * FROM {self.table}" + (f" LIMIT {self.limit}" if self.limit else "")

    def load(self) -> pa.Table:
        """Read the rows to write into memory."""
        assert self.data is not None
        return pa.ipc.open_file(Path(self.data).read_bytes()).read_all().slice(0, self.limit)


class Contestant(ABC):
    """One way to move the data, in a process of its own; the constructor connects, and nothing has moved yet."""

    operations = 1
    """How many operations a `run` is; its time is given for one."""

    def __init__(self, place: Place, subject: Subject) -> None:
        self.place = place
        self.subject = subject
        self.result: Any = None

    def prepare(self) -> None:  # noqa: B027 - most need nothing
        """Make ready for a run; not timed."""

    @abstractmethod
    def run(self) -> None:
        """Move the data, and keep what came in `result`; timed."""

    def settle(self) -> None:  # noqa: B027 - most need nothing
        """Leave everything as it was before the run; not timed."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect."""

    def rows(self) -> int | None:
        """Give how many rows the last run moved."""
        return None if self.result is None else len(self.result)

    def table(self) -> pa.Table | None:
        """Give what the last run read, for comparison; None when it kept nothing."""
        return None
