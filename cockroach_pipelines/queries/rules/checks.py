"""Checks that need no SQL, held against the file that they stand in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import nearest
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.yaml_document import YAMLDocument
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.query import ResultCheck


def result_checks(header: Header, path: Path, document: YAMLDocument | None) -> dict[str, ResultCheck]:
    """Give the checks that look at the result, by name."""
    keys = header.checks.keys
    return {
        name: ResultCheck(name, rule, document.key_place(("checks", keys[name])) if document else Place(path, 1, 1))
        for name, rule in header.checks.rules.items()
    }


def checks_without_a_result(header: Header, document: YAMLDocument | None) -> Iterator[QueryFileError]:
    """Give each check of maintenance that has nothing to look at."""
    for key in dict.fromkeys(header.checks.keys.values()):
        if document:
            yield QueryFileError(
                f"`{key}` looks at the rows of a result, and maintenance has none.",
                place=document.key_place(("checks", key)),
                advice="Write the check as a query of the table that the statement changes.",
            )


def unknown_columns(
    header: Header, statements: Iterable[Statement], document: YAMLDocument | None
) -> Iterator[QueryFileError]:
    """Give each column of a check that the statement, whose columns its text alone tells, does not have."""
    for statement in statements:
        columns = statement.parsed.columns
        if columns is None or document is None:
            continue
        for name, rule in header.checks.rules.items():
            for column in rule.columns_used:
                if column not in columns:
                    key = header.checks.keys[name]
                    yield QueryFileError(
                        f"The check {name!r} looks at {column!r}, and the result has no such column.",
                        place=document.mention(("checks", key), column),
                        advice=column_advice(column, columns),
                    )
        return


def column_advice(column: str, columns: Iterable[str]) -> str:
    """Say which columns there are, the one first that was probably meant."""
    known = list(dict.fromkeys(columns))
    meant = nearest(column, known)
    listed = f"The columns are {', '.join(known)}."
    return f"Did you mean {meant!r}? {listed}" if meant else listed
