"""What is written has the type of the table's column, and nothing is lost on the way."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.database.arrow import UnrepresentableInArrowError
from cockroach_pipelines.database.arrow.conform import conform
from cockroach_pipelines.database.arrow.types import column

ZONED = pa.timestamp("us", "Europe/Berlin")


def conformed(values: Any, pg_type: str, precision: int = 0, scale: int = 0) -> Any:
    return conform(values, column("c", pg_type, precision, scale))


@pytest.mark.parametrize(
    ("values", "pg_type", "expected"),
    [
        (pa.array([1, None], pa.int64()), "int4", pa.array([1, None], pa.int32())),
        (pa.array([1], pa.uint8()), "int2", pa.array([1], pa.int16())),
        (pa.array([1.0, None]), "int4", pa.array([1, None], pa.int32())),
        (pa.array([Decimal("7.00")]), "int8", pa.array([7], pa.int64())),
        (pa.array([3], pa.int8()), "float8", pa.array([3.0])),
        (pa.array([0.1]), "float4", pa.array([0.1], pa.float32())),
        (pa.array(["a", "a"]).dictionary_encode(), "text", pa.array(["a", "a"])),
        (pa.array(["a"], pa.large_string()), "varchar", pa.array(["a"])),
        (pa.array(["a"], pa.string_view()), "text", pa.array(["a"])),
        (pa.array([b"ab"], pa.binary(2)), "bytea", pa.array([b"ab"])),
        (pa.nulls(2), "int4", pa.array([None, None], pa.int32())),
        (pa.array([dt.datetime(2024, 1, 2)], pa.timestamp("ns")), "date", pa.array([dt.date(2024, 1, 2)])),
        (pa.array([dt.date(2024, 1, 2)]), "timestamp", pa.array([dt.datetime(2024, 1, 2)], pa.timestamp("us"))),
        (pa.array([1], pa.time32("s")), "time", pa.array([1_000_000], pa.time64("us"))),
        (pa.array([5], pa.int64()).cast(ZONED), "timestamptz", pa.array([5], pa.int64()).cast(pa.timestamp("us", "UTC"))),
        (pa.array([[1], None, [None]]), "_int4", pa.array([[1], None, [None]], pa.list_(pa.int32()))),
        (pa.array([[1, 2]], pa.list_(pa.int16(), 2)), "_int8", pa.array([[1, 2]], pa.list_(pa.int64()))),
    ],
    ids=str,
)  # fmt: skip
def test_values_take_the_type_of_their_column(values: Any, pg_type: str, expected: Any) -> None:
    array = conformed(values, pg_type)
    assert array.type == expected.type
    assert array.to_pylist() == expected.to_pylist()


@pytest.mark.parametrize(
    ("values", "pg_type"),
    [
        (pa.array(["1"]), "int4"),
        (pa.array([1]), "text"),
        (pa.array([0.5]), "numeric"),
        (pa.array([True]), "int4"),
        (pa.array([5], pa.timestamp("us")), "timestamptz"),
        (pa.array(["12:00"]), "time"),
        (pa.array(["a"]), "inet"),
    ],
    ids=str,
)
def test_what_only_the_server_can_convert_is_left_to_it(values: Any, pg_type: str) -> None:
    assert conformed(values, pg_type) is values


@pytest.mark.parametrize(
    ("values", "pg_type", "precision", "scale", "row", "value"),
    [
        (pa.array([1, 2**31], pa.int64()), "int4", 0, 0, 1, "2147483648"),
        (pa.array([1.0, None, 1.5]), "int4", 0, 0, 2, "1.5"),
        (pa.array([1, 2**53 + 1]), "float8", 0, 0, 1, "9007199254740993"),
        (pa.array([Decimal("1.00"), Decimal("1.01")]), "int4", 0, 0, 1, "1.01"),
        (pa.array([Decimal("1.20"), Decimal("1.25")]), "numeric", 5, 1, 1, "1.25"),
        (pa.array([Decimal(9), Decimal(10)]), "numeric", 2, 1, 1, "10"),
        (pa.array([9, 10]), "numeric", 2, 1, 1, "10"),
        (pa.array([0, 1], pa.timestamp("ns")), "timestamp", 0, 0, 1, "1970-01-01 00:00:00.000000001"),
        (pa.array([None, dt.datetime(2024, 1, 2, 3)]), "date", 0, 0, 1, "2024-01-02 03:00:00"),
        (pa.array([1], pa.date64()), "date", 0, 0, 0, "1970-01-01"),
        (pa.array([None, 5], pa.int64()).cast(ZONED), "timestamp", 0, 0, 1, "1970-01-01 01:00:00.000005+0100"),
        (pa.array([5], pa.int64()).cast(ZONED), "date", 0, 0, 0, "1970-01-01 01:00:00.000005+0100"),
        (pa.array([[1], None, [2, 2**40]]), "_int4", 0, 0, 2, "1099511627776"),
    ],
    ids=str,
)  # fmt: skip
def test_a_value_that_would_be_changed_is_refused_and_its_row_named(
    values: Any, pg_type: str, precision: int, scale: int, row: int, value: str
) -> None:
    with pytest.raises(UnrepresentableInArrowError, match=rf"Column 'c', row {row + 1}: .*\n\w") as caught:
        conformed(values, pg_type, precision, scale)
    assert (caught.value.row, caught.value.value.removesuffix(".000000")) == (row, value)


@given(values=st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_the_first_value_that_does_not_fit_is_the_one_named(values: list[int | None]) -> None:
    unfit = [index for index, value in enumerate(values) if value is not None and not -(2**15) <= value < 2**15]
    array = pa.array(values, pa.int64())
    if not unfit:
        assert conformed(array, "int2").to_pylist() == values
        return
    with pytest.raises(UnrepresentableInArrowError) as caught:
        conformed(array, "int2")
    assert caught.value.row == unfit[0]
