"""The `/* @asset … */` comment that begins a SQL file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.database.special import SPECIALS
from cockroach_pipelines.queries.errors import QueryFileError
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.files.yaml_document import Path, YAMLDocument, read_yaml
from cockroach_pipelines.queries.headers.check_rules import Check
from cockroach_pipelines.queries.headers.checks import Checks
from cockroach_pipelines.queries.headers.maintenance import MAINTENANCE_KEYS, MaintenanceHeader
from cockroach_pipelines.queries.headers.models import Header, TemplateHeader
from cockroach_pipelines.queries.headers.monitor import MONITOR_KEYS
from cockroach_pipelines.queries.headers.reconciliation import RECONCILIATION_KEYS, ReconciliationHeader
from cockroach_pipelines.queries.headers.reporting.report import REPORTING_KEYS, ReportingHeader
from cockroach_pipelines.queries.headers.schedules import without_slash_star
from cockroach_pipelines.queries.headers.values import KEYS_BELOW
from cockroach_pipelines.queries.parsing.lexing import comment_end

_MARKERS: dict[type[BaseModel], str] = {
    Header: "asset",
    ReconciliationHeader: "asset",
    MaintenanceHeader: "asset",
    ReportingHeader: "asset",
    TemplateHeader: "template",
}
# What files of a kind are called, their folder, and the keys that they alone have.
_KEYS_OF_KINDS = (
    ("reports", "reporting", REPORTING_KEYS),
    ("reconciliations", "reconciliation", RECONCILIATION_KEYS),
    ("maintenance", "maintenance", MAINTENANCE_KEYS),
    ("monitors", "maintenance", MONITOR_KEYS),
)

_LEADING = re.compile(r"(?:\s+|--[^\r\n]*)*")
_LINE_MARKER = re.compile(r"--+[ \t]*@(asset|template)\b")
_COMMENT_MARKER = re.compile(r"/\*+[ \t]*@([A-Za-z_]+)")
_EXPECTED = {
    "string_type": "text",
    "dict_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "tuple_type": "a list",
    "list_type": "a list",
    "float_type": "a number",
    "float_parsing": "a number",
    "greater_than": "a number above 0",
}

HeaderModel = TypeVar("HeaderModel", bound=BaseModel)


@dataclass(frozen=True)
class ReadHeader(Generic[HeaderModel]):
    """A header with its problems and where the statement begins after it.

    `header` is the model's default where the file has none, and None when it has problems. `document` holds the places.
    """

    header: HeaderModel | None
    document: YAMLDocument | None
    statement: SourceText
    problems: tuple[QueryFileError, ...] = ()


def read_header(
    source: SourceText, model: type[HeaderModel], defaults: Mapping[str, object] = MappingProxyType({})
) -> ReadHeader[HeaderModel]:
    """Read the header of a file; everything that is wrong with it is in `problems`, in the order of the file.

    Args:
        source: The file.
        model: What the header is.
        defaults: What holds where it is silent; see `header_defaults`.
    """
    marker = _MARKERS[model]
    try:
        found = _find(source, marker)
    except QueryFileError as error:
        return ReadHeader(None, None, source, (error,))
    if found is None:
        return ReadHeader(model.model_validate(dict(defaults)), None, source)
    yaml_source, end = found
    document = read_yaml(yaml_source)
    problems = list(document.problems)
    header = None
    if not problems or document.values:
        try:
            header = model.model_validate(_with_defaults(document.values, defaults))
        except ValidationError as error:
            unreadable = {problem.place for problem in problems}
            found_wrong = [_problem(details, document, model) for details in error.errors(include_url=False)]
            problems += [problem for problem in found_wrong if problem.place not in unreadable]
    if document.is_blank(("special",)):
        path = ("special",)
        problems.append(_wrong(path, f"has no value. Write one of {', '.join(SPECIALS)}", document.place(path)))
    problems.sort(key=lambda problem: (problem.place.line or 0, problem.place.column or 0))
    return ReadHeader(None if problems else header, document, source.part(end), tuple(problems))


def reasons(error: ValidationError) -> Iterator[tuple[Path, str, str]]:
    """Give for each value that is wrong its key, what is wrong, and how to mend it, where no file holds them."""
    for details in error.errors(include_url=False):
        path = tuple(part for part in details["loc"] if part != "[key]")
        reason = _reason(details)
        if details["type"] == "at_key":
            context = details.get("ctx", {})
            path, reason = (*path, str(context["key"])), str(context["text"])
        message, _, advice = reason.partition(". ")
        yield path, message.removesuffix("."), advice


def _with_defaults(values: Mapping[str, Any], defaults: Mapping[str, object]) -> dict[str, Any]:
    merged = {**defaults, **values}
    shared, own = defaults.get("tags"), values.get("tags")
    if isinstance(shared, Mapping) and isinstance(own, Mapping):
        merged["tags"] = {**shared, **own}
    return merged


def _find(source: SourceText, marker: str) -> tuple[SourceText, int] | None:
    text = source.text
    position = 0
    while True:
        leading = _LEADING.match(text, position)
        start = leading.end() if leading else position
        if line := _LINE_MARKER.search(text, position, start):
            raise QueryFileError(
                f"`-- @{line[1]}` is no header.",
                place=source.place(line.start()),
                advice=f"Write it as a block: `/* @{marker}`, the keys line by line, and `*/` on a line of its own.",
            )
        if not text.startswith("/*", start):
            _refuse_late_header(source, start, marker)
            return None
        opening = _COMMENT_MARKER.match(text, start)
        if opening is None:
            end = comment_end(text, start)
            if end is None:
                return None  # the tokeniser reports it
            position = end
            continue
        if opening[1] != marker:
            raise _wrong_marker(source, opening, marker)
        return _body(source, opening)


def _refuse_late_header(source: SourceText, start: int, marker: str) -> None:
    late = re.compile(rf"^[ \t]*/\*+[ \t]*@{marker}\b", re.MULTILINE).search(source.text, start)
    if late:
        raise QueryFileError(
            "The header stands after the statement has begun.",
            place=source.place(late.end() - len(marker) - 1),
            advice="Move it to the top of the file.",
        )


def _wrong_marker(source: SourceText, opening: re.Match[str], marker: str) -> QueryFileError:
    place = source.place(opening.start(1) - 1)
    if opening[1] in _MARKERS.values():
        folder = {"asset": "sql/queries", "template": "sql/templates"}[opening[1]]
        return QueryFileError(
            f"A header of kind @{opening[1]} belongs below {folder}.", place=place, advice=f"Write @{marker} here."
        )
    hint = did_you_mean(f"@{opening[1]}", [f"@{marker}"])
    return QueryFileError(f"@{opening[1]} is no kind of header.", place=place, advice=hint)


def _body(source: SourceText, opening: re.Match[str]) -> tuple[SourceText, int]:
    text = source.text
    close = text.find("*/", opening.end())
    if close < 0:
        raise QueryFileError(
            "The header never ends.",
            place=source.place(opening.start()),
            advice="Close it with `*/` on a line of its own.",
        )
    nested = text.find("/*", opening.end(), close)
    if nested >= 0:
        raise QueryFileError(
            "`/*` within the header begins a comment inside the comment.",
            place=source.place(nested),
            advice="Databases nest comments, so the header would end elsewhere: write the value without `/*`.",
        )
    _refuse_early_end(source, opening.end(), close)
    return source.part(opening.end(), close), close + 2


def _refuse_early_end(source: SourceText, start: int, close: int) -> None:
    text = source.text
    begun = text[text.rfind("\n", start, close) + 1 : close]
    rest = re.compile(r"[^\r\n]*").match(text, close + 2)
    following = rest.group() if rest else ""
    another = re.compile(r"^[^\S\r\n]*\*/", re.MULTILINE).search(text, close + 2)
    header_goes_on = another is not None and "/*" not in text[close + 2 : another.start()]
    if not (re.match(r"[\d,*\"'\]}]", following) or (header_goes_on and begun.strip())):
        return
    advice = "Write the value without `*/`."
    key, _, value = begun.partition(":")
    if key.strip() == "cron":
        proposal = without_slash_star(_cron_text(value, following))
        advice = f"Write {proposal} instead." if proposal else "Write every: 15m, or the minutes one by one."
    raise QueryFileError(
        "The `*/` in this value ends the SQL comment, and with it the header.", place=source.place(close), advice=advice
    )


def _cron_text(before: str, after: str) -> str:
    value = f"{before.lstrip()}*/{after.rstrip()}"
    quoted = re.match(r"""(["'])(.*?)\1""", value)
    return quoted[2] if quoted else value.split(" #")[0]


def _problem(details: ErrorDetails, document: YAMLDocument, model: type[BaseModel]) -> QueryFileError:
    path = _as_written(tuple(part for part in details["loc"] if part != "[key]"), document)
    kind, context = details["type"], details.get("ctx", {})
    key = path[-1] if path else ""
    if kind == "at_name":
        return _wrong(path[:-1], str(context["text"]), document.key_place(path))
    if kind == "extra_forbidden" and issubclass(model, Header) and len(path) == 1:
        for files, folder, keys in _KEYS_OF_KINDS:
            if key in keys:
                return QueryFileError(
                    f"`{key}` is for {files}.",
                    place=document.key_place(path),
                    advice=f"Remove it, or move the file below sql/queries/{folder}.",
                )
    if kind == "extra_forbidden":
        hint = did_you_mean(str(key), _known_keys(model, path[:-1], document))
        where = f" of {'.'.join(map(str, path[:-1]))}" if path[:-1] else ""
        return QueryFileError(f"Unknown key {key!r}{where}.", place=document.key_place(path), advice=hint)
    if kind == "missing":
        return QueryFileError(
            f"`{'.'.join(map(str, path))}` is missing.", place=document.key_place(path[:-1]), advice=f"Add `{key}: …`."
        )
    if kind == "at_key":
        below = (int(part) if part.isdecimal() else part for part in str(context["key"]).split(KEYS_BELOW))
        at = _as_written((*details["loc"], *below), document)
        return _wrong(at, str(context["text"]), document.key_place(at))
    if details["loc"][-1:] == ("[key]",):
        return _wrong(path[:-1], _reason(details), document.key_place(path))
    return _wrong(path, _reason(details), document.place(path))


def _as_written(path: Path, document: YAMLDocument) -> Path:
    """Give the way to a value as the file has it: where a short form was read as a longer one, less is written."""
    written: Path = ()
    for part in path[:-1]:
        if document.has((*written, part), container=isinstance(part, int)):
            written = (*written, part)
        elif isinstance(part, int) and document.has((*written, str(part))):  # a key that is a number
            written = (*written, str(part))
    last = path[-1] if path else ""
    in_mapping = isinstance(last, int) and document.has(written, container=True) and not document.has((*written, last))
    return written if in_mapping else (*written, *path[-1:])


def _wrong(path: Path, reason: str, place: Place) -> QueryFileError:
    message, _, advice = reason.partition(". ")
    return QueryFileError(f"`{'.'.join(map(str, path))}`: {message.removesuffix('.')}.", place=place, advice=advice)


def _reason(details: ErrorDetails) -> str:
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    if kind == "value_error":
        return str(context["error"])
    if kind in ("enum", "literal_error"):
        allowed = [word.strip("' ") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        hint = did_you_mean(str(value), allowed)
        return f"{str(value)!r} is none of {', '.join(allowed)}. {hint if hint.startswith('Did') else ''}".strip()
    expected = _EXPECTED.get(kind)
    if expected is None:
        return details["msg"]
    quotes = "; put it in quotes" if kind == "string_type" and not isinstance(value, (dict, list, type(None))) else ""
    return f"expected {expected}, found {_described(value)}{quotes}"


def _described(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {str(value).lower()}"
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case str():
            return f"the text {value!r}"
        case _ if hasattr(value, "isoformat"):
            return f"the date {value}"
        case _:
            return f"the number {value}"


def _known_keys(model: type[BaseModel], path: Path, document: YAMLDocument) -> Iterable[str]:
    for depth, part in enumerate(path, 1):
        field = next((field for name, field in model.model_fields.items() if part in (name, field.alias)), None)
        given = document.value(path[:depth])
        inner: list[type[BaseModel]] = list(_models_in(field.annotation)) if field else []
        if model is Checks and field is None:
            inner = [Check]
        if inner and isinstance(given, dict):  # of several forms the one that most of its keys are of
            model = max(inner, key=lambda each: len(given.keys() & set(_keys(each))))
    return _keys(model)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        for part in getattr(annotation, "__args__", ()):
            yield from _models_in(part)
