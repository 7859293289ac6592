"""The two relations that a reconciliation's file compares: tables of its header, or statements with names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.comparison import SIDES, ComparedSide, Comparison, Fragment
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.yaml_document import Path as KeyPath
from cockroach_pipelines.queries.files.yaml_document import YAMLDocument
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.reading import ReadHeader
from cockroach_pipelines.queries.headers.reconciliation import COMPARISON_KEYS, ReconciliationHeader
from cockroach_pipelines.queries.parsing.fingerprint import fingerprint
from cockroach_pipelines.queries.parsing.lexing import LexedSQL, lex
from cockroach_pipelines.queries.parsing.named_statements import NamedText, named_texts
from cockroach_pipelines.queries.parsing.parameters import bind_positions
from cockroach_pipelines.queries.parsing.parser import ParsedSQL, SQLParser
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.parsing.table_names import parse_table_name
from cockroach_pipelines.queries.query import QueryKind
from cockroach_pipelines.queries.rules.statements import read_only_problems, statement_problems, undeclared_parameters

_TWO_STATEMENTS = "Write `-- name: source` and `-- name: target` on a line above their statements"


def compares_two_relations(read: ReadHeader[Header]) -> bool:
    """Whether a file compares two relations; if not, its query's rows are the differences."""
    if read.document and not read.document.values.keys().isdisjoint(SIDES):
        return True
    try:
        return bool(named_texts(lex(read.statement))[1])
    except QueryFileError:
        return False  # what it is reported as one statement


