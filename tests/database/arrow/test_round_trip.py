"""Any table of the supported types comes back as it was written."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database.arrow import copy_in, copy_out, read, write
from tests.database.arrow.rows import execute

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
AWKWARD = st.sampled_from(["", '"', "\n", "\\", ",", "\r", "NULL", "\\N", "\\.", "\ufeff", "'", "\x1e", "\x1f"])
INT4 = st.integers(-(2**31), 2**31 - 1)
MICROSECONDS = st.integers(-9 * 10**15, 9 * 10**15)

COLUMNS: dict[str, tuple[str, Any, Any]] = {
    "small": ("int2", pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "plain": ("int4", pa.int32(), INT4),
    "large": ("int8", pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "single": ("float4", pa.float32(), st.floats(width=32, allow_nan=False)),
    "double": ("float8", pa.float64(), st.floats(allow_nan=False)),
    "truth": ("bool", pa.bool_(), st.booleans()),
    "words": ("text", pa.string(), st.one_of(TEXTS, AWKWARD, st.lists(AWKWARD, max_size=5).map("".join))),
    "raw": ("bytea", pa.binary(), st.binary(max_size=20)),
    "price": ("numeric(20,5)", pa.decimal128(20, 5), st.decimals(-(10**14), 10**14, places=5)),
    "wide": ("numeric(60,10)", pa.decimal256(60, 10), st.decimals(-(10**49), 10**49, places=10)),
    "day": ("date", pa.date32(), st.dates()),
    "clock": ("time", pa.time64("us"), st.times()),
    "local": ("timestamp", pa.timestamp("us"), st.datetimes()),
    "moment": ("timestamptz", pa.timestamp("us", "UTC"), st.datetimes(timezones=st.just(dt.UTC))),
    "span": (
        "interval",
        pa.month_day_nano_interval(),
        st.tuples(INT4, INT4, MICROSECONDS).map(lambda parts: pa.MonthDayNano([parts[0], parts[1], parts[2] * 1000])),
    ),
    "numbers": ("int4[]", pa.list_(pa.int32()), st.lists(st.none() | INT4, max_size=4)),
    "tags": ("text[]", pa.list_(pa.string()), st.lists(st.none() | st.one_of(TEXTS, AWKWARD), max_size=4)),
    "prices": (
        "numeric(20,5)[]",
        pa.list_(pa.decimal128(20, 5)),
        st.lists(st.none() | st.decimals(-(10**14), 10**14, places=5), max_size=4),
    ),
    "blobs": ("bytea[]", pa.list_(pa.binary()), st.lists(st.none() | st.binary(max_size=9), max_size=4)),
    "moments": (
        "timestamptz[]",
        pa.list_(pa.timestamp("us", "UTC")),
        st.lists(st.none() | st.datetimes(timezones=st.just(dt.UTC)), max_size=4),
    ),
    "id": ("uuid", pa.string(), st.uuids().map(str)),
    "document": ("json", pa.string(), st.one_of(TEXTS, AWKWARD).map(json.dumps)),
    "days": ("date[]", pa.list_(pa.date32()), st.lists(st.none() | st.dates(), max_size=4)),
}


def tables() -> Any:
    names = st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=6, unique=True)
    return names.flatmap(
        lambda chosen: st.lists(
            st.fixed_dictionaries({name: st.none() | COLUMNS[name][2] for name in chosen}), min_size=1, max_size=8
        ).map(lambda rows: pa.Table.from_pylist(rows, pa.schema([(name, COLUMNS[name][1]) for name in chosen])))
    )


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(table=tables(), cockroachdb=st.booleans())
def test_any_table_comes_back_equal(jdbc: Any, table: Any, cockroachdb: bool) -> None:
    with decimal.localcontext(prec=80), pytest.MonkeyPatch.context() as patch:
        patch.setattr(copy_in, "reads_binary_well", lambda _: not cockroachdb)
        patch.setattr(copy_out, "takes_any_quote", lambda _: not cockroachdb)
        definitions = ", ".join(f"{name} {COLUMNS[name][0]}" for name in table.schema.names)
        execute(jdbc, "DROP TABLE IF EXISTS round_trip", f"CREATE TEMP TABLE round_trip ({definitions})")
        assert write(jdbc, "round_trip", table).rows == table.num_rows
        for copy in (True, False):
            assert read(jdbc, "SELECT * FROM round_trip", copy=copy).to_table().to_pylist() == table.to_pylist()
