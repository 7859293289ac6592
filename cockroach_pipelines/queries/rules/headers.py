"""What a header may not say beside its file, and beside the other files of its query."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.comparison import SIDES, Comparison
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.monitor import watches_of
from cockroach_pipelines.queries.headers.variants import Variant, document_of
from cockroach_pipelines.queries.parsing.parameters import BoundSQL
from cockroach_pipelines.queries.query import QueryKind

# The check that finds no rows, which reconciliation adds.
OWN_CHECK = "no_differences"


def unknown_connections(
    header: Header, comparison: Comparison | None, variants: Sequence[Variant], connections: Collection[str]
) -> Iterator[QueryFileError]:
    """Refuse names of connections that there are not."""
    document = document_of(variants)
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


def keys_of_other_kinds(kind: QueryKind, header: Header, variants: Sequence[Variant]) -> list[QueryFileError]:
    """Refuse what only files of another kind may say."""
    reading = "reports and reconciliations run in read-only transactions"
    reads = kind is not QueryKind.MAINTENANCE or bool(watches_of(header))
    rules = (
        ("autocommit", header.autocommit, kind is QueryKind.MAINTENANCE, f"is for maintenance: {reading}"),
        ("idempotent", header.idempotent, kind is QueryKind.MAINTENANCE, f"is for maintenance: {reading}"),
        ("as_of", header.as_of, reads, "is for what reads: nobody writes into the past"),
    )
    document = document_of(variants)
    return [
        QueryFileError(
            f"`{key}` {reason}.",
            place=document.place((key,)) if document else Place(variants[0].path, 1, 1),
            advice="Remove it.",
        )
        for key, given, fits, reason in rules
        if given and not fits
    ]


def own_checks(header: Header, variants: Sequence[Variant]) -> list[QueryFileError]:
    """Refuse a check of the name that every reconciliation has."""
    if OWN_CHECK not in header.checks.queries:
        return []
    document = document_of(variants)
    return [
        QueryFileError(
            f"Every reconciliation has a check {OWN_CHECK!r} already.",
            place=document.key_place(("checks", OWN_CHECK)) if document else Place(variants[0].path, 1, 1),
            advice="Give this one another name.",
        )
    ]


def blocking_checks(header: Header, variants: Sequence[Variant]) -> list[QueryFileError]:
    """Refuse checks that would block what has been committed when they run."""
    document = document_of(variants)
    return [
        QueryFileError(
            f"The check {name!r} cannot block: maintenance has been committed when its checks run.",
            place=document.place(("checks", name, "blocking")) if document else Place(variants[0].path, 1, 1),
            advice="Remove `blocking`, or put the condition into the statement.",
        )
        for name, check in header.checks.queries.items()
        if check.blocking
    ]


def unused_parameters(header: Header, bounds: Sequence[BoundSQL], variants: Sequence[Variant]) -> list[QueryFileError]:
    """Refuse parameters that no statement binds."""
    used = {name for bound in bounds for name in bound.names}
    document = document_of(variants)
    return [
        QueryFileError(
            f"The parameter {name!r} is declared and never used.",
            place=document.key_place(("params", name)),
            advice=f"Remove it, or write :{name} where its value belongs.",
        )
        for name in header.params
        if name not in used and document is not None
    ]