@dataclass
class ComparisonReader:
    """Reads one file; what is wrong with it is collected in `problems`."""

    path: Path
    read: ReadHeader[Header]
    parser: SQLParser
    problems: list[QueryFileError]

    def comparison(self) -> Comparison | None:
        """Give what the file compares; None where it cannot be said."""
        header = self.read.header if isinstance(self.read.header, ReconciliationHeader) else None
        if self.path.name.count(".") > 1:
            self._wrong(
                "A comparison is for no dialect: it has two connections.",
                Place(self.path),
                f"Rename it to {self.path.name.split('.')[0]}.sql.",
            )
        statements = self._statements(header)
        if header is None or statements is None:
            return None
        source, target = (self._side(name, header, statements.get(name)) for name in SIDES)
        self.problems += self._keys_of_queries(header)
        where = self._fragment(("where",), header, self.parser.parse_condition) if header.where else None
        return Comparison(self.path, header, source, target, where, self._throttle(header))

    def _statements(self, header: ReconciliationHeader | None) -> Mapping[str, Statement] | None:
        """Give the named statements; none where both sides are tables, None where it is neither."""
        lexed = lex(self.read.statement)
        before, named = named_texts(lexed)
        unnamed = lex(before).tokens
        tables = [name for name in SIDES if header and (side := getattr(header, name)) and side.table]
        if header and tables and (named or unnamed):
            self._mixed(tables, named, before.place(unnamed[0].start) if unnamed else None)
            return None
        if unnamed:
            self._wrong(
                "This statement has no name.",
                before.place(unnamed[0].start),
                f"{_TWO_STATEMENTS}: a reconciliation with a source and a target compares two.",
            )
        if named or unnamed:
            return self._named_statements(header, named)
        for name in SIDES:
            if header and name not in tables:
                self._no_relation(name, header)
        return {} if len(tables) == len(SIDES) else None

    def _no_relation(self, name: str, header: ReconciliationHeader) -> None:
        if getattr(header, name) is None:
            other = next(each for each in SIDES if each != name)
            self._wrong(
                f"`{name}` is missing: there is nothing to compare `{other}` with.",
                self._place((other,), key=True),
                f"Add `{name}: {{connection: …, table: …}}`.",
            )
        else:
            self._wrong(
                f"`{name}` has no table, and no statement here has that name.",
                self._place((name,), key=True),
                f"Add `table: …` to it, or write `-- name: {name}` and a SELECT below the header.",
            )

    def _mixed(self, tables: list[str], named: list[NamedText], unnamed: Place | None) -> None:
        place = unnamed or self.read.statement.place(named[0].at)
        names = [each.name for each in named]
        if unnamed is None and (both := next((name for name in tables if name in names), None)):
            place = self.read.statement.place(named[names.index(both)].at)
            message = f"`{both}` is a table in the header and a statement here."
        elif unnamed is None:
            message = f"`{tables[0]}` is a table in the header, and a statement stands here: the two forms do not mix."
        else:
            message = "The header says what to compare, and SQL stands here."
        self._wrong(
            message,
            place,
            "Remove the SQL, or remove `table` from the header and name two statements: `-- name: source` and "
            "`-- name: target`.",
        )

    def _named_statements(
        self, header: ReconciliationHeader | None, named: list[NamedText]
    ) -> Mapping[str, Statement] | None:
        first: dict[str, NamedText] = {}
        statements: dict[str, Statement] = {}
        source = self.read.statement
        for each in named:
            if each.name not in SIDES:
                hint = did_you_mean(each.name, SIDES) if each.name else ""
                self._wrong(
                    f"{each.name!r} is no side of a comparison." if each.name else "The name is missing here.",
                    source.place(each.at),
                    hint if hint.startswith("Did") else "The two statements are named source and target.",
                )
                continue
            if each.name in first:
                line = source.place(first[each.name].at).line
                self._wrong(
                    f"The name {each.name!r} stands here a second time; the first is in line {line}.",
                    source.place(each.at),
                    "Name one of them source and the other target.",
                )
                continue
            first[each.name] = each
            try:
                statements[each.name] = self._statement(each, header)
            except QueryFileError as error:
                self.problems.append(error)
        for name in SIDES:
            if name not in first and len(named) == len(first) == 1:
                there = next(iter(first.values()))
                self._wrong(
                    f"There is no statement {name!r} to compare {there.name!r} with.",
                    source.place(there.at),
                    f"Write `-- name: {name}` on a line of its own, and its SELECT below.",
                )
        return statements if len(statements) == len(SIDES) else None

    def _statement(self, named: NamedText, header: ReconciliationHeader | None) -> Statement:
        lexed = lex(named.text)
        if not lexed.tokens:
            raise QueryFileError(
                f"No statement follows the name {named.name!r}.",
                place=self.read.statement.place(named.at),
                advice="Write a SELECT below it.",
            )
        bound, parsed = bind_positions(lexed), self.parser.parse(lexed)
        if header:
            self.problems += undeclared_parameters(bound, header)
        self.problems += statement_problems(QueryKind.RECONCILIATION, parsed, bound, named=True)
        return Statement(self.path, bound, parsed, fingerprint(lexed))

    def _side(self, name: str, header: ReconciliationHeader, statement: Statement | None) -> ComparedSide:
        said = getattr(header, name)
        connection = said.connection if said and said.connection else header.connection
        if statement:
            if said and said.where:
                self._wrong(
                    f"`{name}.where` is for a table, and `{name}` is a statement.",
                    self._place((name, "where"), key=True),
                    "Write the condition into the statement.",
                )
            return ComparedSide(connection, statement=statement, tables_read=statement.parsed.tables_read)
        where = self._fragment((name, "where"), header, self.parser.parse_condition) if said.where else None
        tables = frozenset({parse_table_name(said.table)}) | (where.parsed.tables_read if where else frozenset())
        return ComparedSide(connection, said.table, where, tables_read=tables)

    def _fragment(
        self, path: KeyPath, header: ReconciliationHeader, parse: Callable[[LexedSQL], ParsedSQL]
    ) -> Fragment | None:
        if self.read.document is None:
            return None  # which has no key
        try:
            lexed = lex(self.read.document.text_at(path))
            fragment = Fragment(bind_positions(lexed), parse(lexed))
        except QueryFileError as error:
            self.problems.append(error)
            return None
        self.problems += undeclared_parameters(fragment.bound, header)
        self.problems += read_only_problems(fragment.parsed, fragment.bound, "a reconciliation")
        return fragment

    def _throttle(self, header: ReconciliationHeader) -> Fragment | None:
        if header.care.throttle is None or self.read.document is None:
            return None
        path: KeyPath = ("care", "throttle")
        if isinstance(self.read.document.value(path), dict):
            path = (*path, "sql")
        fragment = self._fragment(path, header, self.parser.parse)
        if fragment and fragment.bound.binds:
            bind = fragment.bound.binds[0]
            self._wrong(
                f"The throttle takes no parameter, and :{bind.name} is one.",
                fragment.bound.source.place(bind.start),
                "Write the value itself.",
            )
        return fragment

    def _keys_of_queries(self, header: ReconciliationHeader) -> Iterator[QueryFileError]:
        if header.checks.queries or header.checks.rules:
            yield QueryFileError(
                "`checks` are for files of one statement, whose rows they look at.",
                place=self._place(("checks",), key=True),
                advice="Remove them: `expect` says how much may differ.",
            )
        if self.read.document and "special" in self.read.document.values:
            yield QueryFileError(
                "`special` is for rows that are kept: values are compared as they are, infinity included.",
                place=self._place(("special",), key=True),
                advice="Remove it.",
            )

    def _wrong(self, message: str, place: Place, advice: str) -> None:
        self.problems.append(QueryFileError(message, place=place, advice=advice))

    def _place(self, path: KeyPath, *, key: bool = False) -> Place:
        document = self.read.document
        if document is None:
            return Place(self.path, 1, 1)
        return document.key_place(path) if key else document.place(path)


def keys_of_comparisons(document: YAMLDocument | None) -> Iterator[QueryFileError]:
    """Give each key that a query whose rows are the differences does not take."""
    for key in COMPARISON_KEYS:
        if document and key in document.values:
            yield QueryFileError(
                f"`{key}` is for comparing two relations, and the rows of this file's query are the differences.",
                place=document.key_place((key,)),
                advice="Remove it, or name a `source` and a `target`.",
            )
    for path in (("max_share",), ("warn", "max_share"), ("error", "max_share")):
        at = ("expect", *path)
        if document and document.value(at) is not None:
            yield QueryFileError(
                "`max_share` is of the rows compared, and a query of differences has no others.",
                place=document.key_place(at),
                advice="Write max_differences.",
            )
