"""One SQL file, or the files of one name for several dialects, as a query."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries.batch import Batch
from cockroach_pipelines.queries.batch_loading import BatchReader, generated_statement, rules_of
from cockroach_pipelines.queries.check_loading import checks_without_a_result, result_checks, unknown_columns
from cockroach_pipelines.queries.code_version import code_version, fingerprint
from cockroach_pipelines.queries.comparison import SIDES, Comparison
from cockroach_pipelines.queries.comparison_loading import (
    ComparisonReader,
    compares_two_relations,
    keys_of_comparisons,
)
from cockroach_pipelines.queries.errors import QueryFileError, combine
from cockroach_pipelines.queries.header import ReadHeader, read_header
from cockroach_pipelines.queries.header_models import Header
from cockroach_pipelines.queries.key_prefix import below
from cockroach_pipelines.queries.lexing import lex
from cockroach_pipelines.queries.maintenance_header import MaintenanceHeader, Permission
from cockroach_pipelines.queries.monitor_header import monitor_problems, watches_of
from cockroach_pipelines.queries.named_statements import is_name
from cockroach_pipelines.queries.parameters import BoundSQL, bind_positions
from cockroach_pipelines.queries.parser import SQLParser
from cockroach_pipelines.queries.partition_rules import partition_problems, partition_query
from cockroach_pipelines.queries.query import BrokenQuery, CheckQuery, Query, QueryKind
from cockroach_pipelines.queries.reconciliation_header import ReconciliationHeader
from cockroach_pipelines.queries.report_loading import ReportReader
from cockroach_pipelines.queries.reporting_header import ReportingHeader
from cockroach_pipelines.queries.rules import (
    dangers_not_allowed,
    read_only_problems,
    statement_problems,
    undeclared_parameters,
)
from cockroach_pipelines.queries.source import SourceText
from cockroach_pipelines.queries.statement import Statement
from cockroach_pipelines.queries.watch_loading import read_watch
from cockroach_pipelines.queries.yaml_document import YAMLDocument

MAX_BYTES = 1_048_576
_NAME_PART = re.compile(r"[A-Za-z0-9_]+")
_COMMENT_LINE = re.compile(r"(?:\s+|/\*.*?\*/)*--+[ \t]*([^\r\n]*\S)", re.DOTALL)


def read_text(path: Path) -> str:
    """Read a SQL file.

    Raises:
        QueryFileError: It is no regular file, cannot be read, is too big, or is not UTF-8.
    """
    try:
        status = path.stat()  # before it is opened: a pipe would wait for ever
        if not stat.S_ISREG(status.st_mode):
            raise QueryFileError(
                "This is no regular file.", place=Place(path), advice="Replace it by a file, or rename it."
            )
        if status.st_size > MAX_BYTES:
            raise QueryFileError(
                f"The file has {status.st_size:,} bytes, and at most {MAX_BYTES:,} are read.",
                place=Place(path),
                advice="Data belongs in a table: load it there, and query it.",
            )
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise QueryFileError(
            f"The file cannot be read: {reason}.",
            place=Place(path),
            advice="Check that it exists, and its permissions.",
        ) from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise QueryFileError("The file is UTF-16.", place=Place(path, 1, 1), advice="Save it as UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig", "replace")
        raise QueryFileError(
            f"The byte 0x{content[error.start]:02x} is no UTF-8.",
            place=SourceText(path, before).place(len(before)),
            advice="Save the file as UTF-8.",
        ) from error


_HEADERS: Mapping[QueryKind, type[Header]] = {
    QueryKind.RECONCILIATION: ReconciliationHeader,
    QueryKind.REPORTING: ReportingHeader,
    QueryKind.MAINTENANCE: MaintenanceHeader,
}

# The check that finds no rows, which reconciliation adds.
_OWN_CHECK = "no_differences"


@dataclass
class _Variant:
    path: Path
    dialect: Dialect | None
    header: ReadHeader[Header]
    has_header: bool


class SQLLoader:
    """Reads the SQL files below a folder, whose first folders are the kinds of query.

    Args:
        folder: The folder of queries, such as `sql/queries`.
        connections: Names of the connections that there are; a header that names another is wrong. Not looked at when
            None.
        defaults: What holds for files whose header is silent; see `header_defaults`.
        prefix: What the names of all begin with; see `checked_prefix`.
    """

    def __init__(
        self,
        folder: Path,
        connections: Collection[str] | None = None,
        defaults: Mapping[str, object] = MappingProxyType({}),
        prefix: str = "",
    ) -> None:
        self.folder = folder
        self._prefix = prefix
        self._defaults = defaults
        self._connections = connections
        self._parser = SQLParser()

    def name(self, path: Path) -> str:
        """Give the name of a file's query: its path below the folder without endings, `_` for what no name may hold."""
        *folders, file = path.relative_to(self.folder).parts
        parts = [re.sub(r"[^A-Za-z0-9_]", "_", part) or "_" for part in (*folders, _stem_and_dialect(file)[0])]
        return "/".join([self._prefix, *parts] if self._prefix else parts)

    def load(self, *paths: Path) -> Query | BrokenQuery:
        """Read the files of one name: one, or one for each dialect."""
        name = self.name(paths[0])
        kind: QueryKind | None = None
        try:
            kind = self._kind(paths[0])
            return self._query(name, kind, paths)
        except QueryFileError as error:
            return BrokenQuery(name, paths[0], kind, error)

    def _kind(self, path: Path) -> QueryKind:
        parts = path.relative_to(self.folder).parts
        known = ", ".join(QueryKind)
        if len(parts) == 1:
            raise QueryFileError(
                "The file stands in no folder that says what kind of query it is.",
                place=Place(path),
                advice=f"Move it to one of {known}.",
            )
        if parts[0] not in set(QueryKind):
            hint = did_you_mean(parts[0], map(str, QueryKind))
            advice = hint if hint.startswith("Did") else f"Move the file to one of {known}."
            raise QueryFileError(f"The folder {parts[0]!r} is no kind of query.", place=Place(path), advice=advice)
        return QueryKind(parts[0])

    def _query(self, name: str, kind: QueryKind, paths: Sequence[Path]) -> Query:
        problems: list[QueryFileError] = []
        variants: list[_Variant] = []
        for path in paths:
            try:
                variants.append(self._variant(path, kind))
            except QueryFileError as error:
                problems.append(error)
        problems += [problem for variant in variants for problem in variant.header.problems]
        header = _common_header(variants, problems)
        statements: dict[Dialect | None, Statement] = {}
        checks: dict[str, CheckQuery] = {}
        comparison: Comparison | None = None
        compares = kind is QueryKind.RECONCILIATION and any(compares_two_relations(each.header) for each in variants)
        if compares:
            comparison = self._comparison(variants, problems)
        else:
            for variant in variants:
                try:
                    statements[variant.dialect] = self._statement(kind, variant, header, problems)
                except QueryFileError as error:
                    problems.append(error)
            checks = self._checks(header, variants, problems) if header else {}
        watch = read_watch(header, _document(variants), self._parser, problems) if header else None
        batch = self._batch(header, statements, variants, problems)
        if header and self._connections is not None:
            problems += _unknown_connections(header, comparison, variants, self._connections)
        if header:
            problems += _keys_of_other_kinds(kind, header, variants)
            if kind is QueryKind.RECONCILIATION and not compares:
                problems += keys_of_comparisons(_document(variants))
        keys = None
        if header:
            document = _document(variants)
            keys = partition_query(variants[0].path, header, document, self._parser, problems)
            problems += partition_problems(kind, header, statements.values(), document, compares=compares)
        if header and kind is QueryKind.RECONCILIATION and _OWN_CHECK in header.checks.queries:
            problems.append(_own_check(variants))
        if header and kind is QueryKind.MAINTENANCE:
            problems += _blocking_checks(header, variants)
            problems += monitor_problems(header, _place_of_header(variants))
            problems += checks_without_a_result(header, _document(variants))
        if header and not compares:
            problems += unknown_columns(header, statements.values(), _document(variants))
        if header and not problems:
            bounds = [each.bound for first in statements.values() for each in first.all]
            bounds += [each.bound for each in checks.values()]
            problems += _unused_parameters(header, [*bounds, *(comparison.bounds if comparison else ())], variants)
        if problems or header is None:
            raise combine(problems)
        return Query(
            name=name,
            kind=kind,
            header=below(self._prefix, header),
            statements=statements,
            checks=checks,
            code_version=code_version(_fingerprints(statements, comparison), header),
            description=header.description or _first_comment(variants),
            comparison=comparison,
            partition_query=keys,
            watch=watch,
            batch=batch,
            result_checks=result_checks(header, paths[0], _document(variants)),
        )

    def _batch(
        self,
        header: Header | None,
        statements: Mapping[Dialect | None, Statement],
        variants: Sequence[_Variant],
        problems: list[QueryFileError],
    ) -> Batch | None:
        rules = rules_of(header)
        if rules is None or len(statements) < len(variants):
            return None
        return BatchReader(variants[0].path, rules, _document(variants), self._parser, problems).batch(statements)

    def _comparison(self, variants: Sequence[_Variant], problems: list[QueryFileError]) -> Comparison | None:
        found = []
        for variant in variants:
            try:
                found.append(ComparisonReader(variant.path, variant.header, self._parser, problems).comparison())
            except QueryFileError as error:
                problems.append(error)
        return found[0] if found else None

    def _variant(self, path: Path, kind: QueryKind) -> _Variant:
        for part in path.relative_to(self.folder).parts[:-1]:
            _refuse_name(part, path)
        stem, ending = _stem_and_dialect(path.name)
        if path.suffix != ".sql":
            raise QueryFileError(
                f"The ending {path.suffix!r} is not .sql.", place=Place(path), advice=f"Rename it to {path.stem}.sql."
            )
        dialect = None
        if ending:
            if ending not in set(Dialect):
                hint = did_you_mean(ending, map(str, Dialect))
                raise QueryFileError(
                    f"{ending!r} in the name of the file is no dialect.",
                    place=Place(path),
                    advice=hint if hint.startswith("Did") else f"Rename it to {_sanitised(stem + '_' + ending)}.sql.",
                )
            dialect = Dialect(ending)
        _refuse_name(stem, path)
        model = _HEADERS.get(kind, Header)
        header: ReadHeader[Header] = read_header(SourceText(path, read_text(path)), model, self._defaults)
        return _Variant(path, dialect, header, header.document is not None or bool(header.problems))

    def _statement(
        self, kind: QueryKind, variant: _Variant, header: Header | None, problems: list[QueryFileError]
    ) -> Statement:
        if variant.header.document is None and variant.header.problems:
            raise combine(variant.header.problems)  # nobody knows where the statement begins
        lexed = lex(generated_statement(variant.header) or variant.header.statement)
        if kind is QueryKind.REPORTING:
            return ReportReader(variant.path, variant.header, header, self._parser, problems).statement(lexed)
        bound = bind_positions(lexed)
        if header:
            problems += undeclared_parameters(bound, header)
        parsed = self._parser.parse(lexed)
        problems += statement_problems(kind, parsed, bound)
        if header and watches_of(header) and not parsed.further:
            problems += read_only_problems(parsed, bound, "a monitor")
        if isinstance(header, MaintenanceHeader):
            problems += dangers_not_allowed(parsed, allowed=Permission.DESTRUCTIVE in header.allow)
        return Statement(variant.path, bound, parsed, fingerprint(lexed))

    def _checks(
        self, header: Header, variants: Sequence[_Variant], problems: list[QueryFileError]
    ) -> dict[str, CheckQuery]:
        checks: dict[str, CheckQuery] = {}
        document = _document(variants)
        for name, check in header.checks.queries.items():
            if document is None:
                break
            path = ("checks", name, "sql") if isinstance(document.value(("checks", name)), dict) else ("checks", name)
            try:
                lexed = lex(document.text_at(path))
                bound = bind_positions(lexed)
                parsed = self._parser.parse(lexed)
            except QueryFileError as error:
                problems.append(error)
                continue
            problems += undeclared_parameters(bound, header)
            if parsed.further:
                problems.append(
                    QueryFileError(
                        "A check is one query.", place=parsed.further[0], advice="Make a check of its own of it."
                    )
                )
            problems += read_only_problems(parsed, bound, "a check")
            checks[name] = CheckQuery(name, check, bound, parsed)
        return checks


