"""The statements of a report's file, and whether its header speaks of columns and statements that there are."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.files.yaml_document import Path as KeyPath
from cockroach_pipelines.queries.files.yaml_document import YAMLDocument
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.reading import ReadHeader, read_header
from cockroach_pipelines.queries.headers.reporting.report import ReportingHeader, ReportRules
from cockroach_pipelines.queries.headers.reporting.values import ReportFormat
from cockroach_pipelines.queries.parsing.fingerprint import fingerprint
from cockroach_pipelines.queries.parsing.lexing import LexedSQL, lex
from cockroach_pipelines.queries.parsing.named_statements import NamedText, named_texts
from cockroach_pipelines.queries.parsing.parameters import bind_positions
from cockroach_pipelines.queries.parsing.parser import SQLParser
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.query import Query, QueryKind
from cockroach_pipelines.queries.rules.statements import statement_problems, undeclared_parameters

_NAME_THEM = "Write `-- name: …` on a line above each statement: the first is the asset's result."


@dataclass
class ReportReader:
    """Reads one file; what is wrong with it is collected in `problems`."""

    path: Path
    read: ReadHeader[Header]
    header: Header | None
    parser: SQLParser
    problems: list[QueryFileError]

    def statement(self, lexed: LexedSQL) -> Statement:
        """Give the only statement, or the first of several that have names, with the others in `further`.

        Raises:
            QueryFileError: A statement cannot be read.
        """
        before, named = named_texts(lexed)
        if not named:
            statement = self._read(lexed, "")
        else:
            unnamed = lex(before).tokens
            if unnamed:
                self._wrong("This statement has no name.", before.place(unnamed[0].start), _NAME_THEM)
            first, *further = self._named(named)
            statement = replace(first, further=tuple(further))
        if isinstance(self.header, ReportingHeader) and self.header.report and self.read.document:
            self.problems += _unknown_words(self.header.report, statement.all, self.read.document)
            self.problems += _missing_packages(self.header.report, self.read.document)
        return statement

    def _named(self, named: Sequence[NamedText]) -> list[Statement]:
        source = self.read.statement
        lines: dict[str, int | None] = {}
        for each in named:
            place = source.place(each.at)
            if not each.name:
                self._wrong("The name is missing here.", place, "Write one after `-- name:`, such as by_day.")
            elif each.name in lines:
                first = lines[each.name]
                self._wrong(
                    f"The name {each.name!r} stands here a second time; the first is in line {first}.",
                    place,
                    "Name one of them otherwise.",
                )
            lines.setdefault(each.name, place.line)
        return [self._read(lex(each.text), each.name, source.place(each.at)) for each in named]

    def _read(self, lexed: LexedSQL, name: str, at: Place | None = None) -> Statement:
        if at and not lexed.tokens:
            raise QueryFileError(
                f"No statement follows the name {name!r}.", place=at, advice="Write a SELECT below it."
            )
        bound = bind_positions(lexed)
        if self.header:
            self.problems += undeclared_parameters(bound, self.header)
        parsed = self.parser.parse(lexed)
        self.problems += statement_problems(QueryKind.REPORTING, parsed, bound, named=bool(name))
        return Statement(self.path, bound, parsed, fingerprint(lexed), name)

    def _wrong(self, message: str, place: Place, advice: str) -> None:
        self.problems.append(QueryFileError(message, place=place, advice=advice))


def named_columns(rules: ReportRules, first: str) -> Iterator[tuple[KeyPath, str, str | None]]:
    """Give every column that the rules name: where, its name, and of which statement it is, None being any.

    Args:
        rules: What the header says.
        first: Name of the first statement.
    """
    for name in rules.columns:
        yield ("report", "columns", name), name, None
    for number, chart in enumerate(rules.chart):
        for key, name in chart.columns:
            yield ("report", "chart", number, key), name, chart.of or first
    for key, kpi in rules.kpis.items():
        for name in kpi.figure.columns:
            yield ("report", "kpis", key, "value"), name, kpi.of or first
    if rules.compare:
        for name in rules.compare.by or ():
            yield ("report", "compare", "by"), name, first
    if rules.into:
        for name in rules.into.key or ():
            yield ("report", "into", "key"), name, first
        if rules.into.partition:
            yield ("report", "into", "partition"), rules.into.partition, first


def refuse_unknown_columns(query: Query, columns: Mapping[str, Sequence[str]]) -> None:
    """Look whether a report's header speaks of the columns that its results have.

    Args:
        query: The report.
        columns: Names of columns by the name of their statement, that of the first statement first.

    Raises:
        QueryFileError: There is no such column; the place is that of the header.
    """
    if query.report is None:
        return
    for path, column, of in named_columns(query.report, next(iter(columns))):
        among = columns.values() if of is None else [columns.get(of, ())]
        if not any(column in names for names in among):
            known = list(dict.fromkeys(name for names in among for name in names))
            raise unknown_column(column, known, place_in_header(query.path, path))


def place_in_header(file: Path, path: KeyPath) -> Place:
    """Give the place of a key in the header of a report's file; the file, where it has changed and has no such key."""
    try:
        read = read_header(SourceText(file, file.read_text("utf-8")), ReportingHeader)
    except (OSError, UnicodeError):
        return Place(file)
    return _place(read.document, path) if read.document else Place(file, 1, 1)


def _missing_packages(rules: ReportRules, document: YAMLDocument) -> Iterator[QueryFileError]:
    # Whether its libraries are there is known when it is imported, which takes a second: before the report is run.
    if ReportFormat.PDF in rules.formats and importlib.util.find_spec("weasyprint") is None:
        yield QueryFileError(
            "A report as PDF needs WeasyPrint, which is not installed.",
            place=_place(document, ("report", "formats")),
            advice="Install it: pip install 'cockroach_pipelines[pdf]'; or remove pdf from `formats`.",
        )


def _unknown_words(
    rules: ReportRules, statements: Sequence[Statement], document: YAMLDocument
) -> Iterator[QueryFileError]:
    names = [statement.name for statement in statements]
    ofs: list[tuple[KeyPath, str | None]] = [(("report", "sections", name), name) for name in rules.sections]
    ofs += [(("report", "chart", number, "of"), chart.of) for number, chart in enumerate(rules.chart)]
    ofs += [(("report", "kpis", key, "of"), kpi.of) for key, kpi in rules.kpis.items()]
    for path, of in ofs:
        if of is not None and of not in names:
            yield QueryFileError(
                f"There is no statement {of!r} in this file.",
                place=_place(document, path),
                advice=did_you_mean(of, names) if names != [""] else _NAME_THEM,
            )
    known = {statement.name: statement.parsed.columns for statement in statements}
    for path, column, of in named_columns(rules, names[0]):
        among = [known[of]] if of in known else list(known.values()) if of is None else []
        said = [columns for columns in among if columns is not None]
        if len(said) == len(among) and among and not any(column in columns for columns in said):
            yield unknown_column(column, [each for columns in said for each in columns], _place(document, path))


def unknown_column(column: str, known: Sequence[str], place: Place) -> QueryFileError:
    """Give the error of a column that the result does not have."""
    return QueryFileError(f"The result has no column {column!r}.", place=place, advice=did_you_mean(column, known))


def _place(document: YAMLDocument, path: KeyPath) -> Place:
    written: KeyPath = ()
    for part in path:  # one value may stand for a list of one
        if not isinstance(part, int) or isinstance(document.value(written), list):
            written = (*written, part)
    names_itself = path[-2:-1] in (("columns",), ("sections",))
    return document.key_place(written) if names_itself else document.place(written)
