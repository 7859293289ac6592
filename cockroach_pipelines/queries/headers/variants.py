"""The files of one query, one for each dialect that has its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.yaml_document import YAMLDocument
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.reading import ReadHeader
from cockroach_pipelines.queries.parsing.named_statements import is_name

_COMMENT_LINE = re.compile(r"(?:\s+|/\*.*?\*/)*--+[ \t]*([^\r\n]*\S)", re.DOTALL)


@dataclass
class Variant:
    """One file of a query."""

    path: Path
    dialect: Dialect | None
    header: ReadHeader[Header]

    @property
    def has_header(self) -> bool:
        """Whether the file has a header, be it a wrong one."""
        return self.header.document is not None or bool(self.header.problems)


def common_header(variants: Sequence[Variant], problems: list[QueryFileError]) -> Header | None:
    """Give the header of all variants: it may stand in one of them, or be the same in several."""
    if any(variant.header.problems for variant in variants) or not variants:
        return None
    first: Variant | None = None
    for variant in variants:
        if not variant.has_header:
            continue
        if first is None:
            first = variant
        elif variant.header.header != first.header.header:
            problems.append(
                QueryFileError(
                    f"This header differs from that of {first.path.name}.",
                    place=variant.header.document.source.place(0) if variant.header.document else Place(variant.path),
                    advice=f"Keep it in one of {first.path.name} and {variant.path.name}, or make both equal.",
                )
            )
    return (first or variants[0]).header.header


def document_of(variants: Sequence[Variant]) -> YAMLDocument | None:
    """Give the YAML of the header, None when there is none."""
    return next((variant.header.document for variant in variants if variant.header.document), None)


def place_of_header(variants: Sequence[Variant]) -> Place:
    """Give where the header begins."""
    document = document_of(variants)
    return document.source.place(0) if document else Place(variants[0].path, 1, 1)


def first_comment(variants: Sequence[Variant]) -> str:
    """Give the first `--` line before a statement."""
    for variant in variants:
        match = _COMMENT_LINE.match(variant.header.statement.text)
        if match and not is_name(match[1]):
            return match[1].strip()
    return ""