def _stem_and_dialect(file: str) -> tuple[str, str]:
    """Take `name.cockroachdb.sql` apart; a file name without a second ending has the dialect ''."""
    stem = file[: -len(".sql")] if file.lower().endswith(".sql") else file
    base, dot, ending = stem.rpartition(".")
    return (base, ending) if dot and base else (stem, "")


def _sanitised(part: str) -> str:
    return re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9_]", "_", part)).strip("_") or "query"


def _refuse_name(part: str, path: Path) -> None:
    if not _NAME_PART.fullmatch(part):
        shown = os.fsencode(part).decode("utf-8", "replace")
        raise QueryFileError(
            f"{shown!r} in the path cannot be part of an asset's name.",
            place=Place(path),
            advice=f"Rename it to {_sanitised(part)!r}: names hold letters, digits and underscores.",
        )


def _common_header(variants: Sequence[_Variant], problems: list[QueryFileError]) -> Header | None:
    """Give the header of all variants: it may stand in one of them, or be the same in several."""
    if any(variant.header.problems for variant in variants) or not variants:
        return None
    first: _Variant | None = None
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


def _unknown_connections(
    header: Header, comparison: Comparison | None, variants: Sequence[_Variant], connections: Collection[str]
) -> Iterator[QueryFileError]:
    document = _document(variants)
    named: dict[tuple[str, ...], str] = {("connection",): header.connection}
    if comparison:
        said = {name: getattr(comparison.header, name) for name in SIDES}
        own: dict[tuple[str, ...], str] = {
            (name, "connection"): side.connection for name, side in said.items() if side and side.connection
        }
        # One that both sides leave is not used at all.
        named = own if len(own) == len(SIDES) else {**named, **own}
    if header.watch and header.watch.connection:
        named["watch", "connection"] = header.watch.connection
    for path, connection in named.items():
        if connection not in connections:
            yield QueryFileError(
                f"There is no connection {connection!r}.",
                place=document.place(path) if document else Place(variants[0].path, 1, 1),
                advice=did_you_mean(connection, connections),
            )


