"""Files of migrations: names, versions, checksums, statements, and what they may hold."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.database import Dialect
from cockroach_pipelines.queries import (
    Finding,
    MigrationFile,
    MigrationFolder,
    MigrationVersion,
    QueryFileError,
    findings,
)
from cockroach_pipelines.queries.migrations.file import read_migration

COCKROACHDB, POSTGRESQL = Dialect.COCKROACHDB, Dialect.POSTGRESQL


def migration(folder: Path, text: str, name: str = "V1__x.sql") -> MigrationFile:
    (folder / name).write_text(dedent(text).lstrip("\n"), newline="")
    return read_migration(folder / name, folder)


def test_versions_are_ordered_by_number_and_not_by_letter() -> None:
    texts = ["10", "2", "1_1", "1", "1.1.1", "20240131.1200", "02_1"]
    ordered = sorted(map(MigrationVersion.parse, texts))
    assert [str(version) for version in ordered] == ["1", "1.1", "1.1.1", "2", "02.1", "10", "20240131.1200"]


def test_trailing_noughts_are_nothing() -> None:
    assert MigrationVersion.parse("1") == MigrationVersion.parse("1.0.0") == MigrationVersion.parse("001")
    assert str(MigrationVersion.parse("1_0")) == "1.0"


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=6))
def test_any_numbers_are_a_version_and_come_back(parts: list[int]) -> None:
    text = ".".join(map(str, parts))
    assert MigrationVersion.parse(text).text == text
    assert MigrationVersion.parse(text) == MigrationVersion.parse(text.replace(".", "_") + ".0")


@pytest.mark.parametrize("text", ["", "1.", "a", "1..2", "1-2", "١"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        MigrationVersion.parse(text)


@pytest.mark.parametrize(
    ("name", "version", "description", "dialect"),
    [
        ("V1__first_tables.sql", "1", "first tables", None),
        ("V1_1__x.sql", "1.1", "x", None),
        ("V2024.01.31__2_things.sql", "2024.01.31", "2 things", None),
        ("V3.sql", "3", "", None),
        ("V4__x.cockroachdb.sql", "4", "x", COCKROACHDB),
        ("R__all_views.postgresql.sql", None, "all views", POSTGRESQL),
        ("V5__a.b.sql", "5", "a.b", None),
    ],
)
def test_name_says_version_description_and_dialect(
    tmp_path: Path, name: str, version: str | None, description: str, dialect: Dialect | None
) -> None:
    file = migration(tmp_path, "SELECT 1", name)
    shown = str(file.version) if file.version else None
    assert (shown, file.description, file.dialect) == (version, description, dialect)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("1_first.sql", "Rename it to V1__first.sql"),
        ("V1_first.sql", "Rename it to V1__first.sql"),
        ("U1__x.sql", "There is no undo"),
        ("notes.sql", "V<version>__<name>.sql and R__<name>.sql"),
        ("afterMigrate.sql", "Flyway's callbacks are not run: write R__<name>.sql"),
        ("B3__all.sql", "Flyway's baseline migrations are not run"),
        ("V1__x.SQL", "V<version>__<name>.sql"),
    ],
)
def test_other_names_are_refused_with_a_better_one(tmp_path: Path, name: str, advice: str) -> None:
    with pytest.raises(QueryFileError) as caught:
        migration(tmp_path, "SELECT 1", name)
    assert advice in caught.value.advice


# Computed with java.util.zip.CRC32 as org.flywaydb.core.internal.resolver.ChecksumCalculator uses it; see the next test.
@pytest.mark.parametrize(
    ("content", "checksum"),
    [
        (b"", 0),
        (b"abc", 891568578),
        (b"ab\nc\n", 891568578),
        (b"ab\r\nc\r", 891568578),
        (b"\xef\xbb\xbfabc", 891568578),
        (b"\n\n", 0),
    ],
)
def test_checksum_counts_neither_line_ends_nor_a_byte_order_mark(tmp_path: Path, content: bytes, checksum: int) -> None:
    (tmp_path / "V1__x.sql").write_bytes(content)
    assert read_migration(tmp_path / "V1__x.sql", tmp_path).checksum == checksum


@pytest.mark.usefixtures("jvm")
def test_checksum_is_that_of_java_as_flyway_computes_it(tmp_path: Path) -> None:
    """Every step of Flyway's calculator, by Java's own classes: readLine, getBytes, CRC32, the cast to int."""
    import jpype

    for number, text in enumerate(
        [
            "CREATE TABLE a (id int);\r\n-- ünïcode 🚀 \x85\u2028 end\rDROP",
            "x" * 9000 + "\n",
            "SELECT 'a\x0b\x0cb'\n\n\n;",
        ]
    ):
        name = f"V{number}__x.sql"
        (tmp_path / name).write_text(text, newline="", encoding="utf-8")
        reader = jpype.java.io.BufferedReader(jpype.java.io.StringReader(text), 4096)
        crc = jpype.java.util.zip.CRC32()
        while (line := reader.readLine()) is not None:
            crc.update(jpype.java.lang.String(line).getBytes("UTF-8"))
        expected = int(jpype.java.lang.Long(crc.getValue()).intValue())
        assert read_migration(tmp_path / name, tmp_path).checksum == expected


def test_sha256_sees_where_lines_break_and_not_how(tmp_path: Path) -> None:
    one = migration(tmp_path, "-- careful\nDROP TABLE a", "V1__x.sql")
    windows = migration(tmp_path, "-- careful\r\nDROP TABLE a", "V2__x.sql")
    joined = migration(tmp_path, "-- carefulDROP TABLE a", "V3__x.sql")
    assert one.sha256 == windows.sha256 != joined.sha256
    assert one.checksum == windows.checksum == joined.checksum


def test_statements_end_at_semicolons_that_are_none_of_a_text(tmp_path: Path) -> None:
    file = migration(
        tmp_path,
        """
        -- one; not two
        INSERT INTO a VALUES ('x;y', "q;r"); /* ; */;;
        CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $body$ BEGIN RETURN 1; END; $body$;
        CREATE FUNCTION g(n int) RETURNS int BEGIN ATOMIC SELECT CASE WHEN n > 1 THEN 1 ELSE 2 END; SELECT 2; END;
        DO $$ BEGIN PERFORM 1; END $$
        """,
    )
    assert [(each.first_word, each.place.line) for each in file.statements] == [
        ("INSERT", 2),
        ("CREATE", 3),
        ("CREATE", 4),
        ("DO", 5),
    ]
    assert file.statements[2].text.endswith("SELECT 2; END")


def test_operators_of_json_reach_the_server_as_they_are_written(tmp_path: Path) -> None:
    (statement,) = migration(tmp_path, "CREATE INDEX i ON t ((data ? 'key'))").statements
    assert statement.bound.text == "CREATE INDEX i ON t ((data ?? 'key'))"


def test_header_lines_say_what_is_allowed(tmp_path: Path) -> None:
    file = migration(
        tmp_path,
        """
        /* licence
           -- transaction: true */
        -- Purge: what nobody needs.
        -- allow: destructive
        -- transaction: false
        DROP TABLE IF EXISTS a;
        -- allow: nothing
        """,
    )
    assert (file.allowed, file.in_transaction) == ({"destructive"}, False)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("-- alow: destructive", "V1__x.sql:1:1: `alow` means nothing here.\nDid you mean `-- allow: …`?"),
        ("-- transaction: no", "V1__x.sql:1:1: `transaction: no` is unknown.\nWrite `-- transaction: true or false`."),
    ],
)
def test_misspelt_header_line_is_an_error(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(QueryFileError) as caught:
        migration(tmp_path, f"{line}\nSELECT 1")
    assert str(caught.value).endswith(said)


def test_folder_gives_versions_in_order_then_repeatables_and_the_file_of_the_dialect(tmp_path: Path) -> None:
    for name in (
        "V10__c.sql",
        "V2__b.sql",
        "V2__b.cockroachdb.sql",
        "sub/V1__a.sql",
        "R__z.sql",
        "R__a.sql",
        "V3__p.postgresql.sql",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("SELECT 1")
    folder = MigrationFolder(tmp_path)
    assert [file.script for file in folder.for_dialect(COCKROACHDB).files] == [
        "sub/V1__a.sql",
        "V2__b.cockroachdb.sql",
        "V10__c.sql",
        "R__a.sql",
        "R__z.sql",
    ]
    assert [file.script for file in folder.for_dialect(POSTGRESQL).versioned] == [
        "sub/V1__a.sql",
        "V2__b.sql",
        "V3__p.postgresql.sql",
        "V10__c.sql",
    ]


def test_second_file_of_a_version_is_named_with_the_first(tmp_path: Path) -> None:
    for name in ("V1__a.sql", "V1.0__b.sql", "V2__c.sql", "notes.sql"):
        (tmp_path / name).write_text("SELECT 1")
    found = MigrationFolder(tmp_path).for_dialect(POSTGRESQL)
    said = [str(problem).replace(f"{tmp_path}/", "") for problem in found.problems]
    assert said[0].startswith("notes.sql: The name is none of a migration.")
    assert (
        said[1]
        == "V1__a.sql:1:1: This is version 1 a second time: V1.0__b.sql is the first.\nGive the newer of them another number."
    )
    assert len(found.versioned) == 2


def test_missing_folder_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(QueryFileError, match=r"does not exist(.|\n)*V1__first_tables.sql"):
        MigrationFolder(tmp_path / "nowhere")


def said(found: list[Finding]) -> list[str]:
    return [
        f"{each.severity} {each.problem.place.line}:{each.problem.place.column} {each.problem.message}"
        for each in found
    ]


@pytest.mark.parametrize(
    ("text", "dialect", "problems"),
    [
        ("CREATE TABLE a (id int); INSERT INTO a VALUES (1)", POSTGRESQL, []),
        (
            "CREATE TABLE IF NOT EXISTS a (id int);\nINSERT INTO a VALUES (1)",
            COCKROACHDB,
            ["error 2:1 The file changes both definitions and rows, and CockroachDB takes neither back with the other."],
        ),
        ("CREATE TABLE a (id int)", COCKROACHDB, ["warn 1:1 This statement has no IF NOT EXISTS."]),
        ("CREATE UNIQUE INDEX ON a (id)", COCKROACHDB, ["warn 1:1 This statement has no IF NOT EXISTS."]),
        ("ALTER TABLE a ADD COLUMN b int", COCKROACHDB, ["warn 1:1 This statement has no IF NOT EXISTS."]),
        ("CREATE OR REPLACE VIEW v AS SELECT 1", COCKROACHDB, []),
        (
            "DROP TABLE a",
            POSTGRESQL,
            ["error 1:1 DROP TABLE destroys data, and the file does not say that it may."],
        ),
        ("-- allow: destructive\nDROP TABLE a; TRUNCATE b; DELETE FROM c", POSTGRESQL, []),
        (
            "ALTER TABLE a\n  DROP b",
            POSTGRESQL,
            ["error 2:3 DROP COLUMN destroys data, and the file does not say that it may."],
        ),
        ("ALTER TABLE a ALTER COLUMN b DROP NOT NULL, DROP CONSTRAINT c", POSTGRESQL, []),
        (
            "DELETE FROM a",
            POSTGRESQL,
            ["error 1:1 DELETE without WHERE destroys data, and the file does not say that it may."],
        ),
        ("DELETE FROM a WHERE id = 1", POSTGRESQL, []),
        (
            "CREATE INDEX CONCURRENTLY i ON a (b)",
            POSTGRESQL,
            ["error 1:1 PostgreSQL refuses this statement within a transaction."],
        ),
        ("-- transaction: false\nCREATE INDEX CONCURRENTLY i ON a (b)", POSTGRESQL, []),
        ("VACUUM a", POSTGRESQL, ["error 1:1 PostgreSQL refuses this statement within a transaction."]),
        ("BEGIN; SELECT 1; COMMIT", POSTGRESQL, [
            "error 1:1 A migration does not begin or end transactions.",
            "error 1:18 A migration does not begin or end transactions.",
        ]),
        ("SELECT :id", POSTGRESQL, ["error 1:8 :id is a parameter, and migrations have none."]),
        ("COPY a FROM STDIN", POSTGRESQL, ["error 1:1 COPY FROM STDIN reads what no migration can send."]),
        ("SELECT 1;\nCOPY a (b) FROM stdin;\nit's\n\\.\n", POSTGRESQL, ["error 2:1 COPY FROM STDIN reads what no migration can send."]),
        ("\\connect other", POSTGRESQL, ["error 1:1 No statement begins with '\\\\connect'."]),
        ("CREAT TABLE a (id int)", POSTGRESQL, ["error 1:1 No statement begins with 'CREAT'."]),
        (
            "CREATE TABLE ${schema}.a (id int)",
            POSTGRESQL,
            ["error 1:14 ${schema} is a placeholder of Flyway, and no value is put in its place here."],
        ),
        (
            "-- ${user} wrote this\nINSERT INTO a VALUES ('x', '${env}')",
            POSTGRESQL,
            ["error 2:29 ${env} is a placeholder of Flyway, and no value is put in its place here."],
        ),
        (
            "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '${flyway:user}' $$",
            POSTGRESQL,
            ["error 1:61 ${flyway:user} is a placeholder of Flyway, and no value is put in its place here."],
        ),
        ("/* ${env} */ SELECT 1 -- ${env}", POSTGRESQL, []),
        ("-- placeholders: false\nINSERT INTO a VALUES ('${env}')", POSTGRESQL, []),
        ("-- only a comment", POSTGRESQL, []),
    ],
)  # fmt: skip
def test_rules_name_the_place_of_what_they_refuse(
    tmp_path: Path, text: str, dialect: Dialect, problems: list[str]
) -> None:
    assert said(findings(migration(tmp_path, text), dialect)) == problems


def with_settings(folder: Path, settings: str, text: str = "SELECT 1") -> MigrationFile:
    (folder / "V1__x.sql.conf").write_text(settings)
    return migration(folder, text)


def test_flyways_settings_of_a_file_mean_what_they_do_there(tmp_path: Path) -> None:
    file = with_settings(
        tmp_path,
        "# how Flyway runs it\nexecuteInTransaction=false\n\nplaceholderReplacement = FALSE\nencoding=utf-8\nshouldExecute=true\n",
        "CREATE INDEX CONCURRENTLY i ON a ((b || '${c}'))",
    )
    assert (file.in_transaction, findings(file, POSTGRESQL)) == (False, [])
    assert with_settings(tmp_path, "executeInTransaction=false", "-- transaction: true\nSELECT 1").in_transaction


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ("shouldExecute=${env}==prod", "1:1: `shouldExecute=${env}==prod` is not supported.\nOnly true is."),
        ("\nencoding=ISO-8859-1", "2:1: `encoding=ISO-8859-1` is not supported.\nOnly UTF-8 is."),
        ("executeInTransaction=no", "1:1: `executeInTransaction=no` is unknown.\nWrite true or false."),
        ("executeInTransacton=true", "1:1: `executeInTransacton` means nothing here.\nDid you mean executeInTransaction?"),
        ("errorOverrides=x", "1:1: `errorOverrides` means nothing here.\nRemove it: of Flyway's settings executeInTransaction, "),
    ],
)  # fmt: skip
def test_flyways_settings_that_have_no_counterpart_are_refused(tmp_path: Path, settings: str, problem: str) -> None:
    (found,) = findings(with_settings(tmp_path, settings), POSTGRESQL)
    assert found.severity == "error"
    assert str(found.problem).startswith(f"{tmp_path}/V1__x.sql.conf:{problem}")


def test_settings_without_their_migration_are_named(tmp_path: Path) -> None:
    (tmp_path / "V1__old_name.sql.conf").write_text("executeInTransaction=false")
    (problem,) = MigrationFolder(tmp_path).for_dialect(POSTGRESQL).problems
    assert (
        str(problem)
        == f"{tmp_path}/V1__old_name.sql.conf: These settings have no migration beside them.\nRemove the file."
    )
