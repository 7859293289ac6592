"""A comparison that no file holds: two tables and rules given by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from cockroach_pipelines.config.errors import ConfigurationError
from cockroach_pipelines.queries.comparison import SIDES, ComparedSide, Comparison, Fragment
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.headers.reading import reasons
from cockroach_pipelines.queries.headers.reconciliation import ReconciliationHeader, Side
from cockroach_pipelines.queries.parsing.lexing import lex
from cockroach_pipelines.queries.parsing.parameters import bind_positions
from cockroach_pipelines.queries.parsing.parser import SQLParser
from cockroach_pipelines.queries.parsing.table_names import parse_table_name


def asked_comparison(values: Mapping[str, object], *, shown: Mapping[str, str]) -> Comparison:
    """Give the comparison of the tables `source` and `target` by the keys of a header.

    Args:
        values: Keys as a header has them.
        shown: What the one who asks calls a key, such as `--where`.

    Raises:
        ConfigurationError: A value is wrong.
        QueryFileError: The condition is no SQL.
    """
    try:
        header = ReconciliationHeader.model_validate(values)
    except ValidationError as error:
        path, message, advice = next(reasons(error))
        raise ConfigurationError(f"{shown.get(str(path[0]), path[0])}: {message}.", advice=advice) from error
    where = _condition(header.where, shown.get("where", "where")) if header.where else None
    source, target = (_side(getattr(header, name), header) for name in SIDES)
    return Comparison(Path(), header, source, target, where)


def _side(said: Side, header: ReconciliationHeader) -> ComparedSide:
    return ComparedSide(
        said.connection or header.connection,
        said.table,
        tables_read=frozenset({parse_table_name(said.table)} if said.table else ()),
    )


def _condition(text: str, name: str) -> Fragment:
    lexed = lex(SourceText(name, text))
    if lexed.binds:
        bind = lexed.binds[0]
        raise QueryFileError(
            f":{bind.name} is a parameter, and there are none here.",
            place=lexed.source.place(bind.start),
            advice="Write the value itself, or a file with `params`.",
        )
    return Fragment(bind_positions(lexed), SQLParser().parse_condition(lexed))
