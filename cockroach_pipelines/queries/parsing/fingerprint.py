"""A hash of a statement's words, which its layout does not change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from sqlglot.tokenizer_core import TokenType

from cockroach_pipelines.queries.parsing.lexing import QUOTED, LexedSQL


def fingerprint(lexed: LexedSQL) -> str:
    """Hash the words of a statement.

    White space, comments, the case of what is not quoted, and a semicolon at the end change nothing.
    """
    words = "\0".join(_words(lexed))
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()


def _words(lexed: LexedSQL) -> Iterator[str]:
    text = lexed.source.text
    binds = {bind.start: bind for bind in lexed.binds}
    after_bind = 0
    for token in lexed.tokens:
        if token.token_type is TokenType.SEMICOLON or token.start < after_bind:
            continue
        if bind := binds.get(token.start):
            yield f":{bind.name}"
            after_bind = bind.stop
        elif token.token_type in QUOTED:
            yield text[token.start : token.end + 1]
        else:
            yield from text[token.start : token.end + 1].lower().split()
