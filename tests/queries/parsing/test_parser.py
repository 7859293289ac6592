"""What a statement is and which tables it reads and writes, in the SQL of CockroachDB and of PostgreSQL."""

from __future__ import annotations

import logging

import pytest

from cockroach_pipelines.queries import QueryFileError, SQLParser, StatementKind
from cockroach_pipelines.queries.files.source import SourceText

READS = [
    ("SELECT * FROM t", "t"),
    ("TABLE flights", "flights"),
    ("VALUES (1, 2), (3, 4)", ""),
    ("(SELECT 1) UNION (SELECT a FROM t)", "t"),
    ("SELECT * FROM a JOIN b USING (x) LEFT JOIN s.c ON a.x = c.x, d", "a b d s.c"),
    ('SELECT * FROM "Flights", FLIGHTS, public.flights, db.public."T"', "Flights db.public.T flights public.flights"),
    ("SELECT (SELECT max(x) FROM a) FROM b WHERE EXISTS (SELECT 1 FROM c) AND d IN (SELECT y FROM e)", "a b c e"),
    ("SELECT * FROM t, LATERAL (SELECT * FROM u WHERE u.a = t.a) x", "t u"),
    ("SELECT * FROM generate_series(1, 10) g, unnest(ARRAY[1]) u, t CROSS JOIN LATERAL jsonb_each(t.j) e", "t"),
    ("SELECT a FROM t UNION ALL SELECT a FROM u EXCEPT SELECT a FROM v", "t u v"),
    # common table expressions
    ("WITH x AS (SELECT * FROM a), y AS (SELECT * FROM x) SELECT * FROM y, b", "a b"),
    ("WITH flights AS (SELECT * FROM flights) SELECT * FROM flights", "flights"),
    ("WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT * FROM x", ""),
    ("SELECT * FROM (WITH a AS (SELECT * FROM b) SELECT * FROM a) q JOIN a ON true", "a b"),
    ("WITH x AS (SELECT 1) SELECT * FROM s.x", "s.x"),
    # CockroachDB's own
    ("SELECT * FROM t AS OF SYSTEM TIME '-10s' WHERE a = 1", "t"),
    ("SELECT * FROM t JOIN u ON t.a = u.a AS OF SYSTEM TIME follower_read_timestamp() ORDER BY 1", "t u"),
    ("SELECT * FROM t AS OF SYSTEM TIME '2024-01-01'::TIMESTAMPTZ - '10s'::INTERVAL GROUP BY a", "t"),
    ("SELECT * FROM t AS OF SYSTEM TIME 1580361670629466905.0000000001", "t"),
    ("SELECT * FROM (SELECT * FROM t AS OF SYSTEM TIME '-1s') x", "t"),
    ("SELECT * FROM t@primary WHERE a = :a", "t"),
    ("SELECT * FROM t@idx AS x JOIN s.u@{FORCE_INDEX=i,DESC} AS y ON x.a = y.a", "s.u t"),
    ("SELECT * FROM t@{NO_FULL_SCAN}, u@[1]", "t u"),
    ("SELECT * FROM a INNER LOOKUP JOIN b ON a.x = b.x LEFT HASH JOIN c USING (x) INNER MERGE JOIN d USING (x)", "a b c d"),
    ("SELECT job_id FROM [SHOW JOBS] WHERE status = 'failed'", ""),
    ("SELECT * FROM [SHOW JOBS] AS j JOIN [SHOW SCHEDULES] AS s ON true, flights", "flights"),
    ("SELECT * FROM [SHOW RANGES FROM TABLE t WITH DETAILS, INDEXES]", ""),
    ("WITH x AS (SHOW JOBS) SELECT * FROM x, t", "t"),
    ("SELECT a // b, a:::INT8, b'x', 1_000, 0b101, c::STRING FROM t", "t"),
    ("SELECT ARRAY[1, 2][1:2], x[1:n], IFNULL(a, b) FROM t", "t"),
    # PostgreSQL's own
    ("SELECT DISTINCT ON (a) a FROM t WHERE j ? 'a' AND j ?| ARRAY['b'] AND j @> '{}'", "t"),
    ("SELECT count(*) FILTER (WHERE a > 1) OVER (PARTITION BY b ORDER BY c) FROM t TABLESAMPLE BERNOULLI (10)", "t"),
    ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM t GROUP BY GROUPING SETS ((a), ())", "t"),
    ("SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(3, 4))", ""),
    ("SELECT * FROM t WHERE a = ANY(:ids) AND b IN (:x, :y) LIMIT :limit OFFSET :offset", "t"),
    ("SELECT :order, :group FROM t ORDER BY :select", "t"),
    ("SHOW JOBS", ""),
    ("SHOW JOB WHEN COMPLETE 123", ""),
    ("EXPLAIN SELECT * FROM t", "t"),
    ("EXPLAIN ANALYZE (DEBUG) SELECT * FROM t", "t"),
    ("EXPLAIN (SELECT * FROM t)", "t"),
    ("EXPLAIN DELETE FROM t", ""),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "tables"), READS)
