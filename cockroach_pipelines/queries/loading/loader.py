"""One SQL file, or the files of one name for several dialects, as a query."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.database.dialect import Dialect
from cockroach_pipelines.queries.batch import Batch
from cockroach_pipelines.queries.comparison import Comparison
from cockroach_pipelines.queries.errors import QueryFileError, combine
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.files.sql_file import dialect_of, name_parts, read_text
from cockroach_pipelines.queries.headers.maintenance import MaintenanceHeader, Permission
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.monitor import monitor_problems, watches_of
from cockroach_pipelines.queries.headers.reading import ReadHeader, read_header
from cockroach_pipelines.queries.headers.reconciliation import ReconciliationHeader
from cockroach_pipelines.queries.headers.reporting.report import ReportingHeader
from cockroach_pipelines.queries.headers.variants import (
    Variant,
    common_header,
    document_of,
    first_comment,
    place_of_header,
)
from cockroach_pipelines.queries.loading.batch import BatchReader, generated_statement, rules_of
from cockroach_pipelines.queries.loading.code_version import code_version
from cockroach_pipelines.queries.loading.comparison import (
    ComparisonReader,
    compares_two_relations,
    keys_of_comparisons,
)
from cockroach_pipelines.queries.loading.key_prefix import below
from cockroach_pipelines.queries.loading.report import ReportReader
from cockroach_pipelines.queries.loading.watch import read_watch
from cockroach_pipelines.queries.parsing.fingerprint import fingerprint
from cockroach_pipelines.queries.parsing.lexing import lex
from cockroach_pipelines.queries.parsing.parameters import bind_positions
from cockroach_pipelines.queries.parsing.parser import SQLParser
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.query import BrokenQuery, CheckQuery, Query, QueryKind
from cockroach_pipelines.queries.rules.checks import checks_without_a_result, result_checks, unknown_columns
from cockroach_pipelines.queries.rules.headers import (
    blocking_checks,
    keys_of_other_kinds,
    own_checks,
    unknown_connections,
    unused_parameters,
)
from cockroach_pipelines.queries.rules.partitions import partition_problems, partition_query
from cockroach_pipelines.queries.rules.statements import (
    dangers_not_allowed,
    read_only_problems,
    statement_problems,
    undeclared_parameters,
)

_HEADERS: Mapping[QueryKind, type[Header]] = {
    QueryKind.RECONCILIATION: ReconciliationHeader,
    QueryKind.REPORTING: ReportingHeader,
    QueryKind.MAINTENANCE: MaintenanceHeader,
}


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
        parts = name_parts(path, self.folder)
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
        variants: list[Variant] = []
        for path in paths:
            try:
                variants.append(self._variant(path, kind))
            except QueryFileError as error:
                problems.append(error)
        problems += [problem for variant in variants for problem in variant.header.problems]
        header = common_header(variants, problems)
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
        watch = read_watch(header, document_of(variants), self._parser, problems) if header else None
        batch = self._batch(header, statements, variants, problems)
        if header and self._connections is not None:
            problems += unknown_connections(header, comparison, variants, self._connections)
        if header:
            problems += keys_of_other_kinds(kind, header, variants)
            if kind is QueryKind.RECONCILIATION and not compares:
                problems += keys_of_comparisons(document_of(variants))
        keys = None
        if header:
            document = document_of(variants)
            keys = partition_query(variants[0].path, header, document, self._parser, problems)
            problems += partition_problems(kind, header, statements.values(), document, compares=compares)
        if header and kind is QueryKind.RECONCILIATION:
            problems += own_checks(header, variants)
        if header and kind is QueryKind.MAINTENANCE:
            problems += blocking_checks(header, variants)
            problems += monitor_problems(header, place_of_header(variants))
            problems += checks_without_a_result(header, document_of(variants))
        if header and not compares:
            problems += unknown_columns(header, statements.values(), document_of(variants))
        if header and not problems:
            bounds = [each.bound for first in statements.values() for each in first.all]
            bounds += [each.bound for each in checks.values()]
            problems += unused_parameters(header, [*bounds, *(comparison.bounds if comparison else ())], variants)
        if problems or header is None:
            raise combine(problems)
        return Query(
            name=name,
            kind=kind,
            header=below(self._prefix, header),
            statements=statements,
            checks=checks,
            code_version=code_version(_fingerprints(statements, comparison), header),
            description=header.description or first_comment(variants),
            comparison=comparison,
            partition_query=keys,
            watch=watch,
            batch=batch,
            result_checks=result_checks(header, paths[0], document_of(variants)),
        )

    def _batch(
        self,
        header: Header | None,
        statements: Mapping[Dialect | None, Statement],
        variants: Sequence[Variant],
        problems: list[QueryFileError],
    ) -> Batch | None:
        rules = rules_of(header)
        if rules is None or len(statements) < len(variants):
            return None
        return BatchReader(variants[0].path, rules, document_of(variants), self._parser, problems).batch(statements)

    def _comparison(self, variants: Sequence[Variant], problems: list[QueryFileError]) -> Comparison | None:
        found = []
        for variant in variants:
            try:
                found.append(ComparisonReader(variant.path, variant.header, self._parser, problems).comparison())
            except QueryFileError as error:
                problems.append(error)
        return found[0] if found else None

    def _variant(self, path: Path, kind: QueryKind) -> Variant:
        dialect = dialect_of(path, self.folder)
        model = _HEADERS.get(kind, Header)
        header: ReadHeader[Header] = read_header(SourceText(path, read_text(path)), model, self._defaults)
        return Variant(path, dialect, header)

    def _statement(
        self, kind: QueryKind, variant: Variant, header: Header | None, problems: list[QueryFileError]
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
        self, header: Header, variants: Sequence[Variant], problems: list[QueryFileError]
    ) -> dict[str, CheckQuery]:
        checks: dict[str, CheckQuery] = {}
        document = document_of(variants)
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


def _fingerprints(statements: Mapping[Dialect | None, Statement], comparison: Comparison | None) -> list[str]:
    own = [
        fingerprint
        for dialect in sorted(statements, key=lambda dialect: dialect or "")
        for each in statements[dialect].all
        for fingerprint in ([each.name, each.fingerprint] if each.name else [each.fingerprint])
    ]
    sides = comparison.sides if comparison else ()
    return [*own, *(side.statement.fingerprint for side in sides if side.statement)]
