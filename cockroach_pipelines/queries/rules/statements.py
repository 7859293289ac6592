"""What a statement may be, by the kind of its file and the parameters its header declares."""

from __future__ import annotations

from collections.abc import Iterator

from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.partition import PARTITION_PARAMETERS
from cockroach_pipelines.queries.parsing.commands import StatementKind
from cockroach_pipelines.queries.parsing.parameters import BoundSQL
from cockroach_pipelines.queries.parsing.parser import ParsedSQL
from cockroach_pipelines.queries.query import QueryKind


def statement_problems(
    kind: QueryKind, parsed: ParsedSQL, bound: BoundSQL, *, named: bool = False
) -> Iterator[QueryFileError]:
    """Give what is wrong with a statement for its kind: reports and reconciliations return rows and write nothing."""
    if parsed.further:
        advice = "One file, one statement: move it to a file of its own."
        if named:
            advice = "One name, one statement: make one of them."
        elif kind is QueryKind.RECONCILIATION:
            advice += " Two that are to be compared are named: `-- name: source` and `-- name: target` above them."
        yield QueryFileError(
            f"A second of {parsed.statement_count} statements begins here.", place=parsed.further[0], advice=advice
        )
        return
    if parsed.kind is StatementKind.TRANSACTION:
        yield QueryFileError(
            "A file does not begin or end transactions.",
            place=bound.source.place(0),
            advice="Remove the statement: each file runs in a transaction of its own.",
        )
        return
    if kind is not QueryKind.MAINTENANCE:
        yield from read_only_problems(parsed, bound, f"a {kind}" if kind is QueryKind.RECONCILIATION else "a report")


def read_only_problems(parsed: ParsedSQL, bound: BoundSQL, what: str) -> Iterator[QueryFileError]:
    """Give what keeps a statement from being one that only reads."""
    elsewhere = "Move the file below sql/queries/maintenance if it is to write."
    if what == "a monitor":
        elsewhere = "Remove `expect`, `error` and `warn` if the file is to write."
    for effect in parsed.effects:
        locks = effect.what.startswith("FOR ")
        yield QueryFileError(
            f"{effect.what} has no place in {what}, which {'locks no rows' if locks else 'only reads'}.",
            place=effect.place,
            advice=f"Remove {effect.what}." if locks else elsewhere,
        )
    if not parsed.effects and not parsed.returns_rows:
        yield QueryFileError(
            f"This statement returns no rows, and {what} is made of them.",
            place=bound.source.place(0),
            advice="Write a SELECT, or move the file below sql/queries/maintenance.",
        )


def dangers_not_allowed(parsed: ParsedSQL, *, allowed: bool) -> Iterator[QueryFileError]:
    """Give each DROP, TRUNCATE, and DELETE or UPDATE of every row, unless the header allows what destroys."""
    for danger in () if allowed else parsed.dangers:
        if danger.why:
            message = f"This {danger.what} {danger.why}: it touches every row of its table."
            advice = "Write a WHERE that keeps rows out, or `allow: destructive` in the header when every row is meant."
        else:
            message = f"{danger.what} takes data away at once, and for good."
            advice = "Write `allow: destructive` in the header if that is meant."
        yield QueryFileError(message, place=danger.place, advice=advice)


def undeclared_parameters(bound: BoundSQL, header: Header) -> Iterator[QueryFileError]:
    """Give each `:name` that neither `params` nor the partition provides, at its first place."""
    seen = {*header.params, *header.provided_parameters}
    for bind in bound.binds:
        if bind.name in seen:
            continue
        seen.add(bind.name)
        place = bound.source.place(bind.start)
        if bind.name not in PARTITION_PARAMETERS:
            partition = header.partition.parameters if header.partition else ()
            known = [*header.params, *header.provided_parameters, *partition]
            hint = did_you_mean(bind.name, known) if known else ""
            declare = f"Declare it in the header: `params: {{{bind.name}: text}}`."
            yield QueryFileError(
                f"The parameter :{bind.name} is not declared.",
                place=place,
                advice=f"{hint if 'Did' in hint else ''} {declare}".strip(),
            )
        elif header.partition is None:
            yield QueryFileError(
                f":{bind.name} needs a partition, and the header has none.",
                place=place,
                advice="Add one to the header: `partition: {every: day, from: 2013-01-01}`.",
            )
        elif bind.name not in header.partition.parameters:
            yield QueryFileError(
                f":{bind.name} needs a partition by time, and this file's is by keys.",
                place=place,
                advice="Write :partition_key, or add a dimension of time: `partition: {time: {every: day, from: 2013-01-01}, …}`.",
            )
