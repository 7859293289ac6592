"""The one statement of a text is found among its comments."""

from __future__ import annotations

import time

import pytest

from cockroach_pipelines.database.arrow import MultipleStatementsError, NoResultError
from cockroach_pipelines.database.arrow.statement import can_be_copied, single_statement
from cockroach_pipelines.database.jvm import JVMManager


@pytest.mark.parametrize(
    ("sql", "copied"),
    [
        ("SELECT 1", True),
        ("\n-- SHOW\n/* SHOW /* nested */ SHOW */ ( -- x\n(select 1))", True),
        ("with t as (select 1) table t", True),
        ("VALUES (1)", True),
        ("SHOW ALL", False),
        ("/* SELECT */ EXPLAIN SELECT 1", False),
        ("-- SELECT 1", False),
        ("/* SELECT 1", False),
        ("selection", False),
        ("INSERT INTO t SELECT 1 RETURNING 1", False),
        ("", False),
    ],
)
def test_the_first_word_tells_whether_copy_takes_it(sql: str, copied: bool) -> None:
    assert can_be_copied(sql) is copied


@pytest.mark.parametrize(
    ("sql", "statement"),
    [
        ("SELECT 1", "SELECT 1"),
        ("SELECT 1;", "SELECT 1"),
        ("SELECT 1; \n;\n-- x\n;", "SELECT 1"),
        ("SELECT ';' -- a; b\n; -- done\n", "SELECT ';' -- a; b"),
        ("/* a; */ SELECT $$;$$;;\n/* b /* ; */ */\n;", "/* a; */ SELECT $$;$$"),
        ("SELECT ?, '?;', a ?? b ; -- ? done", "SELECT ?, '?;', a ?? b"),
    ],
)
def test_what_follows_the_statement_is_cut_off(jvm: JVMManager, sql: str, statement: str) -> None:
    assert single_statement(sql) == statement


@pytest.mark.parametrize("sql", ["SELECT 1; SELECT 2", "SELECT 1; /* x */ DROP TABLE t -- y"])
def test_a_second_statement_is_refused(jvm: JVMManager, sql: str) -> None:
    with pytest.raises(MultipleStatementsError):
        single_statement(sql)


@pytest.mark.parametrize("sql", ["", " \n\f", ";;", "-- SELECT 1", "/* SELECT 1 */;"])
def test_a_text_without_statement_is_refused(jvm: JVMManager, sql: str) -> None:
    with pytest.raises(NoResultError):
        single_statement(sql)


def test_any_number_of_comments_is_skipped_in_no_time() -> None:
    started = time.monotonic()
    assert not can_be_copied("/* a */ -- b\n(" * 5000 + "SHOW ALL")
    assert time.monotonic() - started < 1
