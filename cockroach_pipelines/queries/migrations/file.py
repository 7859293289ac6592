"""One file of a versioned schema change: its name, its permissions, its checksums, its statements."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from sqlglot.tokenizer_core import Token, TokenType

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import nearest
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries.errors import QueryFileError, combine
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.files.sql_file import read_text
from cockroach_pipelines.queries.migrations.flyway_settings import FlywaySettings, read_flyway_settings
from cockroach_pipelines.queries.migrations.version import MigrationVersion
from cockroach_pipelines.queries.parsing import commands
from cockroach_pipelines.queries.parsing.fingerprint import fingerprint
from cockroach_pipelines.queries.parsing.lexing import LexedSQL, comment_end, lex
from cockroach_pipelines.queries.parsing.parameters import BoundSQL, bind_positions
from cockroach_pipelines.queries.parsing.tokens import word

_NAME = re.compile(
    r"(?:V(?P<version>\d+(?:[._]\d+)*)(?:__(?P<what>.+?))?|R__(?P<repeated>.+?))"
    r"(?:\.(?P<dialect>cockroachdb|postgresql))?\.sql",
    re.ASCII | re.DOTALL,
)
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_DIRECTIVE = re.compile(r"--+[ \t]*(?P<key>[A-Za-z_]+)[ \t]*:[ \t]*(?P<value>[^\r\n]*?)[ \t]*")
_COMMENT = re.compile(r"--[^\r\n]*|/\*")
_COPY_FROM_STDIN = re.compile(r"^[ \t]*COPY\b[^;]*\bFROM\s+STDIN\b", re.IGNORECASE | re.MULTILINE)
_PLACEHOLDER = re.compile(r"\$\{[^}\s]+\}")
_KEYS = {"allow": ("destructive",), "transaction": ("true", "false"), "placeholders": ("false",)}

_CHANGES_ROWS = frozenset(["INSERT", "UPSERT", "UPDATE", "DELETE", "MERGE"])
# Of these each changes what the session's later statements mean: they are run again on every new connection.
_SETTINGS = frozenset(["SET", "RESET", "USE"])


@dataclass(frozen=True)
class MigrationStatement:
    """A statement of a migration; `number` counts from 1, `words` are its tokens in capitals, "" for what is quoted."""

    number: int
    bound: BoundSQL
    words: tuple[str, ...]
    fingerprint: str
    starts: tuple[int, ...]

    @property
    def text(self) -> str:
        """The author's text."""
        return self.bound.source.text

    @property
    def place(self) -> Place:
        """Where it begins in the file."""
        return self.bound.source.place(0)

    def place_of(self, index: int) -> Place:
        """Where one of its words stands in the file."""
        return self.bound.source.place(self.starts[index])

    @property
    def first_word(self) -> str:
        """What it begins with, in capitals."""
        return self.words[0]

    @property
    def changes_definitions(self) -> bool:
        """Whether it is DDL."""
        return self.first_word in commands.DDL and self.words[:2] != ("CREATE", "STATISTICS")

    @property
    def changes_rows(self) -> bool:
        """Whether it is DML, which a transaction takes back."""
        first = self.first_word
        return first in _CHANGES_ROWS or (first == "WITH" and not _CHANGES_ROWS.isdisjoint(self.words))

    @property
    def is_setting(self) -> bool:
        """Whether it only sets something of the session."""
        return self.first_word in _SETTINGS and self.words[1:2] != ("CLUSTER",)

    @property
    def may_run_twice(self) -> bool:
        """Whether it does no harm when it has run already: IF [NOT] EXISTS, OR REPLACE."""
        if "CONCURRENTLY" in self.words:
            return False  # what a lost one leaves behind exists, and is invalid
        pairs = list(pairwise(self.words))
        return ("IF", "EXISTS") in pairs or ("IF", "NOT") in pairs or self.words[1:3] == ("OR", "REPLACE")


