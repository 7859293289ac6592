"""The three forms of a reconciliation, and the exact words of each refusal."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from cockroach_pipelines.queries import (
    BrokenQuery,
    Comparison,
    Query,
    ReconciliationHeader,
    SQLRepository,
    TableName,
    TableOn,
)
from cockroach_pipelines.queries.parsing.table_names import parse_table_name
from tests.queries.conftest import Write

Compare = Callable[[str], Query | BrokenQuery]


@pytest.fixture
def load(sql_folder: Path, write: Write) -> Compare:
    """Load one reconciliation of a text, as the repository does."""

    def load(text: str) -> Query | BrokenQuery:
        write("reconciliation/f.sql", text)
        repository = SQLRepository(sql_folder, ["main", "replica"])
        return {**repository.queries, **repository.broken}["reconciliation/f"]

    return load


def comparison_of(query: Query | BrokenQuery) -> Comparison:
    assert isinstance(query, Query), query.error
    assert query.comparison is not None
    return query.comparison


def errors_of(broken: Query | BrokenQuery, sql_folder: Path) -> list[str]:
    assert isinstance(broken, BrokenQuery)
    return [
        str(each).replace(f"{sql_folder}{os.sep}queries{os.sep}reconciliation{os.sep}", "")
        for each in broken.error.problems
    ]


def test_a_header_with_two_tables_needs_no_sql(load: Compare) -> None:
    query = load("""
        /* @asset
        description: Flights against their replica.
        source: {connection: main, table: flights, where: carrier = :carrier}
        target: {connection: replica, table: 'copies."Flights"'}
        where: year = :year
        params: {carrier: {type: text, default: UA}, year: {type: integer, default: 2013}}
        */
        """)
    comparison = comparison_of(query)
    assert (comparison.source.connection, comparison.source.table) == ("main", "flights")
    assert (comparison.target.connection, comparison.target.table) == ("replica", 'copies."Flights"')
    assert [bound.names for bound in comparison.bounds] == [("carrier",), ("year",)]
    assert comparison.source.where is not None and comparison.source.where.bound.text == "carrier = ?"
    assert isinstance(query, Query)
    assert query.connections == ("main", "replica")
    assert sorted(map(str, query.tables_read)) == ["copies.Flights", "flights"]
    assert query.reads == {
        TableOn("main", TableName("", "public", "flights")),
        TableOn("replica", TableName("", "copies", "Flights")),
    }
    assert query.tables_written == frozenset()
    assert query.path.name == "f.sql"


def test_a_table_alone_is_on_the_files_connection(load: Compare) -> None:
    comparison = comparison_of(
        load("/* @asset\nconnection: replica\nsource: {connection: main, table: a}\ntarget: b\n*/")
    )
    assert [(side.connection, side.table) for side in comparison.sides] == [("main", "a"), ("replica", "b")]


def test_two_named_statements_have_a_connection_each(load: Compare) -> None:
    query = load("""
        /* @asset
        target: {connection: replica}
        key: [carrier, day]
        partition: {every: day, from: 2013-01-01}
        */
        -- Flights per day.
        -- name: source
        SELECT carrier, day, '-- name: neither' AS text FROM flights /* -- name: nor */ WHERE at >= :partition_start;

        --  name:target
        SELECT carrier, day FROM daily
        WHERE day = :partition_key; -- the end
        """)
    comparison = comparison_of(query)
    assert [side.connection for side in comparison.sides] == ["main", "replica"]
    texts = [side.statement.executable for side in comparison.sides if side.statement]
    assert texts[0].endswith("at >= ?") and texts[1].endswith("day = ?")
    assert comparison.target.statement is not None
    assert comparison.target.statement.place(texts[1].index("WHERE") + 1).line == 12
    assert query.description == "Flights per day."
    assert sorted(map(str, comparison.tables_read)) == ["daily", "flights"]


def test_named_statements_need_no_header(load: Compare) -> None:
    query = load("-- name: source\nSELECT 1 AS id\n-- name: target\nSELECT 1 AS id")
    assert [side.connection for side in comparison_of(query).sides] == ["main", "main"]
    assert query.description == ""


def test_one_query_is_a_reconciliation_as_before(load: Compare) -> None:
    query = load("/* @asset\nexpect: {warn: 0, error: 100}\n*/\nSELECT id FROM wrong")
    assert isinstance(query, Query)
    assert query.comparison is None
    assert isinstance(query.header, ReconciliationHeader)
    assert query.header.expect.errors_beyond is not None and query.header.expect.errors_beyond.max_differences == 100


def test_short_forms_mean_what_they_stand_for(load: Compare) -> None:
    header = comparison_of(
        load("""
        /* @asset
        source: a
        target: b
        key: id
        exclude: [loaded_at]
        rename: {name: full_name}
        tolerance: {amount: 0.01, rate: 1%, updated_at: 1s, numeric: {absolute: 5, relative: 0.1%}, name: [ignore_case, null_is_empty]}
        normalize: {email: "lower({})"}
        sample: 5%
        expect: {max_share: 0.1%, blocking: true}
        recheck: 30s
        stop: 1000
        limit: 50
        exact: true
        care: {workers: 4, throttle: SELECT lag > 5 FROM replication, background: true}
        */
        """)
    ).header
    rules = {name: rule.model_dump(exclude_defaults=True) for name, rule in header.tolerance.items()}
    assert rules == {
        "amount": {"absolute": Decimal("0.01")},
        "rate": {"relative": Decimal("0.01")},
        "updated_at": {"within": 1.0},
        "numeric": {"absolute": Decimal(5), "relative": Decimal("0.001")},
        "name": {"ignore_case": True, "null_is_empty": True},
    }
    assert (header.key, header.exclude, header.sample) == (("id",), ("loaded_at",), Decimal("0.05"))
    assert header.recheck is not None and (header.recheck.after, header.recheck.times) == (30.0, 1)
    assert header.stop is not None and header.stop.differences == 1000
    assert header.care.throttle is not None and header.care.throttle.pause == 1.0


def test_measures_are_written_as_in_sql(load: Compare) -> None:
    header = comparison_of(
        load("""
        /* @asset
        source: a
        target: b
        group_by: [region, day]
        measures: ["COUNT(*)", count(id), sum( amount ), {avg(rate): 1%}]
        */
        """)
    ).header
    assert [str(measure) for measure in header.measures] == ["count", "count(id)", "sum(amount)", "avg(rate)"]
    assert header.measures[3].tolerance.relative == Decimal("0.01")


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("", 0),
        ("expect: 5", 5),
        ("expect: {max_differences: 5}", 5),
        ("expect: {error: 5, warn: 0}", 5),
        ("expect: {warn: 0}", None),
    ],
)
def test_without_a_bound_for_errors_nothing_may_differ_unless_there_is_one_for_warnings(
    load: Compare, said: str, error: int | None
) -> None:
    beyond = comparison_of(load(f"/* @asset\nsource: a\ntarget: b\n{said}\n*/")).header.expect.errors_beyond
    assert (beyond.max_differences if beyond else None) == error


def test_code_version_follows_statements_and_header_and_not_their_layout(load: Compare) -> None:
    text = "/* @asset\nkey: id\n*/\n-- name: source\nSELECT id FROM a;\n-- name: target\nSELECT id FROM b;\n"
    versions = {
        load(each).code_version  # type: ignore[union-attr]
        for each in (text, text.replace("SELECT id", "select  id"), text.replace("key: id", "key: [id]"))
    }
    assert len(versions) == 1
    for changed in (text.replace("FROM b", "FROM c"), text.replace("key: id", "key: [id, x]")):
        assert load(changed).code_version not in versions  # type: ignore[union-attr]


def test_a_table_of_either_side_that_another_file_writes_makes_an_edge(write: Write, sql_folder: Path) -> None:
    write(
        "reconciliation/f.sql",
        "/* @asset\nsource: {connection: main, table: a}\ntarget: {connection: replica, table: Public.B}\n*/",
    )
    write("maintenance/fill.sql", "/* @asset\nconnection: replica\n*/\nINSERT INTO b SELECT 1")
    write("maintenance/fill_elsewhere.sql", "INSERT INTO b SELECT 1")
    repository = SQLRepository(sql_folder)
    assert repository.dependencies()["reconciliation/f"] == {"maintenance/fill"}
    assert repository.external_tables() == {TableOn("main", TableName("", "public", "a")): {"reconciliation/f"}}


def test_a_file_without_sql_is_found_by_its_path(write: Write, sql_folder: Path) -> None:
    path = write("reconciliation/f.sql", "/* @asset\nsource: a\ntarget: b\n*/")
    assert SQLRepository(sql_folder).get(str(path)).name == "reconciliation/f"


@pytest.mark.parametrize("key", ["key: id", "tolerance: {a: 1}", "expect: 3", "source: a", "recheck: 1s"])
def test_keys_of_reconciliations_are_refused_elsewhere(write: Write, sql_folder: Path, key: str) -> None:
    write("reporting/r.sql", f"/* @asset\n{key}\n*/\nSELECT 1")
    (broken,) = SQLRepository(sql_folder).broken.values()
    assert str(broken.error) == (
        f"{broken.path}:2:1: `{key.split(':')[0]}` is for reconciliations.\n"
        "Remove it, or move the file below sql/queries/reconciliation."
    )


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (
            "/* @asset\nsource: a\ntarget: b\n*/\nSELECT 1",
            [
                "f.sql:5:1: The header says what to compare, and SQL stands here.\n"
                "Remove the SQL, or remove `table` from the header and name two statements: `-- name: source` and `-- name: target`."
            ],
        ),
        (
            "/* @asset\nsource: a\ntarget: b\n*/\n-- name: source\nSELECT 1",
            [
                "f.sql:5:1: `source` is a table in the header and a statement here.\n"
                "Remove the SQL, or remove `table` from the header and name two statements: `-- name: source` and `-- name: target`."
            ],
        ),
        (
            "/* @asset\nsource: a\n*/\n-- name: target\nSELECT 1",
            [
                "f.sql:4:1: `source` is a table in the header, and a statement stands here: the two forms do not mix.\n"
                "Remove the SQL, or remove `table` from the header and name two statements: `-- name: source` and `-- name: target`."
            ],
        ),
        (
            "/* @asset\nsource: {connection: main}\n*/\nSELECT 1",
            [
                "f.sql:4:1: This statement has no name.\n"
                "Write `-- name: source` and `-- name: target` on a line above their statements: a reconciliation with a source "
                "and a target compares two."
            ],
        ),
        (
            "-- name: source\nSELECT 1",
            [
                "f.sql:1:1: There is no statement 'target' to compare 'source' with.\n"
                "Write `-- name: target` on a line of its own, and its SELECT below."
            ],
        ),
        (
            "-- name: source\nSELECT 1;\n-- name: target\nSELECT 2;\n-- name: third\nSELECT 3",
            ["f.sql:5:1: 'third' is no side of a comparison.\nThe two statements are named source and target."],
        ),
        (
            "-- name: source\nSELECT 1;\n-- name: tagret\nSELECT 2;",
            ["f.sql:3:1: 'tagret' is no side of a comparison.\nDid you mean 'target'?"],
        ),
        (
            "-- name: source\nSELECT 1;\n-- name: source\nSELECT 2;",
            [
                "f.sql:3:1: The name 'source' stands here a second time; the first is in line 1.\n"
                "Name one of them source and the other target."
            ],
        ),
        (
            "-- name:\nSELECT 1;\n-- name: source\nSELECT 2;",
            ["f.sql:1:1: The name is missing here.\nThe two statements are named source and target."],
        ),
        (
            "SELECT 0;\n-- name: source\nSELECT 1;\n-- name: target\nSELECT 2",
            [
                "f.sql:1:1: This statement has no name.\n"
                "Write `-- name: source` and `-- name: target` on a line above their statements: a reconciliation with a source "
                "and a target compares two."
            ],
        ),
        (
            "-- name: source\n-- name: target\nSELECT 2",
            ["f.sql:1:1: No statement follows the name 'source'.\nWrite a SELECT below it."],
        ),
        (
            "-- name: source\nSELECT 1; SELECT 5;\n-- name: target\nSELECT 2",
            ["f.sql:2:11: A second of 2 statements begins here.\nOne name, one statement: make one of them."],
        ),
        (
            "SELECT 1; SELECT 5",
            [
                "f.sql:1:11: A second of 2 statements begins here.\nOne file, one statement: move it to a file of its own. "
                "Two that are to be compared are named: `-- name: source` and `-- name: target` above them."
            ],
        ),
        (
            "-- name: source\nDELETE FROM x RETURNING *;\n-- name: target\nSELEC 2",
            [
                "f.sql:2:1: DELETE has no place in a reconciliation, which only reads.\n"
                "Move the file below sql/queries/maintenance if it is to write.",
                "f.sql:4:1: No statement begins with 'SELEC'.\nDid you mean SELECT instead of SELEC?",
            ],
        ),
        (
            "/* @asset\nsource: {connection: main, where: x > 1}\n*/\n-- name: source\nSELECT 1\n-- name: target\nSELECT 2",
            [
                "f.sql:2:28: `source.where` is for a table, and `source` is a statement.\n"
                "Write the condition into the statement."
            ],
        ),
        (
            "/* @asset\nparams: {x: text}\nkey: id\n*/\n-- name: source\nSELECT :y\n-- name: target\nSELECT :partition_key",
            [
                "f.sql:6:8: The parameter :y is not declared.\nDeclare it in the header: `params: {y: text}`.",
                "f.sql:8:8: :partition_key needs a partition, and the header has none.\n"
                "Add one to the header: `partition: {every: day, from: 2013-01-01}`.",
            ],
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_a_form_says_so(load: Compare, sql_folder: Path, text: str, errors: list[str]) -> None:
    assert errors_of(load(text), sql_folder) == errors


@pytest.mark.parametrize(
    ("said", "errors"),
    [
        ("source: a", ["f.sql:2:1: `target` is missing: there is nothing to compare `source` with.\nAdd `target: {connection: …, table: …}`."]),
        (
            "source: {connection: main}\ntarget: b",
            [
                "f.sql:2:1: `source` has no table, and no statement here has that name.\n"
                "Add `table: …` to it, or write `-- name: source` and a SELECT below the header."
            ],
        ),
        ("source: a b\ntarget: c", [
            "f.sql:2:9: `source.table`: 'a b' is no name of a table.\n"
            'Write table, schema.table or database.schema.table, with "quotes" around unusual names.'
        ]),
        ("source: {conection: main, table: a}\ntarget: b", ["f.sql:2:10: Unknown key 'conection' of source.\nDid you mean 'connection'?"]),
        ("source: {connection: mian, table: a}\ntarget: b", ["f.sql:2:22: There is no connection 'mian'.\nDid you mean 'main'?"]),
    ],
)  # fmt: skip
def test_a_side_that_cannot_be_read_says_why(load: Compare, sql_folder: Path, said: str, errors: list[str]) -> None:
    assert errors_of(load(f"/* @asset\n{said}\n*/"), sql_folder) == errors


@pytest.mark.parametrize(
    ("said", "errors"),
    [
        ("tolerence: {a: 1}", ["f.sql:4:1: Unknown key 'tolerence'.\nDid you mean 'tolerance'?"]),
        ("key:", ["f.sql:4:1: `key`: has no value.\nGive it one, or remove the key."]),
        ("key: [id, id]", ["f.sql:4:6: `key`: 'id' stands in it twice.\nRemove one of them."]),
        ("key: id\nexclude: [id]", ["f.sql:5:1: `exclude`: 'id' is in the key, which names the rows.\nRemove it from one of them."]),
        ("columns: [a]\nexclude: b", ["f.sql:5:1: `exclude`: `columns` and `exclude` exclude each other.\nKeep one of them."]),
        ("rename: {a: x, b: x}", ["f.sql:4:1: `rename`: two columns become 'x'.\nEach of the target's columns has one counterpart."]),
        ("tolerance: {a: ignore_cas}", ["f.sql:4:16: `tolerance.a`: 'ignore_cas' is no tolerance.\nDid you mean 'ignore_case'?"]),
        ("tolerance: {a: 1 mile}", [
            "f.sql:4:16: `tolerance.a`: '1 mile' is no tolerance.\n"
            "Write 0.01, 1%, 1s, or one of ignore_case, ignore_trailing_blanks, null_is_empty."
        ]),
        ("tolerance: {a: -1}", ["f.sql:4:16: `tolerance.a.absolute`: -1 is below 0.\nWrite a number of 0 or more."]),
        ("tolerance: {a: {abolute: 1}}", ["f.sql:4:17: Unknown key 'abolute' of tolerance.a.\nDid you mean 'absolute'?"]),
        ("tolerance: {a: {ignore_case: 1}}", ["f.sql:4:30: `tolerance.a.ignore_case`: 1 is neither true nor false."]),
        ("normalize: {email: lower(email)}", [
            "f.sql:4:1: `normalize`: that of 'email' does not use the column.\nWrite {} where it belongs: lower({})."
        ]),
        ("sample: 5", ["f.sql:4:9: `sample`: 5 is no share.\nWrite a number between 0 and 1, or a percentage such as 0.5%."]),
        ("sample: 0%", ["f.sql:4:9: `sample`: 0 is nothing.\nWrite a share above 0, such as 1%."]),
        ("expect: -1", ["f.sql:4:9: `expect.max_differences`: -1 is no whole number of 0 or more."]),
        ("expect: {warn: {}}", ["f.sql:4:16: `expect.warn`: says nothing.\nWrite max_differences, max_share, or both."]),
        ("expect: {warn: 5, error: 5}", [
            "f.sql:4:10: `expect.warn`: max_differences 5 is not below the error's 5: there would be no warning.\nLower it."
        ]),
        ("expect: {max_differences: 1, error: {max_share: 1%}}", [
            "f.sql:4:10: `expect.max_differences`: is short for `error: {max_differences: …}`, which is there too.\nKeep one of them."
        ]),
        ("expect: {warn: 0, blocking: true}", [
            "f.sql:4:19: `expect.blocking`: only an error blocks, and there is no bound for one.\nAdd `error`, or remove it."
        ]),
        ("recheck: {times: 2}", ["f.sql:4:1: `recheck.after` is missing.\nAdd `after: …`."]),
        ("recheck: {after: 1s, times: 0}", ["f.sql:4:29: `recheck.times`: 0 is no whole number from 1 to 100."]),
        ("stop: {share: 200%}", ["f.sql:4:15: `stop.share`: '200%' is no share.\nWrite a number between 0 and 1, or a percentage such as 0.5%."]),
        ("limit: none", ["f.sql:4:8: `limit`: 'none' is no whole number of 1 or more."]),
        ("exact: 1", ["f.sql:4:8: `exact`: 1 is neither true nor false."]),
        ("care: {workers: 99}", ["f.sql:4:17: `care.workers`: 99 is no whole number from 1 to 32."]),
        ("care: {throttle: 'SELECT :x'}\nparams: {x: text}", [
            "f.sql:4:26: The throttle takes no parameter, and :x is one.\nWrite the value itself."
        ]),
        ("care: {throttle: DELETE FROM x}", [
            "f.sql:4:18: DELETE has no place in a reconciliation, which only reads.\n"
            "Move the file below sql/queries/maintenance if it is to write."
        ]),
        ("group_by: region", ["f.sql:4:1: `group_by`: groups have nothing to compare.\nAdd `measures`, such as [count, sum(amount)]."]),
        ("measures: [cuont]", ["f.sql:4:12: `measures.0`: 'cuont' is no measure.\nDid you mean 'count'?"]),
        ("measures: sum", ["f.sql:4:11: `measures.0`: sum names no column.\nWrite sum(column)."]),
        ("measures: [{sum(a): b}]", [
            "f.sql:4:12: `measures.0.tolerance`: 'b' is no tolerance.\n"
            "Write 0.01, 1%, 1s, or one of ignore_case, ignore_trailing_blanks, null_is_empty."
        ]),
        ("measures: [count, count(*)]", ["f.sql:4:1: `measures`: count stands in it twice.\nRemove one of them."]),
        ("measures: count\nsample: 5%", [
            "f.sql:5:1: `sample`: is of rows, and groups are of all their rows.\nRemove it, or `measures`."
        ]),
        ("mend: upsrt", ["f.sql:4:7: `mend`: 'upsrt' is none of statements, upsert.\nDid you mean 'upsert'?"]),
        ("where: year = = 3", ["f.sql:4:15: Something is missing at '='.\nCompare the text around it with the SQL you meant."]),
        ("where: year =", ["f.sql:4:14: Something is missing at the end.\nCompare the text around it with the SQL you meant."]),
        ("where: a = 1) OR (b = 2", [
            "f.sql:4:13: ')' has no place in a condition.\nWrite what would stand after WHERE, such as amount > 0 AND NOT deleted."
        ]),
        ("where: a = 1 ORDER BY b", [
            "f.sql:4:14: 'ORDER BY' has no place in a condition.\n"
            "Write what would stand after WHERE, such as amount > 0 AND NOT deleted."
        ]),
        ("where: a = :b", ["f.sql:4:12: The parameter :b is not declared.\nDeclare it in the header: `params: {b: text}`."]),
        ("params: {b: text}", ["f.sql:4:10: The parameter 'b' is declared and never used.\nRemove it, or write :b where its value belongs."]),
        ("checks: {a: SELECT 1}", [
            "f.sql:4:1: `checks` are for files of one statement, whose rows they look at.\n"
            "Remove them: `expect` says how much may differ."
        ]),
        ("special: clamp", [
            "f.sql:4:1: `special` is for rows that are kept: values are compared as they are, infinity included.\nRemove it."
        ]),
    ],
)  # fmt: skip
def test_wrong_keys_are_refused_in_these_words(load: Compare, sql_folder: Path, said: str, errors: list[str]) -> None:
    assert errors_of(load(f"/* @asset\nsource: a\ntarget: b\n{said}\n*/"), sql_folder) == errors


def test_keys_for_two_relations_are_refused_beside_a_query_of_differences(load: Compare, sql_folder: Path) -> None:
    assert errors_of(load("/* @asset\ntolerance: {a: 1}\nkey: id\n*/\nSELECT 1"), sql_folder) == [
        f"f.sql:{line}:1: `{key}` is for comparing two relations, and the rows of this file's query are the differences.\n"
        "Remove it, or name a `source` and a `target`."
        for line, key in ((2, "tolerance"), (3, "key"))
    ]


def test_a_comparison_is_for_no_dialect(write: Write, sql_folder: Path) -> None:
    write("reconciliation/f.cockroachdb.sql", "/* @asset\nsource: a\ntarget: b\n*/")
    (broken,) = SQLRepository(sql_folder).broken.values()
    assert "A comparison is for no dialect: it has two connections.\nRename it to f.sql." in str(broken.error)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Flights", ("", "", "flights")),
        ("public.Flights", ("", "public", "flights")),
        ('db."My ""Schema".flüge', ("db", 'My "Schema', "flüge")),
    ],
)
def test_names_of_tables_are_read_as_the_server_reads_them(text: str, parts: tuple[str, str, str]) -> None:
    assert parse_table_name(text) == TableName(*parts)


@pytest.mark.parametrize("text", ["", "a b", "a.b.c.d", "1a", '"', 'a""', "a; DROP TABLE b", "a--"])
def test_what_is_no_name_of_a_table_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no name of a table"):
        parse_table_name(text)
