"""The name of a table, as the server reads it."""

from __future__ import annotations

from dataclasses import dataclass

_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "crdb_internal", "pg_extension", "system"})


@dataclass(frozen=True, order=True)
class TableName:
    """A table's name with what qualifies it, each part as the server reads it: unquoted names are lower case.

    Catalog and schema are empty when not said.
    """

    catalog: str
    schema: str
    name: str

    @property
    def canonical(self) -> TableName:
        """The name with its schema, so that `flights` and `public.flights` are one table."""
        if self.schema:
            return self
        return TableName(self.catalog, "pg_catalog" if self.is_system else "public", self.name)

    @property
    def is_system(self) -> bool:
        """Whether the server itself keeps the table, such as information_schema.columns and pg_stat_activity."""
        if self.schema:
            return self.schema in _SYSTEM_SCHEMAS or self.catalog == "system"
        return self.name.startswith("pg_")

    def __str__(self) -> str:
        return ".".join(part for part in (self.catalog, self.schema, self.name) if part)
