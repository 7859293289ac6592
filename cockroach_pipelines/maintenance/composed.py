"""SQL put together of an author's pieces and ours, which still knows where the author's pieces stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cockroach_pipelines.database import CockroachDBConnection, StatementError
from cockroach_pipelines.execution import arranged, locate
from cockroach_pipelines.queries.parsing import BoundSQL


@dataclass
class ComposedSQL:
    """A statement with `?` for its values, made piece by piece."""

    text: str = ""
    values: list[object] = field(default_factory=list, repr=False)
    _pieces: list[tuple[int, BoundSQL]] = field(default_factory=list, repr=False)

    def add(self, text: str, values: Sequence[object] = ()) -> ComposedSQL:
        """Append a piece of ours."""
        self.text += text
        self.values += values
        return self

    def add_bound(self, bound: BoundSQL, values: Mapping[str, object]) -> ComposedSQL:
        """Append a piece of the author's, and those of the values that it binds."""
        self._pieces.append((len(self.text), bound))
        return self.add(bound.text, arranged(bound, values))

    def after(self, word: str) -> ComposedSQL:
        """Give the same behind another word, such as EXPLAIN."""
        return ComposedSQL(word + self.text, self.values, [(start + len(word), bound) for start, bound in self._pieces])

    def execute(self, connection: CockroachDBConnection) -> int:
        """Run it and give the number of rows it affected.

        Raises:
            StatementError: The server refused it; its place is the line of the SQL file.
        """
        with self.located():
            return connection.execute(self.text, self.values)

    def query(self, connection: CockroachDBConnection) -> list[tuple[Any, ...]]:
        """Run it and give its rows; see `execute`."""
        with self.located():
            return connection.query(self.text, self.values)

    @contextmanager
    def located(self, *, numbered: bool = True) -> Iterator[None]:
        """Give errors of the server their place in the SQL file; `numbered` as for `execution.locate`."""
        try:
            yield
        except StatementError as error:
            position = error.server.position or 1
            before = [(start, bound) for start, bound in self._pieces if start < position] or self._pieces[:1]
            for start, bound in before[-1:]:
                locate(error, bound, numbered=numbered, before=start)
            raise
