"""What can be wrong with the partitions of one file, given what kind of file it is and what its statement says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.yaml_document import Path as KeyPath
from cockroach_pipelines.queries.files.yaml_document import YAMLDocument
from cockroach_pipelines.queries.headers.automation import Trigger
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.partition import Backfill, QueryPartition, TwoDimensions
from cockroach_pipelines.queries.headers.reporting.report import ReportingHeader
from cockroach_pipelines.queries.parsing.fingerprint import fingerprint
from cockroach_pipelines.queries.parsing.lexing import lex
from cockroach_pipelines.queries.parsing.parameters import bind_positions
from cockroach_pipelines.queries.parsing.parser import SQLParser
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.query import QueryKind
from cockroach_pipelines.queries.rules.statements import read_only_problems


def partition_problems(
    kind: QueryKind, header: Header, statements: Iterable[Statement], document: YAMLDocument | None, *, compares: bool
) -> Iterator[QueryFileError]:
    """Give each key about partitions that does not fit the file."""
    if document is None:
        return
    partition, backfill = header.partition, header.backfill
    reports = isinstance(header, ReportingHeader) and header.report is not None
    time = partition.time if partition else None
    column = time.column if time else None
    at: KeyPath = ("partition", partition.time_name) if isinstance(partition, TwoDimensions) else ("partition",)
    if column and (kind is QueryKind.MAINTENANCE or compares):
        yield QueryFileError(
            "`column` says of which partition a row is, and this file keeps no rows of one statement.",
            place=document.key_place((*at, "column")),
            advice="Remove it.",
        )
        return
    if Trigger.NEW_KEY in header.on and not isinstance(partition, QueryPartition):
        yield QueryFileError(
            "`on: new_key` is for a file whose partitions are the keys of a query alone.",
            place=document.place(("on",)),
            advice="Remove it, and write cron." if time else "Remove it, or write `partition: {query: SELECT …}`.",
        )
    if backfill and partition is None:
        yield QueryFileError(
            "`backfill` is for a file with partitions.", place=document.key_place(("backfill",)), advice="Remove it."
        )
    elif backfill and kind is QueryKind.MAINTENANCE and backfill is not Backfill.PER_PARTITION:
        yield QueryFileError(
            f"`backfill: {backfill}` is not for maintenance, which commits each partition by itself.",
            place=document.place(("backfill",)),
            advice="Remove it.",
        )
    elif backfill is Backfill.ONE_STATEMENT and reports:
        yield QueryFileError(
            "`backfill: one_statement` is not for a file with `report`, whose statements run once for each partition.",
            place=document.place(("backfill",)),
            advice="Write backfill: one_run.",
        )
    elif backfill is Backfill.ONE_STATEMENT and not column:
        yield QueryFileError(
            "`backfill: one_statement` has to know of which partition a row is.",
            place=document.place(("backfill",)),
            advice="Write backfill: one_run."
            if compares or time is None
            else "Name the column that says it: `partition: {…, column: time_hour}`.",
        )
    elif (
        column
        and not reports
        and backfill in (None, Backfill.ONE_STATEMENT)
        and not isinstance(partition, TwoDimensions)
    ):
        yield from _keys_of_one_partition(statements)


def _keys_of_one_partition(statements: Iterable[Statement]) -> Iterator[QueryFileError]:
    for statement in statements:
        for bind in statement.bound.binds:
            if bind.name == "partition_key":
                yield QueryFileError(
                    "With `column` one statement runs over several partitions, and :partition_key is the key of one.",
                    place=statement.bound.source.place(bind.start),
                    advice="Write it with :partition_start and :partition_end, or say backfill: one_run in the header.",
                )
                return


def partition_query(
    path: Path, header: Header, document: YAMLDocument | None, parser: SQLParser, problems: list[QueryFileError]
) -> Statement | None:
    """Read the query that gives the keys of a file's partitions; None where none does, or it cannot be used."""
    partition = header.partition
    at: KeyPath = ("partition", "query")
    if isinstance(partition, TwoDimensions):
        at = ("partition", partition.keys_name, "query")
        partition = partition.members
    if not isinstance(partition, QueryPartition) or document is None:
        return None
    try:
        lexed = lex(document.text_at(at))
        bound, parsed = bind_positions(lexed), parser.parse(lexed)
    except QueryFileError as error:
        problems.append(error)
        return None
    if parsed.further:
        problems.append(_wrong("The keys of partitions come from one query.", parsed.further[0], "Remove the second."))
    if bound.binds:
        place = bound.source.place(bound.binds[0].start)
        said = f"The query of the keys takes no parameter, and :{bound.binds[0].name} is one."
        problems.append(_wrong(said, place, "Write the value itself."))
    problems += read_only_problems(parsed, bound, "a query of keys")
    return Statement(path, bound, parsed, fingerprint(lexed))


def _wrong(message: str, place: Place, advice: str) -> QueryFileError:
    return QueryFileError(message, place=place, advice=advice)
