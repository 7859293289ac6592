"""The name of a table, as the server reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

_SYSTEM_SCHEMAS = frozenset({"information_schema", "pg_catalog", "crdb_internal", "pg_extension", "system"})

_PART = r'"(?:[^"\0]|"")+"|[^\W\d][\w$]*'
_NAME = re.compile(rf"(?:{_PART})(?:\.(?:{_PART})){{0,2}}")


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


class TableOn(NamedTuple):
    """A table of a database, which is reached by a connection of that name."""

    connection: str
    table: TableName


def parse_table_name(text: str) -> TableName:
    """Read a table's name as SQL writes it: up to three parts, quoted where they are unusual.

    Raises:
        ValueError: The text is none.
    """
    if not _NAME.fullmatch(text):
        raise ValueError(
            f"{text!r} is no name of a table. "
            'Write table, schema.table or database.schema.table, with "quotes" around unusual names.'
        )
    parts = [
        part[1:-1].replace('""', '"') if part.startswith('"') else part.lower() for part in re.findall(_PART, text)
    ]
    return TableName(*["", "", "", *parts][-3:])
