"""SQL expressions of a column: its text, its value for a join, its text for a hash."""

from __future__ import annotations

from dataclasses import dataclass

from cockroach_pipelines.database import Dialect
from cockroach_pipelines.reconciliation.columns import Column, Pair, quoted
from cockroach_pipelines.reconciliation.families import Family, plain_type

# Types of PostgreSQL whose cast to text is what it writes of them anyway.
_WRITTEN_AS_CAST = frozenset(
    (
        *(Family.INTEGER, Family.NUMERIC, Family.FLOAT, Family.DATE, Family.TIME, Family.TIMESTAMP, Family.TIMESTAMPTZ),
        *(Family.UUID, Family.BOOLEAN),
    )
)


@dataclass(frozen=True)
class SideSQL:
    """How one side writes SQL: its dialect, whether it is the source, and what its relation is called."""

    dialect: Dialect
    is_source: bool
    alias: str = "r"

    def column_of(self, pair: Pair) -> Column:
        """Give this side's column."""
        return pair.column(is_source=self.is_source)

    def value(self, pair: Pair) -> str:
        """Give the column itself, or what it is normalized to."""
        column = f"{self.alias}.{quoted(self.column_of(pair).name)}"
        return f"({pair.normalize.replace('{}', column)})" if pair.normalize else column

    def typed(self, pair: Pair) -> str:
        """Give the value in a type that both sides share, where their own types differ."""
        value, column = self.value(pair), self.column_of(pair)
        if pair.same_type:
            return value
        match pair.family:
            case Family.INTEGER:
                return f"{value}::int8"
            case Family.NUMERIC:
                # A float becomes the number that its shortest text names; a direct cast would round it.
                return f"{value}::text::numeric" if column.family is Family.FLOAT else f"{value}::numeric"
            case Family.FLOAT:
                return f"{value}::float8"
            case Family.TIMESTAMP:
                return f"{value}::timestamp"
            case Family.TIMESTAMPTZ if column.family is not Family.TIMESTAMPTZ:
                return f"({value}::timestamp AT TIME ZONE 'UTC')"
            case Family.JSON:
                return f"{value}::jsonb"
            case Family.TEXT | Family.OTHER:
                return f"{value}::text"
            case _:
                return value

    def text(self, pair: Pair) -> str:
        """Give the value as text, to be fetched: nothing is lost, and `equality` knows which texts mean the same."""
        match pair.family:
            case Family.BYTES:
                return f"encode({self.value(pair)}, 'hex')"
            case Family.TEXT | Family.CHARACTER if self._is_plain_text(pair):
                return self.value(pair)
            case Family.NUMERIC:  # also a float or an integer: their own texts name them exactly
                return f"{self.value(pair)}::text"
            case _:
                return f"{self.typed(pair)}::text"

    def written(self, pair: Pair) -> str:
        """Give an expression that CSV holds as the text of `text`, without a cast where the server writes it so.

        A boolean may be `t` or `f`.
        """
        if self.dialect is not Dialect.POSTGRESQL or pair.normalize or pair.family not in _WRITTEN_AS_CAST:
            return self.text(pair)
        return self.value(pair) if pair.family is Family.NUMERIC else self.typed(pair)

    def hash_text(self, pair: Pair) -> str:
        """Give a text that is equal for equal values as far as that is cheap, and differs for different ones."""
        match pair.family:
            case Family.FLOAT:
                return f"({self.typed(pair)} + 0.0)::text"  # -0 becomes 0
            case Family.NUMERIC if self._has_own_scale(pair):
                text = self.text(pair)
                return f"CASE WHEN strpos({text}, '.') > 0 THEN rtrim(rtrim({text}, '0'), '.') ELSE {text} END"
            case Family.TIMESTAMPTZ:  # whose own text differs between the databases
                return f"({self.typed(pair)} AT TIME ZONE 'UTC')::text"
            case _:
                return self.text(pair)

    def comparable(self, pair: Pair) -> str:
        """Give an expression that IS DISTINCT FROM its counterpart wherever the values differ."""
        column = self.column_of(pair)
        if pair.family in (Family.TEXT, Family.CHARACTER):
            collate = "" if self.dialect is Dialect.COCKROACHDB else ' COLLATE "C"'
            return f"{self.text(pair)}{collate}"
        if pair.family is Family.JSON and self.dialect is Dialect.POSTGRESQL:
            return f"{self.value(pair)}::jsonb"
        if pair.family in (Family.OTHER, Family.ARRAY) or plain_type(column.pg_type) == "json":
            return self.text(pair)
        return self.typed(pair)

    def _is_plain_text(self, pair: Pair) -> bool:
        return not pair.normalize and plain_type(self.column_of(pair).pg_type) in ("text", "varchar")

    def _has_own_scale(self, pair: Pair) -> bool:
        """Whether equal numbers may be written with another number of zeros."""
        return not (pair.same_type and pair.source.limited and pair.source.declared == pair.target.declared)


def needs_length(family: Family) -> bool:
    """Whether a text of the family may hold any character, so that only its length tells where it ends."""
    return family in (Family.TEXT, Family.CHARACTER, Family.JSON, Family.ARRAY, Family.OTHER)
