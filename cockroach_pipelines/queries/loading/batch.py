"""The statement of a batch file, taken apart so that it can be narrowed to a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlglot.tokenizer_core import Token, TokenType

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries.batch import Batch, NarrowedStatement, PagedStatement
from cockroach_pipelines.queries.comparison import Fragment
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.files.yaml_document import Path as KeyPath
from cockroach_pipelines.queries.files.yaml_document import YAMLDocument
from cockroach_pipelines.queries.headers.maintenance import BATCH_SIZE, BatchRules, MaintenanceHeader
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.reading import ReadHeader
from cockroach_pipelines.queries.parsing.commands import StatementKind
from cockroach_pipelines.queries.parsing.lexing import LexedSQL, lex
from cockroach_pipelines.queries.parsing.parameters import bind_positions
from cockroach_pipelines.queries.parsing.parser import SQLParser
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.parsing.table_names import parse_table_name
from cockroach_pipelines.queries.parsing.tokens import word
from cockroach_pipelines.queries.rules.statements import read_only_problems

_KEYS = tuple(BatchRules.model_fields)
_JOINS = ("joins other tables", "Move it into a subquery of its WHERE.")
_ORDERS = ("has an order of its own", "Remove it: batches follow the key.")
_LIMITS = (
    "has a limit of its own",
    "Remove it: `batch.size` says how many rows a batch has, `batch.limits` how many a run.",
)
_OWN_CLAUSES = {
    "USING": _JOINS,
    "FROM": _JOINS,
    "RETURNING": ("returns rows", "Remove it: `batch.archive` keeps what is deleted."),
    "ORDER": _ORDERS,
    "ORDER BY": _ORDERS,
    "LIMIT": _LIMITS,
    "FETCH": _LIMITS,
}
_FORMS = (
    "Write `DELETE FROM table WHERE …` or `UPDATE table SET … WHERE …`, which is narrowed to each batch, or page by "
    "yourself with :after_<column> and :batch_size."
)


def rules_of(header: Header | None) -> BatchRules | None:
    """Give the rules of a header that has `batch`."""
    return header.batch if isinstance(header, MaintenanceHeader) else None


def generated_statement(read: ReadHeader[Header]) -> SourceText | None:
    """Give the DELETE that `batch.where` stands for; None where the file has its own statement to say what to do.

    Raises:
        QueryFileError: It has both.
    """
    rules = rules_of(read.header)
    if rules is None or rules.where is None or read.document is None:
        return None
    path = ("batch", "where")
    if lexed := lex(read.statement).tokens:
        raise QueryFileError(
            "`batch.where` says what to delete, and a statement stands here.",
            place=read.statement.place(lexed[0].start),
            advice="Remove one of them.",
        )
    condition = lex(read.document.text_at(path))
    SQLParser().parse_condition(condition)
    text = f"DELETE FROM {rules.table} WHERE {condition.source.text}"
    return SourceText(read.statement.name, text, fixed=condition.source.place(0))


@dataclass
class BatchReader:
    """Reads one file's batches; what is wrong is collected in `problems`."""

    path: Path
    rules: BatchRules
    document: YAMLDocument | None
    parser: SQLParser
    problems: list[QueryFileError]

    def batch(self, statements: Mapping[Dialect | None, Statement]) -> Batch | None:
        """Give how a file works; None where it cannot be said."""
        found = {dialect: self._taken_apart(statement) for dialect, statement in statements.items()}
        places = {"batch": self._place()} | {key: self._place(key) for key in _KEYS}
        known = {dialect: each for dialect, each in found.items() if each is not None}
        throttle = self._throttle()
        return Batch(self.rules, known, throttle, places, self.path) if known and len(known) == len(found) else None

    def _taken_apart(self, statement: Statement) -> NarrowedStatement | PagedStatement | None:
        lexed = lex(statement.bound.source)
        kind = statement.parsed.kind
        if kind not in (StatementKind.DELETE, StatementKind.UPDATE):
            self._wrong(
                f"A batch is a DELETE or an UPDATE, and this is {_named(kind)}.",
                statement.bound.source.place(0),
                _FORMS,
            )
            return None
        self._tables(statement)
        deletes = kind is StatementKind.DELETE
        if self.rules.archive is not None and not deletes:
            self._wrong(
                "`batch.archive` keeps deleted rows, and this is an UPDATE.", self._place("archive"), "Remove it."
            )
        names = set(statement.bound.names)
        if names & set(self.rules.parameters):
            return self._paged(statement, lexed, names, deletes=deletes)
        return self._narrowed(statement, lexed, deletes=deletes)

    def _tables(self, statement: Statement) -> None:
        declared = parse_table_name(self.rules.table).canonical
        for table in sorted(statement.parsed.tables_written):
            if table.canonical != declared:
                self._wrong(
                    f"This statement writes {table}, and `batch.table` declares {self.rules.table}.",
                    statement.bound.source.place(0),
                    f"Declare `table: {table}`, or write to {self.rules.table} alone.",
                )

    def _narrowed(self, statement: Statement, lexed: LexedSQL, *, deletes: bool) -> NarrowedStatement | None:
        clauses = dict(_clauses(lexed.tokens))
        source = statement.bound.source
        first = 2 if deletes else 1  # after DELETE FROM, or UPDATE
        if lexed.tokens[0].text.upper() not in ("DELETE", "UPDATE"):
            self._wrong("A batch begins with DELETE or UPDATE.", source.place(0), _FORMS)
            return None
        if own := [(at, name) for name, at in clauses.items() if name in _OWN_CLAUSES]:
            at, name = min(own)
            what, advice = _OWN_CLAUSES[name]
            self._wrong(
                f"This statement {what}, so that it cannot be narrowed to a batch.",
                source.place(lexed.tokens[at].start),
                f"{advice} {_FORMS}",
            )
            return None
        where = clauses.get("WHERE")
        if where is None or where + 1 >= len(lexed.tokens):
            self._wrong(
                "A batch narrows a WHERE, and this statement has none.",
                source.place(0),
                "Write one; WHERE true with `allow: destructive` in the header when every row is meant.",
            )
            return None
        end_of_target = where if deletes else clauses.get("SET", where)
        self._keys_kept(lexed, range(end_of_target, where), deletes=deletes)
        stop = lexed.tokens[where].end + 1
        return NarrowedStatement(
            statement,
            deletes,
            source.text[lexed.tokens[first].start : lexed.tokens[end_of_target - 1].end + 1],
            bind_positions(source.part(0, stop)),
            bind_positions(source.part(stop)),
        )

    def _paged(self, statement: Statement, lexed: LexedSQL, names: set[str], *, deletes: bool) -> PagedStatement | None:
        source = statement.bound.source
        if missing := [name for name in self.rules.parameters if name not in names]:
            self._wrong(
                f"A batch that pages by itself binds {', '.join(f':{name}' for name in self.rules.parameters)}, and "
                f":{missing[0]} is missing.",
                source.place(0),
                f"Write its WHERE as `({', '.join(self.rules.key)}) IN (SELECT … WHERE … ORDER BY … LIMIT :{BATCH_SIZE})`.",
            )
            return None
        clauses = dict(_clauses(lexed.tokens))
        returning = clauses.get("RETURNING")
        returned = [_column(token) for token in lexed.tokens[returning + 1 :]] if returning is not None else []
        wanted = ["*"] if self.rules.archive is not None else list(self.rules.key)
        if "*" not in returned and any(each not in returned for each in wanted):
            self._wrong(
                f"A batch that pages by itself returns {'its rows' if wanted == ['*'] else 'the keys of its rows'}.",
                source.place(lexed.tokens[returning].start if returning is not None else len(source.text)),
                f"End it with RETURNING {', '.join(wanted)}.",
            )
            return None
        self._keys_kept(lexed, range(clauses.get("SET", 0), clauses.get("WHERE", len(lexed.tokens))), deletes=deletes)
        return PagedStatement(statement, deletes)

    def _keys_kept(self, lexed: LexedSQL, assignments: range, *, deletes: bool) -> None:
        """Refuse an UPDATE of its own key: a row would be met again, or never."""
        if deletes:
            return
        depth = 0
        begins = True
        for index in assignments[1:]:
            token = lexed.tokens[index]
            depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
            if begins and _column(token) in self.rules.key:
                self._wrong(
                    f"This UPDATE changes {_column(token)}, which is in the key of its batches.",
                    lexed.source.place(token.start),
                    "Take a key that stays as it is: a row would be met again, or never.",
                )
            if token.token_type is TokenType.EQ and depth == 0:
                begins = False
            elif token.token_type is TokenType.COMMA and depth == 0:
                begins = True

    def _throttle(self) -> Fragment | None:
        if self.rules.pause.when is None or self.document is None:
            return None
        path: KeyPath = ("batch", "pause")
        if isinstance(self.document.value(path), dict):
            path = (*path, "when")
        try:
            lexed = lex(self.document.text_at(path))
            fragment = Fragment(bind_positions(lexed), self.parser.parse(lexed))
        except QueryFileError as error:
            self.problems.append(error)
            return None
        self.problems += read_only_problems(fragment.parsed, fragment.bound, "a throttle")
        if fragment.bound.binds:
            bind = fragment.bound.binds[0]
            self._wrong(
                f"The throttle takes no parameter, and :{bind.name} is one.",
                fragment.bound.source.place(bind.start),
                "Write the value itself.",
            )
        return fragment

    def _wrong(self, message: str, place: Place, advice: str) -> None:
        self.problems.append(QueryFileError(message, place=place, advice=advice))

    def _place(self, *key: str) -> Place:
        return self.document.key_place(("batch", *key)) if self.document else Place(self.path, 1, 1)


def _clauses(tokens: tuple[Token, ...]) -> Iterator[tuple[str, int]]:
    """Give the words that begin clauses of the statement itself, each once, with their positions."""
    depth = 0
    seen = set()
    for index, token in enumerate(tokens):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        name = word(token)
        if depth or name in seen or name not in ("WHERE", "SET", *_OWN_CLAUSES):
            continue
        if name == "FROM" and index and word(tokens[index - 1]) in ("DELETE", "DISTINCT"):
            continue  # DELETE FROM, and IS DISTINCT FROM
        seen.add(name)
        yield name, index


def _column(token: Token) -> str:
    return token.text if token.token_type is TokenType.IDENTIFIER else token.text.lower()


def _named(kind: StatementKind) -> str:
    return {"insert": "an INSERT", "upsert": "an UPSERT", "update": "an UPDATE"}.get(kind, f"a {kind.upper()}")
