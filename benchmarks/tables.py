"""The tables that are read and written, made on the server from their row numbers alone."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column: its type on the server, what holds its values exactly in Arrow, and its value in row `i`."""

    name: str
    sql_type: str
    arrow: pa.DataType
    value: str


@dataclass(frozen=True)
class BenchmarkTable:
    """Eight columns whose values follow from the row number."""

    name: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The columns in Arrow."""
        return pa.schema([(column.name, column.arrow) for column in self.columns])

    def create(self, name: str) -> str:
        """Give the statement that makes it, unlogged since its data can be made again."""
        definitions = ", ".join(f"{column.name} {column.sql_type}" for column in self.columns)
        return f"CREATE UNLOGGED TABLE {name} ({definitions})"

    def fill(self, name: str, rows: int) -> str:
        """Give the statement that fills it."""
        values = ", ".join(column.value for column in self.columns)
        return f"INSERT INTO {name} SELECT {values} FROM generate_series(1, {rows}) AS i"


_BIGINT, _DOUBLE, _TEXT = pa.int64(), pa.float64(), pa.string()

MIXED = BenchmarkTable(
    "mixed",
    (
        Column("id", "bigint NOT NULL", _BIGINT, "i"),
        Column(
            "amount", "numeric(12,2) NOT NULL", pa.decimal128(12, 2), "(i::bigint * 7919 % 100000000)::numeric / 100"
        ),
        Column("name", "text NOT NULL", _TEXT, "'customer ' || md5(i::text)"),
        Column(
            "at",
            "timestamptz NOT NULL",
            pa.timestamp("us", "UTC"),
            "timestamptz '2020-01-01 00:00:00+00' + i * interval '1.000137 s'",
        ),
        Column("code", "smallint NOT NULL", pa.int16(), "(i % 1000)::smallint"),
        Column("score", "float8 NOT NULL", _DOUBLE, "sin(i) * 1000"),
        Column("active", "boolean NOT NULL", pa.bool_(), "i % 3 = 0"),
        Column("note", "text", _TEXT, "CASE WHEN i % 5 <> 0 THEN 'note, \"quoted\" ' || i % 977 END"),
    ),
)
TEXT_HEAVY = BenchmarkTable(
    "text_heavy",
    (
        Column("id", "bigint NOT NULL", _BIGINT, "i"),
        Column("name", "text NOT NULL", _TEXT, "'Zoë ' || md5(i::text)"),
        Column("email", "text NOT NULL", _TEXT, "substr(md5((i * 3)::text), 1, 12) || '@example.com'"),
        Column(
            "city",
            "varchar(40) NOT NULL",
            _TEXT,
            "(ARRAY['Zürich', 'Nairobi', 'São Paulo', '東京', 'Oslo'])[1 + i % 5]",
        ),
        Column(
            "document",
            "text NOT NULL",
            _TEXT,
            """'{"id": ' || i || ', "tags": ["a", "b, c"], "note": "' || md5((i::bigint * 7)::text) || '"}'""",
        ),
        Column("remark", "text", _TEXT, "CASE WHEN i % 4 <> 0 THEN E'first line\\nsecond \"line\", ' || i % 89 END"),
        Column("path", "text NOT NULL", _TEXT, "'/srv/data/' || i % 31 || '/' || i % 97 || '/' || i || '.parquet'"),
        Column("empty", "text", _TEXT, "CASE WHEN i % 2 = 0 THEN '' END"),
    ),
)
NUMERIC_HEAVY = BenchmarkTable(
    "numeric_heavy",
    (
        Column("id", "bigint NOT NULL", _BIGINT, "i"),
        Column(
            "price", "numeric(12,2) NOT NULL", pa.decimal128(12, 2), "(i::bigint * 7919 % 100000000)::numeric / 100"
        ),
        Column(
            "quantity",
            "numeric(18,4) NOT NULL",
            pa.decimal128(18, 4),
            "(i::bigint * 104729 % 1000000000000)::numeric / 10000",
        ),
        Column(
            "rate",
            "numeric(9,6)",
            pa.decimal128(9, 6),
            "CASE WHEN i % 7 <> 0 THEN (i % 1000000)::numeric / 1000000 END",
        ),
        Column(
            "balance",
            "numeric(30,10) NOT NULL",
            pa.decimal128(30, 10),
            "(i::numeric * 98765432109876 - 4e15) / 1e10",
        ),
        Column("x", "float8 NOT NULL", _DOUBLE, "sin(i) * 1e6"),
        Column("y", "float8 NOT NULL", _DOUBLE, "exp((i % 40) - 20)"),
        Column("count", "integer NOT NULL", pa.int32(), "i % 100000"),
    ),
)
TABLES = {table.name: table for table in (MIXED, TEXT_HEAVY, NUMERIC_HEAVY)}
