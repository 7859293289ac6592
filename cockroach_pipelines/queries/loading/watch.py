"""Reads the query of a header's `watch`."""

from __future__ import annotations

from collections.abc import Iterator

from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.yaml_document import Path, YAMLDocument
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.parsing.lexing import lex
from cockroach_pipelines.queries.parsing.parameters import BoundSQL, bind_positions
from cockroach_pipelines.queries.parsing.parser import ParsedSQL, SQLParser
from cockroach_pipelines.queries.rules.statements import read_only_problems
from cockroach_pipelines.queries.watch import WatchQuery


def read_watch(
    header: Header, document: YAMLDocument | None, parser: SQLParser, problems: list[QueryFileError]
) -> WatchQuery | None:
    """Read what a header watches, None where it watches nothing; what is wrong with it goes to `problems`."""
    if header.watch is None or document is None:
        return None
    try:
        lexed = lex(document.text_at(_path(document)))
        bound, parsed = bind_positions(lexed), parser.parse(lexed)
    except QueryFileError as error:
        problems.append(error)
        return None
    problems += _problems(bound, parsed)
    return WatchQuery(header.watch, bound, parsed)


def _path(document: YAMLDocument) -> Path:
    return ("watch", "query") if isinstance(document.value(("watch",)), dict) else ("watch",)


def _problems(bound: BoundSQL, parsed: ParsedSQL) -> Iterator[QueryFileError]:
    if bound.binds:
        first = bound.binds[0]
        yield QueryFileError(
            f"The query of `watch` has a parameter :{first.name}, and nobody gives it a value.",
            place=bound.source.place(first.start),
            advice="Write the value into the query: it is asked before there is a run.",
        )
    if parsed.further:
        yield QueryFileError(
            "`watch` is one query.", place=parsed.further[0], advice="Make one SELECT of them that gives one value."
        )
        return
    yield from read_only_problems(parsed, bound, "the query of `watch`")
