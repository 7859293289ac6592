"""CockroachDB's own syntax, rewritten token by token into what sqlglot's PostgreSQL parser reads.

For analysis only: what runs is the author's text. Nothing here becomes SQL again.
Source: CockroachDB's SQL grammar (docs, "SQL Grammar"). The parser is not subclassed: its compiled build forbids that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot.tokenizer_core import Token, TokenType

from cockroach_pipelines.queries.parsing.lexing import QUOTED

_JOIN_HINTS = frozenset({"LOOKUP", "HASH", "MERGE", "INVERTED", "STRAIGHT"})
_BEFORE_A_SOURCE = frozenset({"FROM", "JOIN", ",", "USING"})
_AS_OF_SYSTEM_TIME = ("AS", "OF", "SYSTEM", "TIME")
_AFTER_FROM = frozenset(
    [
        "WHERE",
        "GROUP",
        "HAVING",
        "WINDOW",
        "UNION",
        "INTERSECT",
        "EXCEPT",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "FETCH",
        "FOR",
        "RETURNING",
        "ON",
        "SET",
        ")",
        "]",
        ",",
    ]
)
_PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class RewrittenTokens:
    """Tokens for the PostgreSQL parser.

    `inner` holds the statements that stood in brackets, `FROM [DELETE … RETURNING …]`, an empty select in their place.
    `notes` names what was met, such as `as_of_system_time`.
    """

    tokens: tuple[Token, ...]
    inner: tuple[tuple[Token, ...], ...] = ()
    notes: frozenset[str] = frozenset()


def rewrite(tokens: Sequence[Token]) -> RewrittenTokens:
    """Rewrite the tokens of one statement; positions in the text are kept."""
    return _Rewriter(tokens).run()


def word(token: Token) -> str:
    """Give a token's text in capitals, and nothing for what is quoted, to compare with keywords."""
    return "" if token.token_type in QUOTED else token.text.upper()