def _keys_of_other_kinds(kind: QueryKind, header: Header, variants: Sequence[_Variant]) -> list[QueryFileError]:
    reading = "reports and reconciliations run in read-only transactions"
    reads = kind is not QueryKind.MAINTENANCE or bool(watches_of(header))
    rules = (
        ("autocommit", header.autocommit, kind is QueryKind.MAINTENANCE, f"is for maintenance: {reading}"),
        ("idempotent", header.idempotent, kind is QueryKind.MAINTENANCE, f"is for maintenance: {reading}"),
        ("as_of", header.as_of, reads, "is for what reads: nobody writes into the past"),
    )
    document = _document(variants)
    return [
        QueryFileError(
            f"`{key}` {reason}.",
            place=document.place((key,)) if document else Place(variants[0].path, 1, 1),
            advice="Remove it.",
        )
        for key, given, fits, reason in rules
        if given and not fits
    ]


def _own_check(variants: Sequence[_Variant]) -> QueryFileError:
    document = _document(variants)
    return QueryFileError(
        f"Every reconciliation has a check {_OWN_CHECK!r} already.",
        place=document.key_place(("checks", _OWN_CHECK)) if document else Place(variants[0].path, 1, 1),
        advice="Give this one another name.",
    )


def _blocking_checks(header: Header, variants: Sequence[_Variant]) -> list[QueryFileError]:
    document = _document(variants)
    return [
        QueryFileError(
            f"The check {name!r} cannot block: maintenance has been committed when its checks run.",
            place=document.place(("checks", name, "blocking")) if document else Place(variants[0].path, 1, 1),
            advice="Remove `blocking`, or put the condition into the statement.",
        )
        for name, check in header.checks.queries.items()
        if check.blocking
    ]


