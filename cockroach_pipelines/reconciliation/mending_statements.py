"""Statements that change rows of one table, each as long as that holds what was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cockroach_pipelines.database import Dialect
from cockroach_pipelines.reconciliation.columns import Column, Pair, quoted
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.matching import Row
from cockroach_pipelines.reconciliation.typed_rows import own_literal, unlimited_type


@dataclass(frozen=True)
class Replacement:
    """A row of the side that is right, and the one that it replaces, None where there was none.

    Both hold all columns, the key's first, as `SideSQL.text` gives them.
    """

    new: Row
    seen: Row | None


@dataclass(frozen=True)
class MendingStatements:
    """Writes the statements.

    Attributes:
        table: Which table is changed.
        key: The columns that name a row.
        values: The other columns.
        is_source: Whether it is the source's table.
    """

    table: str
    key: tuple[Pair, ...]
    values: tuple[Pair, ...]
    is_source: bool

    def delete(self, row: Mapping[str, str | None]) -> str:
        """Delete a row of these values."""
        return f"DELETE FROM {self.table} WHERE {self._is(row)};"

    def update(
        self, key: Mapping[str, str | None], seen: Mapping[str, str | None], new: Mapping[str, str | None]
    ) -> str:
        """Give the row of a key new values for those that were seen, in columns that can be given any."""
        pairs = self._assignable(self._named(new))
        assigned = ", ".join(f"{self._name(pair)} = {self._literal(new[pair.name], pair)}" for pair in pairs)
        return f"UPDATE {self.table} SET {assigned} WHERE {self._is(key)} AND {self._is(seen)};"

    def can_update(self, new: Mapping[str, str | None]) -> bool:
        """Whether any of the values is one that a statement can give to a row that is there."""
        return bool(self._assignable(self._named(new)))

    def insert(self, rows: Sequence[Mapping[str, str | None]]) -> str:
        """Insert rows, but none whose key is there."""
        pairs = self._insertable(self._named(rows[0]))
        lines = ",\n    ".join(f"({', '.join(self._literal(row[pair.name], pair) for pair in pairs)})" for row in rows)
        names = ", ".join(map(self._name, pairs))
        return f"INSERT INTO {self.table} ({names}){self._overriding} VALUES\n    {lines}\nON CONFLICT DO NOTHING;"

    def upsert(self, rows: Sequence[Replacement], dialect: Dialect, *, by_primary_key: bool) -> str:
        """Insert rows and replace those of the same key, each only where what it replaces is what was seen.

        Within a serializable transaction nothing can come between looking and writing.
        """
        width, pairs = len(self.key), self._all
        new = [f"v.n{place}::{unlimited_type(self._own(pair))}" for place, pair in enumerate(pairs)]
        seen = [f"s{place}" for place in range(width, len(pairs))]
        columns = ", ".join([*(f"n{place}" for place in range(len(pairs))), "there", *seen])
        lines = ",\n        ".join(self._replacement_line(row) for row in rows)
        names = list(map(self._name, pairs))
        written = [
            (name, value) for pair, name, value in zip(pairs, names, new, strict=True) if self._insertable([pair])
        ]
        meet = " AND ".join(f"r.{name} = {value}" for name, value in zip(names[:width], new, strict=False))
        same = [self._is_seen(pair, f"v.{name}") for pair, name in zip(self.values, seen, strict=True)]
        put, conflict = self._put(dialect, by_primary_key=by_primary_key)
        return (
            f"{put} INTO {self.table} ({', '.join(name for name, _ in written)}){self._overriding}\n"
            f"SELECT {', '.join(value for _, value in written)}\n"
            f"FROM (\n    VALUES\n        {lines}\n) AS v ({columns})\n"
            f"LEFT JOIN {self.table} AS r ON {meet}\n"
            f"WHERE {' AND '.join([f'(r.{names[0]} IS NOT NULL) = v.there', *same])}{conflict};"
        )

    def _put(self, dialect: Dialect, *, by_primary_key: bool) -> tuple[str, str]:
        if dialect is Dialect.COCKROACHDB and by_primary_key:
            return "UPSERT", ""
        assigned = ", ".join(f"{name} = excluded.{name}" for name in map(self._name, self._assignable(self.values)))
        meet = f"\nON CONFLICT ({', '.join(map(self._name, self.key))}) DO "
        return "INSERT", meet + (f"UPDATE SET {assigned}" if assigned else "NOTHING")

    def _insertable(self, pairs: Sequence[Pair]) -> list[Pair]:
        return [pair for pair in pairs if not self._own(pair).computed]

    def _assignable(self, pairs: Sequence[Pair]) -> list[Pair]:
        return [pair for pair in self._insertable(pairs) if not self._own(pair).numbered]

    @property
    def _overriding(self) -> str:
        return " OVERRIDING SYSTEM VALUE" if any(self._own(pair).numbered for pair in self._all) else ""

    def _replacement_line(self, row: Replacement) -> str:
        width = len(self.key)
        seen = (None,) * len(self.values) if row.seen is None else row.seen[width:]
        literals = [
            *(self._literal(value, pair) for value, pair in zip(row.new, self._all, strict=True)),
            str(row.seen is not None).lower(),
            *(self._literal(value, pair) for value, pair in zip(seen, self.values, strict=True)),
        ]
        return f"({', '.join(literals)})"

    def _is_seen(self, pair: Pair, seen: str) -> str:
        value = f"r.{self._name(pair)}"
        if self._has_equality(pair):
            return f"{value} IS NOT DISTINCT FROM {seen}::{unlimited_type(self._own(pair))}"
        return f"{self._as_text(value, pair)} IS NOT DISTINCT FROM {seen}"

    def _is(self, values: Mapping[str, str | None]) -> str:
        return " AND ".join(self._equals(pair, values[pair.name]) for pair in self._named(values))

    def _equals(self, pair: Pair, value: str | None) -> str:
        name = self._name(pair)
        if value is None:
            return f"{name} IS NULL"
        name = name if self._has_equality(pair) else self._as_text(name, pair)
        return f"{name} = {self._literal(value, pair)}"

    def _has_equality(self, pair: Pair) -> bool:
        return self._own(pair).equals_literals

    @staticmethod
    def _as_text(value: str, pair: Pair) -> str:
        """Give the text that the comparison saw of a value."""
        return f"{value}::jsonb::text" if pair.family is Family.JSON and not pair.same_type else f"{value}::text"

    def _literal(self, value: str | None, pair: Pair) -> str:
        return own_literal(value, pair, is_source=self.is_source)

    def _named(self, values: Mapping[str, str | None]) -> list[Pair]:
        by_name = {pair.name: pair for pair in self._all}
        return [by_name[name] for name in values]

    @property
    def _all(self) -> tuple[Pair, ...]:
        return self.key + self.values

    def _own(self, pair: Pair) -> Column:
        return pair.column(is_source=self.is_source)

    def _name(self, pair: Pair) -> str:
        return quoted(self._own(pair).name)