@dataclass(frozen=True)
class MigrationFile:
    """A migration as its file says it.

    `script` is the path below the folder, as Flyway writes it; `version` is None for a repeatable one, and `dialect` for
    one that is for every database. `checksum` is Flyway's, `sha256` sees line breaks too. `settings` are those of Flyway, and
    of the file's own header lines.
    """

    path: Path
    script: str
    version: MigrationVersion | None
    description: str
    dialect: Dialect | None
    source: SourceText
    allowed: frozenset[str]
    settings: FlywaySettings

    @property
    def in_transaction(self) -> bool:
        """Whether PostgreSQL runs it as one transaction."""
        return self.settings.in_transaction

    @property
    def name(self) -> str:
        """What people call it."""
        return f"version {self.version}" if self.version else f"repeatable {self.description!r}"

    @property
    def place(self) -> Place:
        """Its beginning."""
        return Place(self.path, 1, 1)

    @cached_property
    def checksum(self) -> int:
        """CRC-32 of the lines without their ends, signed: org.flywaydb.core.internal.resolver.ChecksumCalculator."""
        unsigned = zlib.crc32("".join(_LINE_BREAK.split(self.source.whole)).encode())
        return unsigned - 2**32 if unsigned >= 2**31 else unsigned

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the text with line feeds at the ends of its lines, whatever the file has."""
        return hashlib.sha256("\n".join(_LINE_BREAK.split(self.source.whole)).encode()).hexdigest()

    @cached_property
    def statements(self) -> tuple[MigrationStatement, ...]:
        """Its statements in order.

        Raises:
            QueryFileError: The text cannot be cut into statements.
        """
        try:
            lexed = lex(self.source)
        except QueryFileError as error:
            if data := _COPY_FROM_STDIN.search(self.source.text):  # what follows is data, which no SQL reads
                raise copy_from_stdin(self.source.place(data.start())) from error
            raise
        if lexed.binds:
            bind = lexed.binds[0]
            raise QueryFileError(
                f":{bind.name} is a parameter, and migrations have none.",
                place=self.source.place(bind.start),
                advice="Write the value itself.",
            )
        return tuple(_statement(number, part) for number, part in enumerate(_split(lexed), 1))

    @property
    def placeholder(self) -> tuple[str, Place] | None:
        """The first of Flyway's placeholders in its statements, and where it stands."""
        if not self.settings.placeholders or not _PLACEHOLDER.search(self.source.text):
            return None
        tokens = lex(self.source).tokens  # which comments are not among
        for found in _PLACEHOLDER.finditer(self.source.text):
            if any(token.start <= found.start() + 1 <= token.end for token in tokens):
                return found.group(), self.source.place(found.start())
        return None

    @cached_property
    def changes_role(self) -> bool:
        """Whether a statement lets the session be somebody else."""
        return any(
            statement.is_setting and not {"ROLE", "AUTHORIZATION"}.isdisjoint(statement.words[1:4])
            for statement in self.statements
        )


def copy_from_stdin(place: Place) -> QueryFileError:
    """Give the error of a file that holds the data of a COPY, as pg_dump writes it."""
    return QueryFileError(
        "COPY FROM STDIN reads what no migration can send.",
        place=place,
        advice="Write INSERT statements: `pg_dump --inserts`, or --rows-per-insert.",
    )


def read_migration(path: Path, folder: Path) -> MigrationFile:
    """Read a migration.

    Raises:
        QueryFileError: Its name is none of a migration, its header is wrong, or it cannot be read.
    """
    named = _NAME.fullmatch(path.name)
    if named is None:
        raise QueryFileError("The name is none of a migration.", place=Place(path), advice=_naming(path.name))
    source = SourceText(path, read_text(path))
    allowed, settings = _directives(source, read_flyway_settings(path))
    return MigrationFile(
        path=path,
        script=path.relative_to(folder).as_posix(),
        version=MigrationVersion.parse(named["version"]) if named["version"] else None,
        description=(named["what"] or named["repeated"] or "").replace("_", " "),
        dialect=Dialect(named["dialect"]) if named["dialect"] else None,
        source=source,
        allowed=allowed,
        settings=settings,
    )


