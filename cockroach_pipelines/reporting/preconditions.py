"""What a report's header asks of its rows and of this machine, looked at before a long statement runs for nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

import pyarrow as pa

from cockroach_pipelines.config import ConfigurationError
from cockroach_pipelines.execution import Destination, is_unscaled_numeric
from cockroach_pipelines.queries import Query
from cockroach_pipelines.queries.headers.reporting import ReportFormat, ReportRules
from cockroach_pipelines.queries.loading import place_in_header, refuse_unknown_columns
from cockroach_pipelines.reporting.errors import ReportError
from cockroach_pipelines.reporting.values import is_number


def refuse_missing_packages(query: Query) -> None:
    """Look whether this machine can write what the header asks for, and reach the file systems that it names.

    Raises:
        ConfigurationError: It lacks a package; the place is that of the header.
    """
    rules = query.report or ReportRules()
    try:
        if ReportFormat.PDF in rules.formats:
            require_weasyprint()
    except ConfigurationError as error:
        error.place = place_in_header(query.path, ("report", "formats"))
        raise
    for number, rule in enumerate(rules.deliver):
        try:
            if rule.place is not None:
                Destination.of(f"{rule.place.rstrip('/')}/file")
        except ConfigurationError as error:
            error.place = place_in_header(query.path, ("report", "deliver", number, "to"))
            raise


def require_weasyprint() -> None:
    """Look whether WeasyPrint is there, with the libraries of the system that it needs.

    Raises:
        ConfigurationError: It is not.
    """
    if importlib.util.find_spec("weasyprint") is None:
        raise ConfigurationError(
            "A report as PDF needs WeasyPrint, which is not installed.",
            advice="Install it: pip install 'cockroach_pipelines[pdf]'; or remove pdf from `formats`.",
        )
    try:
        import weasyprint  # noqa: F401
    except OSError as error:
        raise ConfigurationError(
            f"WeasyPrint finds no Pango on this machine: {error}.",
            advice="Install it (Debian: libpango-1.0-0 and libpangoft2-1.0-0), or remove pdf from `formats`.",
        ) from error


def refuse_unfit_columns(query: Query, schemas: Mapping[str, pa.Schema]) -> None:
    """Look whether the results have the columns that the header speaks of, of types that it can be done with.

    Args:
        query: The report.
        schemas: What the server says that each statement gives, by its name; that of the first statement first.

    Raises:
        QueryFileError: There is no such column; the place is that of the header.
        ReportError: It holds no numbers where they are needed, or nothing tells rows apart that are compared.
    """
    refuse_unknown_columns(query, {name: schema.names for name, schema in schemas.items()})
    rules = query.report or ReportRules()
    first = next(iter(schemas))
    for key, kpi in rules.kpis.items():
        schema = schemas[kpi.of or first]
        for aggregate in kpi.figure.aggregates:
            if aggregate.column and aggregate.function in ("sum", "mean"):
                field = schema.field(aggregate.column)
                if not _holds_numbers(field):
                    raise ReportError(
                        f"{aggregate} needs numbers, and {aggregate.column!r} is {_type(field)}.",
                        place=place_in_header(query.path, ("report", "kpis", key, "value")),
                        advice="Cast the column in the statement, or name another one.",
                    )
    for name, column in rules.columns.items():
        fields = [schema.field(name) for schema in schemas.values() if name in schema.names]
        if column.alert and fields and not any(map(_holds_numbers, fields)):
            raise ReportError(
                f"An alert needs numbers, and {name!r} is {_type(fields[0])}.",
                place=place_in_header(query.path, ("report", "columns", name, "alert")),
                advice="Cast the column in the statement, or remove the alert.",
            )
    compare = rules.compare
    by_text = compare and compare.by is None and rules.compares_rows
    if by_text and not any(pa.types.is_string(field.type) and not _holds_numbers(field) for field in schemas[first]):
        raise ReportError(
            "No column of text tells the rows apart that are compared.",
            place=place_in_header(query.path, ("report", "compare")),
            advice="Say which columns do: `compare: {to: …, by: [...]}`.",
        )


def _holds_numbers(field: pa.Field) -> bool:
    return is_number(field.type) or is_unscaled_numeric(field)


def _type(field: pa.Field) -> str:
    """Give the server's name of a type, where it said one."""
    said: dict[bytes, bytes] = field.metadata or {}
    return said[b"pg.type"].decode() if b"pg.type" in said else str(field.type)
