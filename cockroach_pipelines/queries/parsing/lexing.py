"""SQL as tokens, with the `:name` parameters among them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.source import SourceText, as_source

QUOTED = frozenset(
    {
        TokenType.STRING,
        TokenType.HEREDOC_STRING,
        TokenType.BYTE_STRING,
        TokenType.UNICODE_STRING,
        TokenType.NATIONAL_STRING,
        TokenType.RAW_STRING,
        TokenType.BIT_STRING,
        TokenType.HEX_STRING,
        TokenType.IDENTIFIER,
    }
)
"""Tokens whose content belongs to the author: nothing in them is looked at or changed."""

_OPERAND_ENDS = QUOTED | {TokenType.NUMBER, TokenType.VAR, TokenType.R_PAREN, TokenType.R_BRACKET}
_BIND_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPENINGS = re.compile(r"--[^\r\n]*|/\*|\$(?:[^\W\d]\w*)?\$|(?<!\w)[eEbB]'|[\"']")
_WORD = re.compile(r"[^\W\d][\w$]*")


class _Tokenizer(Postgres.Tokenizer):
    """PostgreSQL's tokens, for every statement, and CockroachDB's `b'bytes'`.

    sqlglot takes what follows SHOW, CALL, EXPLAIN, … as one string otherwise.
    """

    COMMANDS: ClassVar[set[TokenType]] = set()
    BIT_STRINGS: ClassVar[list[str | tuple[str, str]]] = []
    BYTE_STRINGS: ClassVar[list[str | tuple[str, str]]] = [(f"{prefix}'", "'") for prefix in "eEbB"]


@dataclass(frozen=True)
class Bind:
    """A `:name` in the text, from the colon at `start` to `stop`, exclusive."""

    name: str
    start: int
    stop: int


@dataclass(frozen=True)
class LexedSQL:
    """Text, its tokens (offsets are into `source.text`) and its parameters in order."""

    source: SourceText
    tokens: tuple[Token, ...]
    binds: tuple[Bind, ...]


def lex(sql: str | SourceText) -> LexedSQL:
    """Cut SQL into tokens and find its `:name` parameters.

    Strings, dollar-quoted text, quoted identifiers and comments hide what is in them; `::`, `:::` and array slices are
    no parameters.

    Raises:
        QueryFileError: A string, comment or quoted identifier does not end, or a parameter's name is none.
    """
    source = as_source(sql)
    text = source.text
    if (nul := text.find("\0")) >= 0:
        raise QueryFileError(
            "A NUL character stands here.", place=source.place(nul), advice="Remove it: no SQL text may hold one."
        )
    tokens = _tokenize(source, text)
    binds = _find_binds(source, text, tokens)
    ends = {token.start: token.end + 1 for token in tokens}
    if awkward := [bind for bind in binds if ends.get(bind.start + 1) != bind.stop]:
        # `LIMIT :order BY` holds the keyword ORDER BY for the tokeniser: it reads the text again with a neutral name.
        tokens = _tokenize(source, _neutralised(text, awkward))
    return LexedSQL(source, tuple(tokens), tuple(binds))


@cache
def _tokenizer() -> _Tokenizer:
    return _Tokenizer(dialect=Postgres)


def _tokenize(source: SourceText, text: str) -> list[Token]:
    try:
        return list(_tokenizer().tokenize(text))
    except TokenError as error:
        raise _unreadable(source) from error


def _unreadable(source: SourceText) -> QueryFileError:
    """Find the opening that has no end; sqlglot does not say where it is."""
    text = source.text
    position = 0
    while opening := _OPENINGS.search(text, position):
        mark = opening.group()
        if mark.startswith("--"):
            position = opening.end()
            continue
        end = _closing(text, opening)
        if end is None:
            what = {"/*": "comment", '"': "quoted identifier"}.get(mark, "string")
            close = {"/*": "*/"}.get(mark, mark[-1] if mark.endswith("'") else mark)
            return QueryFileError(
                f"The {what} that begins here never ends.",
                place=source.place(opening.start()),
                advice=f"Close it with {close} .",
            )
        if re.match(r"[xX]'(?![0-9a-fA-F]*'$)", text[max(opening.start() - 1, 0) : end]):
            place = source.place(opening.start() - 1)
            return QueryFileError(
                "This string holds something else than hexadecimal digits.",
                place=place,
                advice="X'…' takes 0-9 and a-f.",
            )
        position = end
    return QueryFileError(
        "This text cannot be read as SQL.", place=source.place(0), advice="Look for a quote or comment that never ends."
    )


def _closing(text: str, opening: re.Match[str]) -> int | None:
    mark = opening.group()
    if mark == "/*":
        return comment_end(text, opening.start())
    if mark.startswith("$"):
        end = text.find(mark, opening.end())
        return None if end < 0 else end + len(mark)
    quote = mark[-1]
    inside = r"(?:[^'\\]|\\.|'')*'" if len(mark) == 2 else f"(?:[^{quote}]|{quote}{quote})*{quote}"
    closed = re.compile(inside, re.DOTALL).match(text, opening.end())
    return closed.end() if closed else None


def comment_end(text: str, start: int) -> int | None:
    """Give the offset after the `*/` that ends the comment at `start`, nested ones counted; None when it never ends."""
    depth = 0
    for mark in re.compile(r"/\*|\*/").finditer(text, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return None


def _find_binds(source: SourceText, text: str, tokens: list[Token]) -> list[Bind]:
    binds: list[Bind] = []
    brackets: list[TokenType] = []
    for index, token in enumerate(tokens):
        kind = token.token_type
        if kind in (TokenType.L_BRACKET, TokenType.L_PAREN):
            brackets.append(kind)
        elif kind in (TokenType.R_BRACKET, TokenType.R_PAREN) and brackets:
            brackets.pop()
        if kind is not TokenType.COLON or index + 1 == len(tokens) or tokens[index + 1].start != token.end + 1:
            continue
        if index and tokens[index - 1].token_type is TokenType.DCOLON and tokens[index - 1].end + 1 == token.start:
            continue  # `:::` is CockroachDB's type annotation
        if brackets and brackets[-1] is TokenType.L_BRACKET and index and tokens[index - 1].token_type in _OPERAND_ENDS:
            continue  # `[1:n]`: a slice of an array
        word = _WORD.match(text, token.end + 1)
        if word is None:
            continue
        if not _BIND_NAME.fullmatch(word.group()):
            raise QueryFileError(
                f"{':' + word.group()!r} is no parameter.",
                place=source.place(token.start),
                advice="A parameter's name is written with the letters a-z, digits and underscores.",
            )
        binds.append(Bind(word.group(), token.start, word.end()))
    return binds


def _neutralised(text: str, binds: list[Bind]) -> str:
    for bind in binds:
        text = text[: bind.start + 1] + "z" * len(bind.name) + text[bind.stop :]
    return text


def statements(lexed: LexedSQL) -> list[LexedSQL]:
    """Give each statement that semicolons separate, empty ones left out; source and offsets stay those of the whole."""
    found: list[LexedSQL] = []
    current: list[Token] = []
    for token in (*lexed.tokens, None):
        if token is not None and token.token_type is not TokenType.SEMICOLON:
            current.append(token)
        elif current:
            first, last = current[0].start, current[-1].end
            binds = tuple(bind for bind in lexed.binds if first <= bind.start <= last)
            found.append(replace(lexed, tokens=tuple(current), binds=binds))
            current = []
    return found
