"""A version that changes when the meaning of a file may have changed, and not when its layout has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from sqlglot.tokenizer_core import TokenType

from cockroach_pipelines.queries.header_models import Header
from cockroach_pipelines.queries.lexing import QUOTED, LexedSQL


def code_version(lexed: Iterable[LexedSQL], header: Header) -> str:
    """Hash the words of statements and what their header says: 16 hexadecimal digits.

    White space, comments, the case of what is not quoted, a semicolon at the end, and the layout of the header change
    nothing.
    """
    digest = hashlib.sha256()
    for each in lexed:
        for text in _words(each):
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        digest.update(b"\1")
    digest.update(header.model_dump_json(by_alias=True, exclude_defaults=True).encode())
    return digest.hexdigest()[:16]


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
