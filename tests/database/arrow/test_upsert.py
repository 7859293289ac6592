"""Rows are inserted or updated by their key, all of them or none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from cockroach_pipelines.database.arrow import DuplicateKeyError, read, upsert, write
from cockroach_pipelines.database.arrow import upsert as upsert_function
from cockroach_pipelines.database.errors import ConstraintError, InvalidStatementError
from tests.database.arrow.rows import columns, execute, still_works
from tests.database.arrow.test_cancelling import interrupted, running


@pytest.fixture
def stock(jdbc: Any) -> Iterator[str]:
    execute(
        jdbc,
        "DROP TABLE IF EXISTS stock",
        "CREATE TABLE stock (shop int, item text, amount int NOT NULL DEFAULT 1 CHECK (amount >= 0), note text, PRIMARY KEY (shop, item))",
        "INSERT INTO stock VALUES (1, 'apple', 5, 'old'), (1, 'pear', 6, NULL)",
    )
    jdbc.commit()
    yield "stock"
    jdbc.rollback()
    execute(jdbc, "DROP TABLE stock")
    jdbc.commit()


def rows(jdbc: Any) -> list[dict[str, Any]]:
    return list(read(jdbc, "SELECT * FROM stock ORDER BY shop, item").to_table().to_pylist())


def test_a_row_that_is_there_is_updated_and_another_inserted(jdbc: Any, stock: str) -> None:
    data = pa.table({"shop": [1, 2], "item": ["apple", "apple"], "amount": [7, 8]})
    result = upsert(jdbc, stock, data, key=["shop", "item"])
    assert result.rows == 2
    assert result.bytes > 0
    jdbc.commit()
    assert rows(jdbc) == [
        {"shop": 1, "item": "apple", "amount": 7, "note": "old"},
        {"shop": 1, "item": "pear", "amount": 6, "note": None},
        {"shop": 2, "item": "apple", "amount": 8, "note": None},
    ]


def test_columns_may_be_mapped(jdbc: Any, stock: str) -> None:
    data = pa.table({"where": [1], "what": ["pear"], "unused": ["x"], "n": [0]})
    upsert(jdbc, stock, data, key=["shop", "item"], columns={"what": "item", "where": "shop", "n": "amount"})
    assert rows(jdbc)[1] == {"shop": 1, "item": "pear", "amount": 0, "note": None}


def test_with_the_key_alone_what_is_there_stays(jdbc: Any, stock: str) -> None:
    result = upsert(jdbc, stock, pa.table({"shop": [1, 3], "item": ["apple", "fig"]}), key=["shop", "item"])
    assert result.rows == 1
    assert [row["amount"] for row in rows(jdbc)] == [5, 6, 1]


def test_no_rows_change_nothing(jdbc: Any, stock: str) -> None:
    data = pa.schema([("shop", pa.int32()), ("item", pa.string()), ("amount", pa.int32())]).empty_table()
    assert upsert(jdbc, stock, data, key=["shop", "item"]).rows == 0
    assert len(rows(jdbc)) == 2


def test_two_rows_of_one_key_are_refused_and_the_key_named(jdbc: Any, stock: str) -> None:
    data = pa.table({"shop": [1, 2, 2], "item": ["a", "b", "b"], "amount": [1, 2, 3]})
    with pytest.raises(
        DuplicateKeyError, match=r'Key \("shop", "item"\)=\(2,b\) is that of 2 rows for stock'
    ) as caught:
        upsert(jdbc, stock, data, key=["shop", "item"])
    assert "Keep one row of each key" in str(caught.value)
    assert still_works(jdbc)
    assert len(rows(jdbc)) == 2


def test_a_refused_row_keeps_every_row_out(jdbc: Any, stock: str) -> None:
    with pytest.raises(ConstraintError):
        upsert(jdbc, stock, pa.table({"shop": [5, 6], "item": ["a", "b"], "amount": [1, -1]}), key=["shop", "item"])
    assert still_works(jdbc)
    assert len(rows(jdbc)) == 2


def test_a_key_that_is_not_unique_is_refused_with_advice(jdbc: Any, stock: str) -> None:
    with pytest.raises(InvalidStatementError, match="unique index of the table"):
        upsert(jdbc, stock, pa.table({"shop": [1], "item": ["apple"]}), key=["shop"])
    assert still_works(jdbc)


@pytest.mark.parametrize("key", [[], ["shop", "colour"]])
def test_a_key_names_columns_of_the_data(jdbc: Any, key: list[str]) -> None:
    with pytest.raises(ValueError, match=r"key must name columns of the data, 'shop', 'item'"):
        upsert(jdbc, "stock", pa.table({"shop": [1], "item": ["apple"]}), key=key)


def test_a_key_of_one_column_may_be_its_name(jdbc: Any) -> None:
    execute(jdbc, "CREATE TEMPORARY TABLE keyed (shop text PRIMARY KEY, number int)")
    upsert(jdbc, "keyed", pa.table({"shop": ["a", "b"], "number": [1, 2]}), "shop")
    assert upsert(jdbc, "keyed", pa.table({"shop": ["b"], "number": [3]}), "shop").rows == 1
    jdbc.rollback()


def test_what_the_server_generates_is_to_be_left_out(jdbc: Any) -> None:
    data = pa.table({"id": [1], "generated": [2]})
    for kind, writing in (
        ("GENERATED ALWAYS AS (id * 2) STORED", lambda: write(jdbc, "generating", data)),
        ("GENERATED ALWAYS AS (id * 2) STORED", lambda: upsert(jdbc, "generating", data, ["id"])),
        ("GENERATED ALWAYS AS IDENTITY", lambda: upsert(jdbc, "generating", data, ["id"])),
    ):
        execute(jdbc, f"CREATE TEMPORARY TABLE generating (id int PRIMARY KEY, generated int {kind})")
        with pytest.raises(InvalidStatementError, match="leave it out of what is written"):
            writing()
        jdbc.rollback()


def test_nothing_is_left_behind(jdbc: Any, stock: str) -> None:
    before = columns(jdbc, "SELECT count(*) FROM pg_class")
    for number in range(3):
        upsert(jdbc, stock, pa.table({"shop": [number], "item": ["new"]}), key=["shop", "item"])
    assert columns(jdbc, "SELECT count(*) FROM pg_class") == before


def test_times_and_texts_arrive_exactly(jdbc: Any) -> None:
    execute(jdbc, 'CREATE TEMP TABLE "odd ""t""" ("the key" uuid PRIMARY KEY, at timestamptz, t text)')
    row = {
        "the key": "00000000-0000-0000-0000-000000000005",
        "at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC),
        "t": 'a"\n\\',
    }
    for _ in range(2):
        upsert(jdbc, '"odd ""t"""', pa.Table.from_pylist([row]), key=["the key"])
    assert read(jdbc, 'SELECT * FROM "odd ""t"""').to_table().to_pylist() == [row]


def test_an_interrupt_ends_an_upsert_that_waits_for_a_lock(
    jdbc: Any, stock: str, truth: psycopg.Connection[Any]
) -> None:
    truth.execute("BEGIN; UPDATE stock SET amount = 9 WHERE item = 'apple'")
    try:
        with interrupted():
            upsert(jdbc, stock, pa.table({"shop": [1], "item": ["apple"], "amount": [1]}), key=["shop", "item"])
        assert running(truth, "^INSERT") == 0
    finally:
        truth.execute("ROLLBACK")
    assert still_works(jdbc)


def test_cockroachdb_is_prepared_for_temporary_tables_without_a_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    module = importlib.import_module(upsert_function.__module__)
    for version, prepared in {
        None: [],
        (24, 3, 1): ["SET experimental_enable_temp_tables = 'on'"],
        (25, 1, 0): ["SET experimental_enable_temp_tables = 'on'", "SET LOCAL autocommit_before_ddl = off"],
    }.items():
        monkeypatch.setattr(module, "cockroach_version", lambda _, version=version: version)
        assert module._preparations(None) == prepared
