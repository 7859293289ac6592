"""A version that changes when the meaning of a file may have changed, and not when its layout has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator

from sqlglot.tokenizer_core import TokenType

from cockroach_pipelines.queries.header_models import Header
from cockroach_pipelines.queries.lexing import QUOTED, LexedSQL


def fingerprint(lexed: LexedSQL) -> str:
    """Hash the words of a statement.

    White space, comments, the case of what is not quoted, and a semicolon at the end change nothing.
    """
    words = "\0".join(_words(lexed))
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()


def code_version(fingerprints: Iterable[str], header: Header) -> str:
    """Hash statements and what their header says, whatever its layout: 16 hexadecimal digits."""
    said = json.dumps(header.model_dump(mode="json", by_alias=True, exclude_defaults=True), sort_keys=True)
    return hashlib.sha256("\n".join([*fingerprints, said]).encode()).hexdigest()[:16]


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
