"""What is compared: pairs of tables on two servers, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass

COLUMNS = ("amount", "name", "at", "kind", "score", "flag", "note")
_TYPES = (
    "amount numeric(12,2) NOT NULL, name text NOT NULL, at timestamptz NOT NULL, kind smallint NOT NULL, "
    "score float8 NOT NULL, flag bool NOT NULL, note text"
)
_VALUES = (
    "(g::int8 * 7919 % 1000000)::numeric / 100, 'customer ' || md5(g::text), "
    "'2020-01-01 00:00:00+00'::timestamptz + g * interval '37.123456 s', (g % 7)::int2, (g % 1000) / 7.0, g % 3 = 0, "
    "CASE WHEN g % 5 > 0 THEN 'note ' || g END"
)


@dataclass(frozen=True)
class Key:
    """A kind of key: its columns, their types, and their values for the row of number `g`."""

    name: str
    columns: tuple[str, ...]
    types: str
    values: str


BIGINT = Key("bigint", ("id",), "id int8", "g::int8")
UUID = Key("uuid", ("id",), "id uuid", "md5(g::text)::uuid")
COMPOSITE = Key("composite", ("tenant", "seq"), "tenant int4, seq int8", "(g % 100)::int4, (g / 100)::int8")
SPARSE = Key("sparse", ("id",), "id int8", "CASE WHEN g = 1 THEN 4000000000000000000 ELSE g::int8 * 1009 END")
KEYS = (BIGINT, UUID, COMPOSITE, SPARSE)


@dataclass(frozen=True)
class Difference:
    """How a target differs from its source: an expression for `amount` and a condition on the rows it has."""

    name: str
    amount: str
    where: str
    extra: int = 0

    def expected(self, rows: int) -> int:
        """Give how many rows differ."""
        numbers = {"none": 0, "few": 101, "many": len(range(3, rows + 1, 10))}
        return numbers[self.name]


def difference(name: str, rows: int) -> Difference:
    """Give a difference by name: `none`; `few`, 35 changed, 33 missing and 33 extra; `many`, a tenth changed."""
    if name == "few":
        step = rows // 35
        changed = f"g % {step} = 5 AND g < {step * 35}"
        gone = f"g % {rows // 33} = 7 AND g < {rows // 33 * 33}"
        return Difference(name, f"CASE WHEN {changed} THEN 1 ELSE 0 END", f"NOT ({gone})", extra=33)
    return Difference(name, "CASE WHEN g % 10 = 3 THEN 1 ELSE 0 END" if name == "many" else "0", "true")


def create(table: str, key: Key, rows: int, difference: Difference) -> list[str]:
    """Give the statements that make a table, fill it, and make it ready to be read."""
    values = _VALUES.replace("/ 100,", f"/ 100 + {difference.amount},", 1)
    return [
        f"DROP TABLE IF EXISTS {table}",
        f"CREATE TABLE {table} ({key.types}, {_TYPES})",
        f"INSERT INTO {table} SELECT {key.values}, {values} FROM generate_series(1, {rows + difference.extra}) AS g "
        f"WHERE {difference.where}",
        f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(key.columns)})",
        f"VACUUM (FREEZE, ANALYZE) {table}",
    ]
