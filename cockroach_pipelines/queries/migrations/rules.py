"""What a migration may hold, by the database that it runs on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import nearest
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.headers.check_rules import Severity
from cockroach_pipelines.queries.migrations.file import MigrationFile, MigrationStatement, copy_from_stdin
from cockroach_pipelines.queries.parsing import commands

DESTRUCTIVE = "destructive"

_DROPS_NO_DATA = frozenset(["NOT", "DEFAULT", "CONSTRAINT", "EXPRESSION", "IDENTITY", "STORED"])
_CREATED_IF_NOT_EXISTS = {
    Dialect.COCKROACHDB: frozenset(
        ["TABLE", "INDEX", "SCHEMA", "SEQUENCE", "VIEW", "TYPE", "DATABASE", "USER", "ROLE", "EXTENSION"]
    ),
    Dialect.POSTGRESQL: frozenset(["TABLE", "INDEX", "SCHEMA", "SEQUENCE", "EXTENSION"]),
}
_BEFORE_WHAT_IS_CREATED = frozenset(["UNIQUE", "INVERTED", "VECTOR", "MATERIALIZED", "TEMPORARY", "TEMP", "UNLOGGED"])
_ALONE = (
    ("VACUUM",),
    ("CREATE", "DATABASE"),
    ("DROP", "DATABASE"),
    ("CREATE", "TABLESPACE"),
    ("DROP", "TABLESPACE"),
    ("ALTER", "SYSTEM"),
)


@dataclass(frozen=True)
class Finding:
    """Something about a migration: an error keeps it from running, a warning does not."""

    severity: Severity
    problem: QueryFileError


def findings(file: MigrationFile, dialect: Dialect) -> list[Finding]:
    """Give what is wrong with a migration, in the order of the file."""
    try:
        statements = file.statements
    except QueryFileError as error:
        return [Finding(Severity.ERROR, problem) for problem in error.problems]
    found = [finding for statement in statements for rule in _RULES for finding in rule(file, statement, dialect)]
    found += _mixed(file, dialect)
    found += _placeholders(file)
    found += [Finding(Severity.ERROR, problem) for problem in file.settings.problems]
    return sorted(found, key=lambda each: (each.problem.place.line or 0, each.problem.place.column or 0))


def runs_alone(statement: MigrationStatement) -> bool:
    """Whether PostgreSQL refuses the statement within a transaction."""
    if any(statement.words[: len(words)] == words for words in _ALONE):
        return True
    return statement.first_word in ("CREATE", "DROP", "REINDEX", "ALTER") and "CONCURRENTLY" in statement.words[:5]


def _error(place: Place, message: str, advice: str) -> Finding:
    return Finding(Severity.ERROR, QueryFileError(message, place=place, advice=advice))


def _warning(place: Place, message: str, advice: str) -> Finding:
    return Finding(Severity.WARN, QueryFileError(message, place=place, advice=advice))


def _known_word(file: MigrationFile, statement: MigrationStatement, dialect: Dialect) -> Iterator[Finding]:
    if statement.first_word not in commands.FIRST_WORDS and statement.first_word != "(":
        shown = statement.text.split(maxsplit=1)[0][:40]
        meant = nearest(shown, commands.FIRST_WORDS)
        advice = f"Did you mean {meant}?" if meant else "psql's own commands are not SQL; write a statement."
        yield _error(statement.place, f"No statement begins with {shown!r}.", advice)


def _transaction(file: MigrationFile, statement: MigrationStatement, dialect: Dialect) -> Iterator[Finding]:
    if statement.first_word in commands.TRANSACTION:
        yield _error(
            statement.place,
            "A migration does not begin or end transactions.",
            "Remove the statement; `-- transaction: false` at the top of the file runs each statement by itself.",
        )


def _data_in_the_file(file: MigrationFile, statement: MigrationStatement, dialect: Dialect) -> Iterator[Finding]:
    if statement.first_word == "COPY" and "STDIN" in statement.words:
        yield Finding(Severity.ERROR, copy_from_stdin(statement.place))


def _permission(file: MigrationFile, statement: MigrationStatement, dialect: Dialect) -> Iterator[Finding]:
    if DESTRUCTIVE in file.allowed:
        return
    if what := _destroys(statement):
        yield _error(
            statement.place_of(what[1]),
            f"{what[0]} destroys data, and the file does not say that it may.",
            "If it is meant, write `-- allow: destructive` at the top of the file.",
        )


def _destroys(statement: MigrationStatement) -> tuple[str, int] | None:
    words, first = statement.words, statement.first_word
    if first in ("DROP", "TRUNCATE"):
        return " ".join(words[:2]).strip() if first == "DROP" else first, 0
    if first == "DELETE" and "WHERE" not in words:
        return "DELETE without WHERE", 0
    if words[:2] == ("ALTER", "TABLE"):
        for index, (here, following) in enumerate(pairwise(words)):
            if here == "DROP" and following not in _DROPS_NO_DATA:
                return "DROP COLUMN", index
    return None


def _in_a_transaction(file: MigrationFile, statement: MigrationStatement, dialect: Dialect) -> Iterator[Finding]:
    if dialect is Dialect.POSTGRESQL and file.in_transaction and runs_alone(statement):
        yield _error(
            statement.place,
            "PostgreSQL refuses this statement within a transaction.",
            "Write `-- transaction: false` at the top of the file, and keep it alone there.",
        )


def _existence(file: MigrationFile, statement: MigrationStatement, dialect: Dialect) -> Iterator[Finding]:
    """Advise what lets a statement run twice, where nothing takes back what came before a failure."""
    if dialect is Dialect.POSTGRESQL and file.in_transaction:
        return
    if statement.may_run_twice or "CONCURRENTLY" in statement.words:
        return
    words = statement.words
    missing = ""
    if words[0] == "CREATE":
        what = next((each for each in words[1:] if each not in _BEFORE_WHAT_IS_CREATED), "")
        missing = "IF NOT EXISTS" if what in _CREATED_IF_NOT_EXISTS[dialect] else ""
    elif words[0] == "DROP":
        missing = "IF EXISTS"
    elif words[:2] == ("ALTER", "TABLE") and "COLUMN" in words:
        action = words[words.index("COLUMN") - 1]
        missing = {"ADD": "IF NOT EXISTS", "DROP": "IF EXISTS"}.get(action, "")
    if missing:
        yield _warning(
            statement.place,
            f"This statement has no {missing}.",
            f"With {missing} it may run again after a lost connection; without, a person has to look.",
        )


def _mixed(file: MigrationFile, dialect: Dialect) -> Iterator[Finding]:
    if dialect is not Dialect.COCKROACHDB:
        return
    definitions = next((each for each in file.statements if each.changes_definitions), None)
    rows = next((each for each in file.statements if each.changes_rows), None)
    if definitions and rows:
        later = max(definitions, rows, key=lambda each: each.number)
        yield _error(
            later.place,
            "The file changes both definitions and rows, and CockroachDB takes neither back with the other.",
            "Move the rows to a file of their own with the next version.",
        )


def _placeholders(file: MigrationFile) -> Iterator[Finding]:
    if found := file.placeholder:
        yield _error(
            found[1],
            f"{found[0]} is a placeholder of Flyway, and no value is put in its place here.",
            "Write the value itself; where text of this kind is meant, write `-- placeholders: false` at the top of the file.",
        )


_RULES: tuple[Callable[[MigrationFile, MigrationStatement, Dialect], Iterator[Finding]], ...] = (
    _known_word,
    _transaction,
    _data_in_the_file,
    _permission,
    _in_a_transaction,
    _existence,
)