def test_a_statement_that_reads_returns_rows_and_has_no_effect(sql: str, tables: str) -> None:
    parsed = SQLParser().parse(sql)
    assert sorted(map(str, parsed.tables_read)) == tables.split()
    assert parsed.returns_rows
    assert not parsed.tables_written
    assert not parsed.effects


WRITES = [
    ("INSERT INTO t VALUES (1)", "insert", False, "", "t", "INSERT@1"),
    ("INSERT INTO s.t (a) SELECT a FROM u WHERE b IN (SELECT c FROM v) RETURNING a", "insert", True, "u v", "s.t", "INSERT@1"),
    ("INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET b = excluded.b", "insert", False, "", "t", "INSERT@1"),
    ("INSERT INTO h WITH d AS (SELECT * FROM e) SELECT * FROM d", "insert", False, "e", "h", "INSERT@1"),
    ("UPSERT INTO t (a, b) VALUES (1, 2), (:a, :b)", "upsert", False, "", "t", "UPSERT@1"),
    ("WITH s AS (SELECT * FROM u) UPSERT INTO t SELECT * FROM s RETURNING a", "upsert", True, "u", "t", "UPSERT@29"),
    ("UPDATE t SET a = u.a FROM u WHERE t.b = u.b RETURNING t.a", "update", True, "u", "t", "UPDATE@1"),
    ("UPDATE t SET a = 1 WHERE b = 2 ORDER BY c LIMIT 10", "update", False, "", "t", "UPDATE@1"),
    ("DELETE FROM t USING u WHERE t.a = u.a", "delete", False, "u", "t", "DELETE@1"),
    ("DELETE FROM t WHERE a < 10 LIMIT 100", "delete", False, "", "t", "DELETE@1"),
    ("DELETE FROM t@i WHERE a < :x ORDER BY a LIMIT :n RETURNING a, f(b)", "delete", True, "", "t", "DELETE@1"),
    ("DELETE FROM t WHERE (a) IN (SELECT a FROM u LIMIT 3) RETURNING a", "delete", True, "u", "t", "DELETE@1"),
    ("MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b", "merge", False, "s", "t", "MERGE@1"),
    ("WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "select", True, "", "t", "DELETE@12"),
    ("WITH d AS (DELETE FROM t RETURNING *) INSERT INTO h SELECT * FROM d", "insert", False, "", "h t", "INSERT@39 DELETE@12"),
    ("SELECT * FROM [DELETE FROM t WHERE a = 1 RETURNING b]", "select", True, "", "t", "DELETE@16"),
    ("SELECT a INTO b FROM c", "select", True, "c", "b", "INTO@10"),
    ("SELECT * FROM t FOR UPDATE SKIP LOCKED", "select", True, "t", "", "FOR_UPDATE@17"),
    ("SELECT * FROM t f FOR SHARE OF f", "select", True, "t", "", "FOR_SHARE@19"),
    ("EXPLAIN ANALYZE DELETE FROM t", "command", True, "", "t", "DELETE@17"),
    ("EXPLAIN (ANALYZE, VERBOSE) DELETE FROM t", "command", True, "", "t", "DELETE@28"),
    ("CREATE TABLE t AS SELECT * FROM u", "ddl", False, "u", "t", "CREATE@1"),
    ("CREATE TABLE s.t (a INT PRIMARY KEY REFERENCES u (a), INDEX (a) STORING (b))", "ddl", False, "", "s.t", "CREATE@1"),
    ("CREATE MATERIALIZED VIEW v AS SELECT * FROM t", "ddl", False, "t", "v", "CREATE@1"),
    ("CREATE INVERTED INDEX i ON t (j)", "ddl", False, "", "", "CREATE@1"),
    ("ALTER TABLE t SET (ttl_expiration_expression = 'expired_at')", "ddl", False, "", "t", "ALTER@1"),
    ("ALTER TABLE t CONFIGURE ZONE USING gc.ttlseconds = 600", "ddl", False, "", "", "ALTER@1"),
    ("DROP TABLE IF EXISTS t, s.u CASCADE", "ddl", False, "", "s.u t", "DROP@1"),
    ("TRUNCATE t, u CASCADE", "ddl", False, "", "t u", "TRUNCATE@1"),
    ("GRANT SELECT ON TABLE t TO u", "ddl", False, "", "", "GRANT@1"),
    ("ANALYZE public.flights", "command", False, "public.flights", "", "ANALYZE@1"),
    ("ANALYZE", "command", False, "", "", "ANALYZE@1"),
    ('CREATE STATISTICS s ON a FROM "Flights"', "command", False, "Flights", "", "CREATE@1"),
    ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", "command", False, "", "v", "REFRESH@1"),
    ("CALL p(1, 'a;b')", "command", False, "", "", "CALL@1"),
    ("VACUUM t", "command", False, "", "", "VACUUM@1"),
    ("DO $$ BEGIN DELETE FROM t; END $$", "command", False, "", "", "DO@1"),
    ("BACKUP TABLE t INTO 's3://x'", "command", True, "", "", "BACKUP@1"),
    ("INSPECT TABLE t AS OF SYSTEM TIME '-10s'", "command", False, "", "", "INSPECT@1"),
    ("BEGIN", "transaction", False, "", "", "BEGIN@1"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "kind", "returns_rows", "read", "written", "effects"), WRITES)
def test_a_statement_that_does_something_says_what_to_which_tables(
    sql: str, kind: str, returns_rows: bool, read: str, written: str, effects: str
) -> None:
    parsed = SQLParser().parse(sql)
    assert parsed.kind == StatementKind(kind)
    assert parsed.returns_rows is returns_rows
    assert sorted(map(str, parsed.tables_read)) == read.split()
    assert sorted(map(str, parsed.tables_written)) == written.split()
    found = [f"{effect.what.replace(' ', '_')}@{effect.place.column}" for effect in parsed.effects]
    assert found == effects.split()


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELEC 1", "f.sql:1:1: No statement begins with 'SELEC'.\nDid you mean SELECT instead of SELEC?"),
        ("SELECT *\nFORM t", "f.sql:2:6: 't' is unexpected here.\nDid you mean FROM instead of FORM?"),
        ("SELECT (1", "f.sql:1:9: After '1', ')' is missing."),
        ("SELECT * FROM", "f.sql:1:10: After 'FROM', a table name is missing."),
        ("SELECT * FROM t WHERE", "f.sql:1:17: Something is missing at 'WHERE'."),
        ("-- é😀\n/* x */ SELECT 'é' 1", "f.sql:2:20: '1' is unexpected here."),
        ("EXPLAIN", "f.sql:1:1: EXPLAIN has nothing to explain."),
        ("hello world", "f.sql:1:1: No statement begins with 'hello'."),
        ("", "f.sql:1:1: There is no SQL statement here."),
        ("-- nothing\n/* at all */;", "f.sql:1:1: There is no SQL statement here."),
        (f"SELECT {'(' * 500}1{')' * 500}", "f.sql:1:1: The statement is nested too deeply to be read."),
    ],
)
def test_what_cannot_be_read_is_an_error_at_its_place(sql: str, error: str) -> None:
    with pytest.raises(QueryFileError) as raised:
        SQLParser().parse(SourceText("f.sql", sql))
    assert str(raised.value).startswith(error)
    assert raised.value.advice


def test_several_statements_are_counted_and_the_others_have_their_places() -> None:
    parsed = SQLParser().parse(SourceText("f.sql", "SELECT ';' FROM a;;\n  CALL p(';');\nDELETE FROM b;"))
    assert parsed.statement_count == 3
    assert [str(place) for place in parsed.further] == ["f.sql:2:3", "f.sql:3:1"]
    assert sorted(map(str, parsed.tables_read | parsed.tables_written)) == ["a", "b"]


def test_notes_name_what_is_cockroachdbs_own() -> None:
    parsed = SQLParser().parse("DELETE FROM t@i WHERE a = 1 LIMIT 1 RETURNING a")
    assert parsed.notes == {"index_hint", "returning_after_limit"}
    assert SQLParser().parse("SELECT * FROM t AS OF SYSTEM TIME '-1s'").notes == {"as_of_system_time"}


def test_the_parser_is_silent_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        SQLParser().parse("ALTER TABLE t CONFIGURE ZONE USING gc.ttlseconds = 600")
    assert not caplog.records
