"""What a statement is, and which tables it reads and writes."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.parsing import commands
from cockroach_pipelines.queries.parsing.commands import StatementKind
from cockroach_pipelines.queries.parsing.lexing import LexedSQL, lex, statements
from cockroach_pipelines.queries.parsing.result_columns import result_columns
from cockroach_pipelines.queries.parsing.table_names import TableName
from cockroach_pipelines.queries.parsing.tables import table_use
from cockroach_pipelines.queries.parsing.tokens import rewrite, word
from cockroach_pipelines.queries.parsing.unfiltered import Unfiltered, unfiltered

_NAME_AFTER = {
    "ANALYZE": re.compile(r"ANALYZE(?: VERBOSE)?"),
    "CREATE": re.compile(r"CREATE STATISTICS(?: \S+)*? FROM"),
    "REFRESH": re.compile(r"REFRESH MATERIALIZED VIEW(?: CONCURRENTLY)?"),
}
_BEFORE_A_CONDITION = (
    (TokenType.SELECT, "SELECT"),
    (TokenType.NUMBER, "1"),
    (TokenType.WHERE, "WHERE"),
    (TokenType.L_PAREN, "("),
)

_AFTER_A_CONDITION = frozenset(["WHERE", "GROUP BY", "HAVING", "ORDER BY", "LIMIT", "UNION", "FETCH"])


@dataclass(frozen=True)
class Effect:
    """Something in a statement that changes data or locks rows, such as DELETE, INTO or FOR UPDATE."""

    what: str
    place: Place


@dataclass(frozen=True)
class Danger:
    """What destroys at once; `why` says of a DELETE or UPDATE how it comes to touch every row."""

    what: str
    why: str
    place: Place


@dataclass(frozen=True)
class ParsedSQL:
    """What is known of SQL without asking a server.

    `kind`, `returns_rows`, `notes` and `columns` are those of the first statement; tables and effects those of all.
    `dangers` names what destroys at once: a DROP, a TRUNCATE, a DELETE or UPDATE of every row. `further` holds the places
    where a second statement and those after it begin, `columns` the names of the result's columns, None where the text
    does not tell them.
    """

    kind: StatementKind
    returns_rows: bool
    tables_read: frozenset[TableName]
    tables_written: frozenset[TableName]
    effects: tuple[Effect, ...] = ()
    notes: frozenset[str] = frozenset()
    further: tuple[Place, ...] = ()
    dangers: tuple[Danger, ...] = ()
    columns: tuple[str, ...] | None = None

    @property
    def statement_count(self) -> int:
        """How many statements the text holds."""
        return 1 + len(self.further)


class SQLParser:
    """Reads SQL of CockroachDB and PostgreSQL for analysis; the tree never becomes SQL again."""

    def parse_condition(self, sql: str | SourceText | LexedSQL) -> ParsedSQL:
        """Tell what a condition of WHERE reads.

        Raises:
            QueryFileError: There is none, or something else.
        """
        lexed = sql if isinstance(sql, LexedSQL) else lex(sql)
        if not lexed.tokens:
            raise QueryFileError("There is no condition here.", place=lexed.source.place(0), advice="Remove the key.")
        depth = 0
        for token in lexed.tokens:
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
            if (
                depth < 0
                or token.token_type is TokenType.SEMICOLON
                or (not depth and word(token) in _AFTER_A_CONDITION)
            ):
                raise QueryFileError(
                    f"{token.text!r} has no place in a condition.",
                    place=lexed.source.place(token.start),
                    advice="Write what would stand after WHERE, such as amount > 0 AND NOT deleted.",
                )
        end = lexed.tokens[-1].end
        # In parentheses, so that nothing can follow the condition; their places are those of its ends.
        before = [Token(kind, text, 0, 0, 0, 0) for kind, text in _BEFORE_A_CONDITION]
        after = Token(TokenType.R_PAREN, ")", 0, 1, end + 1, end)
        return _Analysis(lexed.source, [*before, *lexed.tokens, after]).run()

    def parse(self, sql: str | SourceText | LexedSQL) -> ParsedSQL:
        """Tell what a statement is.

        Raises:
            QueryFileError: There is no statement, or one that cannot be read.
        """
        lexed = sql if isinstance(sql, LexedSQL) else lex(sql)
        parts = statements(lexed)
        if not parts:
            raise QueryFileError(
                "There is no SQL statement here.", place=lexed.source.place(0), advice="Write one, or remove the file."
            )
        analyses = [_Analysis(part.source, part.tokens).run() for part in parts]
        first = analyses[0]
        return ParsedSQL(
            kind=first.kind,
            returns_rows=first.returns_rows,
            tables_read=frozenset[TableName]().union(*(each.tables_read for each in analyses)),
            tables_written=frozenset[TableName]().union(*(each.tables_written for each in analyses)),
            effects=tuple(effect for each in analyses for effect in each.effects),
            notes=first.notes,
            dangers=tuple(danger for each in analyses for danger in each.dangers),
            further=tuple(part.source.place(part.tokens[0].start) for part in parts[1:]),
            columns=first.columns,
        )

    def tree(self, sql: str | SourceText | LexedSQL) -> exp.Expr | None:
        """Give the tree of the first statement; None for one that is taken by its words.

        Statements in brackets, `FROM [SHOW JOBS]`, have an empty select in their place.

        Raises:
            QueryFileError: It cannot be read.
        """
        lexed = sql if isinstance(sql, LexedSQL) else lex(sql)
        parts = statements(lexed)
        return _Analysis(parts[0].source, parts[0].tokens).tree() if parts else None


class _Analysis:
    def __init__(self, source: SourceText, tokens: Sequence[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.words = [word(token) for token in tokens]

    def run(self) -> ParsedSQL:
        first = self.words[0]
        if first in commands.PARSED:
            return self._parsed(commands.PARSED[first])
        if first in commands.DDL and self.words[:2] != ["CREATE", "STATISTICS"]:
            return self._ddl()
        if first in commands.TRANSACTION:
            return self._opaque(StatementKind.TRANSACTION, returns_rows=False)
        if first == "EXPLAIN":
            return self._explain()
        if first in commands.FIRST_WORDS:
            return self._opaque(StatementKind.COMMAND, returns_rows=first in commands.RETURNING_COMMANDS)
        raise QueryFileError(
            f"No statement begins with {self.tokens[0].text!r}.",
            place=self._place(0),
            advice=_correction(self.tokens[:1]) or "A statement begins with SELECT, INSERT, UPDATE, DELETE, CREATE, …",
        )

    def tree(self) -> exp.Expr | None:
        if self.words[0] not in commands.PARSED and self.words[0] not in commands.DDL:
            return None
        return self._tree(rewrite(self.tokens).tokens)

    def _parsed(self, kind: StatementKind) -> ParsedSQL:
        rewritten = rewrite(self.tokens)
        tree = self._tree(rewritten.tokens)
        use = table_use(tree)
        inner = [
            _Analysis(self.source, tokens).run()
            for tokens in rewritten.inner
            if tokens and word(tokens[0]) in commands.FIRST_WORDS
        ]
        kind = _kind_of(tree, StatementKind.UPSERT if "upsert" in rewritten.notes else kind)
        return ParsedSQL(
            kind=kind,
            returns_rows=kind is StatementKind.SELECT
            or bool(tree.args.get("returning"))
            or "returning_after_limit" in rewritten.notes,
            tables_read=frozenset(use.read).union(*(each.tables_read for each in inner)),
            tables_written=frozenset(use.written).union(*(each.tables_written for each in inner)),
            effects=(
                *(Effect(what, self._place_of(what)) for what in dict.fromkeys(map(self._as_written, use.writes))),
                *(effect for each in inner for effect in each.effects),
            ),
            notes=rewritten.notes,
            dangers=(
                *(self._danger(each) for each in unfiltered(tree)),
                *(danger for each in inner for danger in each.dangers),
            ),
            columns=result_columns(tree),
        )

    def _danger(self, found: Unfiltered) -> Danger:
        return Danger(found.what, found.why, self._place_of(found.what))

    def _ddl(self) -> ParsedSQL:
        """Read what sqlglot can read of a definition; the server judges the rest."""
        rewritten = rewrite(self.tokens)
        try:
            use = table_use(self._tree(rewritten.tokens))
            read, written = frozenset(use.read), frozenset(use.written)
        except QueryFileError:
            read, written = frozenset(), frozenset()
        effects = (Effect(self.words[0], self._place(0)),)
        returns_rows = self.words[0] in commands.RETURNING_COMMANDS
        dangers = tuple(Danger(self.words[at], "", self._place(at)) for at in self._destroying())
        return ParsedSQL(StatementKind.DDL, returns_rows, read, written, effects, rewritten.notes, dangers=dangers)

    def _destroying(self) -> Iterator[int]:
        """Give the positions of DROP and TRUNCATE where they take data away: defaults and constraints are none."""
        if self.words[0] in ("DROP", "TRUNCATE"):
            yield 0
        elif self.words[:2] == ["ALTER", "TABLE"]:
            pairs = zip(self.words, self.words[1:], strict=False)
            yield from (at for at, pair in enumerate(pairs) if pair == ("DROP", "COLUMN"))

    def _explain(self) -> ParsedSQL:
        start = 1
        analyze = False
        while start < len(self.words) and self.words[start] in ("ANALYZE", "ANALYSE", "VERBOSE", "("):
            analyze = analyze or self.words[start].startswith("ANALY")
            if self.words[start] == "(":
                stop = self.words.index(")", start) if ")" in self.words[start:] else len(self.words) - 1
                options = self.words[start : stop + 1]
                if "SELECT" in options or "WITH" in options:
                    break
                analyze = analyze or "ANALYZE" in options
                start = stop
            start += 1
        if start >= len(self.tokens):
            raise QueryFileError(
                "EXPLAIN has nothing to explain.", place=self._place(0), advice="Write the statement after it."
            )
        inner = _Analysis(self.source, self.tokens[start:]).run()
        effects = inner.effects if analyze else ()
        written = inner.tables_written if analyze else frozenset[TableName]()
        dangers = inner.dangers if analyze else ()
        return ParsedSQL(StatementKind.COMMAND, True, inner.tables_read, written, effects, inner.notes, dangers=dangers)

    def _opaque(self, kind: StatementKind, *, returns_rows: bool) -> ParsedSQL:
        """Take a command by its words: sqlglot reads none of them, or reads them as one string."""
        first = self.words[0]
        effects = () if first in commands.READING_COMMANDS else (Effect(first, self._place(0)),)
        table = self._table_of_command()
        tables = frozenset({table}) if table else frozenset[TableName]()
        refreshed = first == "REFRESH"
        return ParsedSQL(
            kind,
            returns_rows,
            tables_read=frozenset() if refreshed else tables,
            tables_written=tables if refreshed else frozenset(),
            effects=effects,
        )

    def _table_of_command(self) -> TableName | None:
        """Give the table of ANALYZE, CREATE STATISTICS and REFRESH MATERIALIZED VIEW."""
        pattern = _NAME_AFTER.get(self.words[0])
        match = pattern.match(" ".join(each or "_" for each in self.words)) if pattern else None
        if match is None:
            return None
        rest = self.tokens[match.group().count(" ") + 1 :]
        parts: list[str] = []
        for index, token in enumerate(rest):
            if index % 2 == 1:
                if token.token_type is not TokenType.DOT:
                    break
            elif token.token_type is TokenType.IDENTIFIER:
                parts.append(token.text)
            elif word(token).isidentifier():
                parts.append(token.text.lower())
            else:
                break
        return TableName(*["", "", "", *parts][-3:]) if parts else None

    def _tree(self, tokens: Sequence[Token]) -> exp.Expression:
        try:
            with _quiet():
                trees = Postgres().parser().parse(list(tokens), self.source.text)
        except ParseError as error:
            raise self._syntax_error(error, tokens) from error
        except RecursionError as error:
            raise QueryFileError(
                "The statement is nested too deeply to be read.",
                place=self._place(0),
                advice="Move inner queries to common table expressions: WITH name AS (…).",
            ) from error
        except SqlglotError as error:
            raise QueryFileError(f"The statement cannot be read: {error}.", place=self._place(0)) from error
        tree = trees[0]
        if not isinstance(tree, exp.Expression):
            raise QueryFileError("The statement cannot be read.", place=self._place(0))
        return tree

    def _syntax_error(self, error: ParseError, tokens: Sequence[Token]) -> QueryFileError:
        details = error.errors[0] if error.errors else {}
        line, column = details.get("line"), details.get("col")
        index = next(
            (index for index, token in enumerate(tokens) if (token.line, token.col) == (line, column)), len(tokens) - 1
        )
        at = tokens[index]
        description = str(details.get("description") or "")
        shown = self.source.text[at.start : at.end + 1]
        if description.startswith(("Expecting ", "Expected ")):
            message = f"After {shown!r}, {_wanted(description)} is missing."
        elif "Required keyword" in description:
            message = f"Something is missing at {shown!r}." if shown else "Something is missing at the end."
        else:
            message = f"{shown!r} is unexpected here."
        return QueryFileError(
            message,
            place=self.source.place(at.start),
            advice=_correction([at, *reversed(tokens[max(index - 2, 0) : index])])
            or "Compare the text around it with the SQL you meant.",
        )

    def _place(self, index: int) -> Place:
        return self.source.place(self.tokens[index].start)

    def _place_of(self, what: str) -> Place:
        """Give the place of the words, else that of the statement."""
        wanted = what.split()
        last = wanted[-1]
        for index, each in enumerate(self.words):
            if (
                each == last
                and (len(wanted) == 1 or wanted[0] in self.words[max(index - 3, 0) : index])
                and self._begins(index, wanted)
            ):
                return self._place(self.words.index(wanted[0], max(index - 3, 0)) if len(wanted) > 1 else index)
        return self._place(0)

    def _as_written(self, what: str) -> str:
        return "UPSERT" if what == "INSERT" and "INSERT" not in self.words else what

    def _begins(self, index: int, wanted: list[str]) -> bool:
        """Whether the word at the index can begin a statement: `ON UPDATE` and `DO UPDATE` cannot."""
        return len(wanted) > 1 or wanted == ["INTO"] or index == 0 or self.words[index - 1] in ("(", "[", ")", "")


def _kind_of(tree: exp.Expression, first: StatementKind) -> StatementKind:
    """Give the kind of the statement itself: one that begins with WITH can be any."""
    if isinstance(tree, exp.Insert):
        return StatementKind.UPSERT if first is StatementKind.UPSERT else StatementKind.INSERT
    kinds = {exp.Update: StatementKind.UPDATE, exp.Delete: StatementKind.DELETE, exp.Merge: StatementKind.MERGE}
    return kinds.get(type(tree), StatementKind.SELECT)


def _wanted(description: str) -> str:
    if description.startswith("Expecting "):
        return repr(description.removeprefix("Expecting ").strip())
    return f"a {description.removeprefix('Expected ').split(' but got')[0]}"


def _correction(tokens: Sequence[Token]) -> str:
    """Propose the keyword that one of the tokens may have been meant to be."""
    for token in tokens:
        text = word(token)
        if text.isalpha() and text not in commands.KEYWORDS:
            close = get_close_matches(text, sorted(commands.KEYWORDS), n=1, cutoff=0.75)
            if close:
                return f"Did you mean {close[0]} instead of {token.text}?"
    return ""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep sqlglot from warning that it reads a statement as a Command."""

    def refuse(record: logging.LogRecord) -> bool:
        return "Falling back to parsing as a 'Command'" not in record.getMessage()

    logger = logging.getLogger("sqlglot")
    logger.addFilter(refuse)
    try:
        yield
    finally:
        logger.removeFilter(refuse)