def _place_of_header(variants: Sequence[_Variant]) -> Place:
    document = _document(variants)
    return document.source.place(0) if document else Place(variants[0].path, 1, 1)


def _document(variants: Sequence[_Variant]) -> YAMLDocument | None:
    return next((variant.header.document for variant in variants if variant.header.document), None)


def _unused_parameters(
    header: Header, bounds: Sequence[BoundSQL], variants: Sequence[_Variant]
) -> list[QueryFileError]:
    used = {name for bound in bounds for name in bound.names}
    document = _document(variants)
    return [
        QueryFileError(
            f"The parameter {name!r} is declared and never used.",
            place=document.key_place(("params", name)),
            advice=f"Remove it, or write :{name} where its value belongs.",
        )
        for name in header.params
        if name not in used and document is not None
    ]


def _fingerprints(statements: Mapping[Dialect | None, Statement], comparison: Comparison | None) -> list[str]:
    own = [
        fingerprint
        for dialect in sorted(statements, key=lambda dialect: dialect or "")
        for each in statements[dialect].all
        for fingerprint in ([each.name, each.fingerprint] if each.name else [each.fingerprint])
    ]
    sides = comparison.sides if comparison else ()
    return [*own, *(side.statement.fingerprint for side in sides if side.statement)]


def _first_comment(variants: Sequence[_Variant]) -> str:
    """Give the first `--` line before a statement."""
    for variant in variants:
        match = _COMMENT_LINE.match(variant.header.statement.text)
        if match and not is_name(match[1]):
            return match[1].strip()
    return ""
