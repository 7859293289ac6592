"""Rows in the binary format hold what rows of text hold."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.database.arrow import UnrepresentableInArrowError, copy_in, read, write
from cockroach_pipelines.database.arrow.encode_binary import field_encoder, row_encoder
from cockroach_pipelines.database.arrow.types import column
from tests.database.arrow.rows import column as column_of
from tests.database.arrow.rows import execute
from tests.database.arrow.test_types import CASES, Case


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sql_type)
def test_both_formats_fill_a_table_alike(jdbc: Any, case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (
        read(jdbc, case.select()).to_table()
        if not case.sql_type.startswith("numeric")
        else pa.Table.from_batches(list(read(jdbc, case.select())))
    )
    texts = []
    for binary in (True, False):
        monkeypatch.setattr(copy_in, "reads_binary_well", lambda _, binary=binary: binary)
        execute(jdbc, "DROP TABLE IF EXISTS target", f"CREATE TEMP TABLE target (n serial, v {case.sql_type})")
        write(jdbc, "target", data)
        texts.append(column_of(jdbc, "SELECT v::text FROM target ORDER BY n"))
    assert texts[0] == texts[1] == column_of(jdbc, f"SELECT v::text FROM ({case.select()}) AS s")


@pytest.mark.parametrize(
    ("pg_type", "kind"),
    [
        ("int2", pa.int16()), ("int4", pa.int32()), ("int8", pa.int64()), ("float4", pa.float32()), ("float8", pa.float64()),
        ("bool", pa.bool_()), ("numeric", pa.decimal128(9, 2)), ("numeric", pa.int64()), ("text", pa.string()),
        ("varchar", pa.string()), ("json", pa.string()), ("jsonb", pa.string()), ("bytea", pa.binary()), ("uuid", pa.string()),
        ("uuid", pa.uuid()), ("date", pa.date32()), ("time", pa.time64("us")), ("timestamp", pa.timestamp("us")),
        ("timestamptz", pa.timestamp("us", "UTC")), ("interval", pa.month_day_nano_interval()), ("interval", pa.duration("us")),
        ("_int4", pa.list_(pa.int32())), ("_text", pa.list_(pa.string())), ("_numeric", pa.list_(pa.decimal128(9, 2))),
    ],
    ids=str,
)  # fmt: skip
def test_common_types_have_a_binary_form(pg_type: str, kind: Any) -> None:
    assert field_encoder(column("c", pg_type), kind) is not None


@pytest.mark.parametrize(
    ("pg_type", "kind"),
    [("inet", pa.string()), ("int4", pa.string()), ("numeric", pa.float64()), ("timestamptz", pa.timestamp("us")),
     ("_mood", pa.list_(pa.string())), ("_int4", pa.list_(pa.list_(pa.int32()))), ("numeric", pa.decimal128(5, -2))],
    ids=str,
)  # fmt: skip
def test_one_column_that_only_the_server_converts_makes_all_travel_as_text(pg_type: str, kind: Any) -> None:
    assert row_encoder([column("a", "int4"), column("c", pg_type)], [pa.int32(), kind]) is None


NUMBERS = st.tuples(st.integers(1, 76), st.integers(0, 76), st.integers(-(10**76) + 1, 10**76 - 1))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(digits=st.integers(1, 76), data=st.data())
def test_every_decimal_arrives_exactly(jdbc: Any, digits: int, data: st.DataObject) -> None:
    scale = data.draw(st.integers(0, digits))
    unscaled = data.draw(st.lists(st.none() | st.integers(-(10**digits) + 1, 10**digits - 1), max_size=6))
    with decimal.localcontext(prec=80):
        values = [None if each is None else Decimal(each).scaleb(-scale) for each in unscaled]
        kind = pa.decimal128(digits, scale) if digits <= 38 else pa.decimal256(digits, scale)
        execute(jdbc, "DROP TABLE IF EXISTS numbers", "CREATE TEMP TABLE numbers (n serial, v numeric)")
        write(jdbc, "numbers", pa.table({"v": pa.array([None, *values, 0], kind)}).slice(1))
        texts = column_of(jdbc, "SELECT v::text FROM numbers ORDER BY n")
        assert texts == [None if value is None else f"{value:.{scale}f}" for value in [*values, Decimal(0)]]


def test_a_uuid_may_be_written_in_other_ways(jdbc: Any) -> None:
    execute(jdbc, "CREATE TEMP TABLE ids (id uuid)")
    written = ["{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11", None]
    write(jdbc, "ids", pa.table({"id": written}))
    assert column_of(jdbc, "SELECT id FROM ids") == ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"] * 2 + [None]
    with pytest.raises(UnrepresentableInArrowError, match=r"row 2: the text value nobody has no counterpart in uuid"):
        write(jdbc, "ids", pa.table({"id": [written[0], "nobody"]}))


@pytest.mark.parametrize(
    ("sql_type", "values"),
    [("date", pa.array([2**31 - 1], pa.int32()).view(pa.date32())), ("date", pa.array([-(2**31)], pa.int32()).view(pa.date32())),
     ("timestamp", pa.array([-(2**63)], pa.int64()).view(pa.timestamp("us")))],
    ids=str,
)  # fmt: skip
def test_a_moment_beyond_the_servers_calendar_is_never_another(jdbc: Any, sql_type: str, values: Any) -> None:
    execute(jdbc, f"CREATE TEMP TABLE moments (v {sql_type})")
    jdbc.commit()
    with pytest.raises(Exception, match="out of range") as caught:
        write(jdbc, "moments", pa.table({"v": values}))
    assert caught.value.server.row == 0
    jdbc.rollback()
    execute(jdbc, "DROP TABLE moments")
    jdbc.commit()