class _Rewriter:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.words = [word(token) for token in tokens]
        self.position = 0
        self.output: list[Token] = []
        self.inner: list[tuple[Token, ...]] = []
        self.notes: set[str] = set()
        self.depth = 0
        self.depths_with_limit: set[int] = set()

    def run(self) -> RewrittenTokens:
        rules: dict[str, Callable[[], bool]] = {
            ":": self._bind,
            "AS": self._as_of_system_time,
            "UPSERT": self._upsert,
            "@": self._index_hint,
            "[": self._statement_in_brackets,
            "(": self._open,
            ")": self._close,
            "LIMIT": self._limit,
            "RETURNING": self._returning_after_limit,
            "::": self._type_annotation,
            "/": self._floor_division,
            **dict.fromkeys(_JOIN_HINTS, self._join_hint),
        }
        while self.position < len(self.tokens):
            rule = rules.get(self.words[self.position])
            if not (rule() if rule else self._rest_of_number()):
                self.output.append(self.tokens[self.position])
                self.position += 1
        return RewrittenTokens(tuple(self.output), tuple(self.inner), frozenset(self.notes))

    def _word(self, ahead: int = 0) -> str:
        index = self.position + ahead
        return self.words[index] if 0 <= index < len(self.words) else ""

    def _emit(self, kind: TokenType, text: str) -> None:
        at = self.tokens[min(self.position, len(self.tokens) - 1)]
        self.output.append(Token(kind, text, at.line, at.col, at.start, at.end))

    def _touches_previous(self, index: int) -> bool:
        return 0 < index < len(self.tokens) and self.tokens[index - 1].end + 1 == self.tokens[index].start

    def _after_closing(self, index: int) -> int:
        """Give the index after the bracket that closes the one at `index`."""
        opening = self.words[index]
        closing = _PAIRS[opening]
        depth = 0
        while index < len(self.tokens):
            here = self.words[index]
            depth += (here == opening) - (here == closing)
            index += 1
            if depth == 0:
                break
        return index

    def _open(self) -> bool:
        if self._statement_in_common_table_expression():
            return True
        self.depth += 1
        return False

    def _close(self) -> bool:
        self.depths_with_limit.discard(self.depth)
        self.depth -= 1
        return False

    def _limit(self) -> bool:
        self.depths_with_limit.add(self.depth)
        return False

    def _bind(self) -> bool:
        """`:name` with a name that is a keyword becomes a name."""
        if self._word() != ":" or not self._touches_previous(self.position + 1) or not self._word(1).isidentifier():
            return False
        if self._touches_previous(self.position) and self._word(-1) == "::":
            return False
        self.output.append(self.tokens[self.position])
        self.position += 1
        self._emit(TokenType.VAR, self.tokens[self.position].text)
        self.position += 1
        return True

    def _as_of_system_time(self) -> bool:
        if tuple(self._word(ahead) for ahead in range(4)) != _AS_OF_SYSTEM_TIME:
            return False
        self.notes.add("as_of_system_time")
        self.position += 4
        while self.position < len(self.tokens) and self._word().split(" ")[0] not in _AFTER_FROM:
            self.position = self._after_closing(self.position) if self._word() in ("(", "[") else self.position + 1
        return True

    def _upsert(self) -> bool:
        if self._word() != "UPSERT" or self._word(1) != "INTO":
            return False
        self.notes.add("upsert")
        self._emit(TokenType.INSERT, "INSERT")
        self.position += 1
        return True

    def _index_hint(self) -> bool:
        """`t@primary`, `t@{FORCE_INDEX=i}` and `t@[1]`."""
        if self._word() != "@" or not self._touches_previous(self.position) or not self.output:
            return False
        named = (
            self.output[-1].token_type in (TokenType.IDENTIFIER, TokenType.VAR) or self.output[-1].text.isidentifier()
        )
        if not named or not self._touches_previous(self.position + 1):
            return False
        self.notes.add("index_hint")
        self.position = self._after_closing(self.position + 1) if self._word(1) in ("{", "[") else self.position + 2
        return True

    def _join_hint(self) -> bool:
        if self._word() not in _JOIN_HINTS or self._word(1) != "JOIN":
            return False
        self.notes.add("join_hint")
        self.position += 1
        return True

    def _statement_in_brackets(self) -> bool:
        """`FROM [SHOW JOBS]`."""
        if self._word() != "[" or not self.output or word(self.output[-1]) not in _BEFORE_A_SOURCE or self._in_array():
            return False
        end = self._after_closing(self.position)
        self._replace_statement(self.position + 1, end)
        if self._word() != "AS" and not self._word().isidentifier():
            self._emit(TokenType.ALIAS, "AS")
            self._emit(TokenType.VAR, "_statement")
        return True

    def _in_array(self) -> bool:
        """Whether a comma before this bracket separates elements of an array, not sources."""
        return word(self.output[-1]) == "," and not self._word(1).isalpha()

    def _statement_in_common_table_expression(self) -> bool:
        """`WITH x AS (SHOW JOBS)`."""
        if self._word() != "(" or self._word(-1) != "AS" or self._word(1) not in ("SHOW", "EXPLAIN"):
            return False
        self._replace_statement(self.position + 1, self._after_closing(self.position))
        return True

    def _replace_statement(self, start: int, end: int) -> None:
        self.notes.add("statement_source")
        self.inner.append(tuple(self.tokens[start : end - 1]))
        self._emit(TokenType.L_PAREN, "(")
        self._emit(TokenType.SELECT, "SELECT")
        self._emit(TokenType.NUMBER, "1")
        self._emit(TokenType.R_PAREN, ")")
        self.position = end

    def _returning_after_limit(self) -> bool:
        """`DELETE … LIMIT n RETURNING k`: the returned list is left out."""
        if self._word() != "RETURNING" or self.depth not in self.depths_with_limit:
            return False
        self.notes.add("returning_after_limit")
        while self.position < len(self.tokens) and self._word() not in (")", "]"):
            self.position = self._after_closing(self.position) if self._word() in ("(", "[") else self.position + 1
        return True

    def _type_annotation(self) -> bool:
        """`a:::INT8` is read as a cast."""
        if self._word() != "::" or self._word(1) != ":" or not self._touches_previous(self.position + 1):
            return False
        self.output.append(self.tokens[self.position])
        self.position += 2
        return True

    def _floor_division(self) -> bool:
        """`a // b` is read as a division."""
        if self._word() != "/" or self._word(1) != "/" or not self._touches_previous(self.position + 1):
            return False
        self.output.append(self.tokens[self.position])
        self.position += 2
        return True

    def _rest_of_number(self) -> bool:
        """`1_000`, `0b101` and `0o17` are one number each."""
        if (
            not self.output
            or self.output[-1].token_type is not TokenType.NUMBER
            or not self._touches_previous(self.position)
        ):
            return False
        if self.tokens[self.position].token_type is not TokenType.VAR:
            return False
        self.position += 1
        return True