def _naming(name: str) -> str:
    if re.match(r"U\d", name):
        return "There is no undo: write a new migration that takes the change back."
    if re.match(r"B\d", name):
        return "Flyway's baseline migrations are not run: rename it to V…, and let `migrate baseline` say where a history begins."
    if re.match(r"(before|after|create)[A-Z]", name):
        return "Flyway's callbacks are not run: write R__<name>.sql, which runs after all versions when it has changed."
    if loose := re.fullmatch(r"[vV]?(\d+(?:[._]\d+)*)[_ -]+(.+)\.sql", name):
        return f"Rename it to V{loose[1]}__{loose[2]}.sql."
    return "Migrations are V<version>__<name>.sql and R__<name>.sql, with .cockroachdb or .postgresql before the .sql."


def _directives(source: SourceText, settings: FlywaySettings) -> tuple[frozenset[str], FlywaySettings]:
    allowed: set[str] = set()
    problems: list[QueryFileError] = []
    for at, key, value in _leading_directives(source):
        if key not in _KEYS:
            meant = nearest(key, _KEYS, likeness=0.7)
            if meant:
                problems.append(
                    QueryFileError(
                        f"`{key}` means nothing here.", place=source.place(at), advice=f"Did you mean `-- {meant}: …`?"
                    )
                )
        elif value not in _KEYS[key]:
            known = " or ".join(_KEYS[key])
            problems.append(
                QueryFileError(
                    f"`{key}: {value}` is unknown.", place=source.place(at), advice=f"Write `-- {key}: {known}`."
                )
            )
        elif key == "allow":
            allowed.add(value)
        elif key == "transaction":
            settings = replace(settings, in_transaction=value == "true")
        else:
            settings = replace(settings, placeholders=False)
    if problems:
        raise combine(problems)
    return frozenset(allowed), settings


def _leading_directives(source: SourceText) -> Iterator[tuple[int, str, str]]:
    """Give the `-- key: value` lines before the first statement, with their offsets."""
    text, position = source.text, 0
    while True:
        position += len(text[position:]) - len(text[position:].lstrip())
        comment = _COMMENT.match(text, position)
        if comment is None:
            return
        if comment.group() == "/*":
            position = comment_end(text, position) or len(text)
            continue
        if said := _DIRECTIVE.fullmatch(comment.group()):
            yield position, said["key"].lower(), said["value"].lower()
        position = comment.end()


def _split(lexed: LexedSQL) -> Iterator[LexedSQL]:
    """Cut at semicolons, but not at those within BEGIN ATOMIC … END."""
    current: list[Token] = []
    depth = 0
    for token in lexed.tokens:
        here = word(token)
        if here == "ATOMIC" and not depth and current and word(current[-1]) == "BEGIN":
            depth = 1
        elif depth:
            depth += {"BEGIN": 1, "CASE": 1, "END": -1}.get(here, 0)
        if token.token_type is TokenType.SEMICOLON and not depth:
            if current:
                yield replace(lexed, tokens=tuple(current))
            current = []
        else:
            current.append(token)
    if current:
        yield replace(lexed, tokens=tuple(current))


def _statement(number: int, lexed: LexedSQL) -> MigrationStatement:
    first, last = lexed.tokens[0], lexed.tokens[-1]
    part = lexed.source.part(first.start, last.end + 1)
    words: Sequence[str] = [part for token in lexed.tokens for part in word(token).split() or [""]]
    starts = [token.start - first.start for token in lexed.tokens for _ in word(token).split() or [""]]
    return MigrationStatement(number, bind_positions(part), tuple(words), fingerprint(lexed), tuple(starts))
