"""Statements of one file that have names: `-- name: source`, a line above each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.parsing.lexing import LexedSQL, comment_end

_COMMENT = re.compile(r"--[^\r\n]*|/\*")
_MARK = re.compile(r"--+[ \t]*name[ \t]*:[ \t]*(.*?)[ \t;]*", re.IGNORECASE)


@dataclass(frozen=True)
class NamedText:
    """A name and the text below it, up to the next name; offsets are into the source that they were found in."""

    name: str
    at: int
    text: SourceText


def named_texts(lexed: LexedSQL) -> tuple[SourceText, list[NamedText]]:
    """Give what stands before the first name, and the named texts in order."""
    source = lexed.source
    marks = list(_marks(lexed))
    starts = [mark.start for mark in marks] + [len(source.text)]
    named = [
        NamedText(mark.name, mark.start, source.part(mark.stop, end))
        for mark, end in zip(marks, starts[1:], strict=True)
    ]
    return source.part(0, starts[0]), named


@dataclass(frozen=True)
class _Mark:
    name: str
    start: int
    stop: int


def is_name(comment: str) -> bool:
    """Whether what follows the `--` of a comment names a statement."""
    return _MARK.fullmatch(f"--{comment}") is not None


def _marks(lexed: LexedSQL) -> Iterator[_Mark]:
    text, position = lexed.source.text, 0
    for start, end in [*((token.start, token.end + 1) for token in lexed.tokens), (len(text), len(text))]:
        # What no token covers is white space and comments.
        while comment := _COMMENT.search(text, position, start):
            if comment.group() == "/*":
                position = comment_end(text, comment.start()) or start
                continue
            position = comment.end()
            if mark := _MARK.fullmatch(comment.group()):
                yield _Mark(mark[1], comment.start(), comment.end())
        position = end
