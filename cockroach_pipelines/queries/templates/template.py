"""SQL templates: statements whose shape depends on values, with real parameters all the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from jinja2 import Template, TemplateError, TemplateSyntaxError, meta, nodes

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.errors import ParameterError, QueryFileError, combine
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.files.sql_file import read_text
from cockroach_pipelines.queries.headers.models import Header, TemplateHeader
from cockroach_pipelines.queries.headers.parameter_types import ParameterSpec
from cockroach_pipelines.queries.headers.reading import read_header
from cockroach_pipelines.queries.parsing.lexing import lex
from cockroach_pipelines.queries.parsing.parameters import BoundSQL, bind_positions, refuse_unknown
from cockroach_pipelines.queries.parsing.parser import ParsedSQL, SQLParser
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.query import Query, QueryKind
from cockroach_pipelines.queries.templates.sandbox import Binds, Identifier, SQLEnvironment, quoted_identifier

_NAMED = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)")
_MARKUP = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_WORD_AROUND = re.compile(r"\w")
_ALONE = "Remove what is around {{ … }}: a value becomes a parameter, and an identifier is quoted by itself."
_ENVIRONMENT = SQLEnvironment()


@dataclass(frozen=True)
class RenderedTemplate:
    """SQL with `:name` parameters, and the value of each."""

    sql: str
    values: Mapping[str, object]
    source: SourceText

    @cached_property
    def bound(self) -> BoundSQL:
        """The SQL for the driver."""
        return bind_positions(self.source)

    @cached_property
    def parsed(self) -> ParsedSQL:
        """What is known of the SQL; places are those of the rendered text.

        Raises:
            QueryFileError: It cannot be read.
        """
        return SQLParser().parse(self.source)

    def as_query(self, path: Path, header: TemplateHeader) -> Query:
        """Give the SQL as a report named after its template; its parameters have their values as defaults."""
        params = {
            name: ParameterSpec.model_construct({"default"}, type="text", default=value, description="")
            for name, value in self.values.items()
        }
        own = Header(
            connection=header.connection,
            timeout=header.timeout,
            retries=header.retries,
            as_of=header.as_of,
            special=header.special,
        )
        statement = Statement(path, self.bound, self.parsed, fingerprint="")
        return Query(
            name=f"templates/{path.name.removesuffix('.sql')}",
            kind=QueryKind.REPORTING,
            header=own.model_copy(update={"params": params}),
            statements={None: statement},
            checks={},
            code_version="",
            description=header.description or "",
        )

    def arranged(self) -> list[object]:
        """Give the values in the order of the `?` of `bound`."""
        return self.bound.arrange({name: self.values[name] for name in self.bound.names})


class SQLTemplate:
    """A file of `sql/templates`: SQL with `{{ value }}`, `{% if … %}`, `{% for … %}` and `{{ name | identifier }}`.

    Its header, `/* @template … */`, declares `params` as a query's does, and under `identifiers` the names that each
    identifier may take. A value becomes a parameter of the statement, never text.

    Args:
        path: The file.

    Raises:
        QueryFileError: The file, its header or the template in it is wrong.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        read = read_header(SourceText(path, read_text(path)), TemplateHeader)
        if read.header is None:
            raise combine(read.problems)
        self.name = path.name.removesuffix(".sql")
        self.header = read.header
        self._source = read.statement
        self._document = read.document
        self._template = self._compiled()

    @property
    def description(self) -> str:
        """What the header says of the template."""
        return self.header.description or ""

    def render(self, values: Mapping[str, object]) -> RenderedTemplate:
        """Give the SQL for some values; parameters that are not given have their defaults.

        Raises:
            ParameterError: A value is unknown, missing, of the wrong type, or a name that is not allowed.
            QueryFileError: The template fails with these values.
        """
        refuse_unknown(values, (*self.header.params, *self.header.identifiers))
        given = {**self._parameters(values), **self._identifiers(values)}
        binds = Binds(frozenset(_NAMED.findall(self._source.text)) | frozenset(self.header.params))
        try:
            sql = _ENVIRONMENT.render(self._template, given, binds)
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise QueryFileError(
                f"The template fails: {str(error).removesuffix('.')}.",
                place=self._failing_place(error),
                advice="Compare it with the values.",
            ) from error
        source = SourceText(f"{self.path} (rendered)", sql)
        lexed = lex(source)
        found = {bind.name for bind in lexed.binds}
        if hidden := [name for name in binds.values if name not in found]:
            raise QueryFileError(
                f"The value {binds.values[hidden[0]]!r} stands in a string or comment of the rendered SQL.",
                place=Place(self.path, self._line(1), 1),
                advice="Remove the quotes around {{ … }}: a value becomes a parameter.",
            )
        named = {name: given[name] for name in found if name in self.header.params}
        return RenderedTemplate(sql, {**named, **binds.values}, source)

    def _parameters(self, values: Mapping[str, object]) -> dict[str, object]:
        converted: dict[str, object] = {}
        for name, spec in self.header.params.items():
            if name not in values and spec.required:
                raise ParameterError(
                    f"The parameter {name!r} has no value.", advice=f"Give it one of type {spec.type}."
                )
            converted[name] = spec.convert(values[name]) if name in values else spec.default
        return converted

    def _identifiers(self, values: Mapping[str, object]) -> dict[str, object]:
        chosen: dict[str, object] = {}
        for name, allowed in self.header.identifiers.items():
            if name not in values:
                raise ParameterError(
                    f"The identifier {name!r} has no value.", advice=f"Give one of {', '.join(allowed)}."
                )
            value = values[name]
            if isinstance(value, (list, tuple)):
                chosen[name] = [_allowed(each, name, allowed) for each in value]
            else:
                chosen[name] = _allowed(value, name, allowed)
        return chosen

    def _compiled(self) -> Template:
        text = self._source.text
        try:
            tree = _ENVIRONMENT.parse(text, filename=str(self.path))
            template = _ENVIRONMENT.from_string(tree)
        except TemplateSyntaxError as error:
            raise self._error(
                error.lineno, f"The template is wrong: {(error.message or '').removesuffix('.')}."
            ) from error
        problems = [
            *self._wrong_names(tree),
            *self._constants(tree),
            *self._quoted_values(),
            *self._wrong_identifiers(),
        ]
        if refused := _ENVIRONMENT.refused(tree):
            line, construct = refused
            problems.append(
                self._error(line, f"SQL templates have no {construct}.", "Use values, if, for and identifiers.")
            )
        if problems:
            raise combine(problems)
        return template

    def _wrong_names(self, tree: nodes.Template) -> list[QueryFileError]:
        declared = {*self.header.params, *self.header.identifiers}
        used = meta.find_undeclared_variables(tree)
        in_sql = set(_NAMED.findall(self._source.text))
        lines = {node.name: node.lineno for node in reversed(list(tree.find_all(nodes.Name)))}
        problems = []
        for name in sorted(used - declared):
            hint = did_you_mean(name, declared)
            advice = hint if hint.startswith("Did") else f"Declare it: `params: {{{name}: text}}`."
            problems.append(self._error(lines.get(name, 1), f"{name!r} is not declared in the header.", advice))
        for name in sorted(declared - used - in_sql):
            section = "params" if name in self.header.params else "identifiers"
            place = self._document.key_place((section, name)) if self._document else Place(self.path)
            problems.append(
                QueryFileError(f"{name!r} is declared and never used.", place=place, advice="Remove it, or use it.")
            )
        return problems

    def _constants(self, tree: nodes.Template) -> list[QueryFileError]:
        """Find `{{ ", " }}`: the author means text, and would get a parameter."""
        printed = [node for output in tree.find_all(nodes.Output) for node in output.nodes]
        branches = [part for node in printed if isinstance(node, nodes.CondExpr) for part in (node.expr1, node.expr2)]
        return [
            self._error(
                node.lineno,
                f"{{{{ {node.value!r} }}}} would become a parameter, not text.",
                "Write the text without braces, within {% if … %} where it depends on something.",
            )
            for node in (*printed, *branches)
            if isinstance(node, nodes.Const) and isinstance(node.value, str)
        ]

    def _quoted_values(self) -> list[QueryFileError]:
        """Find `'{{ value }}'` before anything is rendered, as far as the template can be read as SQL."""

        def neutral(markup: re.Match[str]) -> str:
            shown = markup.group()
            return f":{'z' * (len(shown) - 1)}" if shown.startswith("{{") else re.sub(r"[^\r\n]", " ", shown)

        text = self._source.text
        try:
            lexed = lex(SourceText(self.path, _MARKUP.sub(neutral, text)))
        except QueryFileError:
            return []  # quotes that only some branches close: rendering looks again
        visible = {bind.start for bind in lexed.binds}
        problems = []
        for markup in _MARKUP.finditer(text):
            if not markup.group().startswith("{{"):
                continue
            if markup.start() not in visible:
                message = "This value stands in a string, a quoted name or a comment."
            elif _WORD_AROUND.search(text[max(markup.start() - 1, 0) : markup.start()] + text[markup.end() :][:1]):
                message = "This value is part of a word."
            else:
                continue
            problems.append(QueryFileError(message, place=self._source.place(markup.start()), advice=_ALONE))
        return problems

    def _wrong_identifiers(self) -> list[QueryFileError]:
        problems = []
        for name, allowed in self.header.identifiers.items():
            for index, each in enumerate(allowed):
                try:
                    quoted_identifier(each)
                except ValueError as error:
                    place = self._document.place(("identifiers", name, index)) if self._document else Place(self.path)
                    problems.append(QueryFileError(f"`identifiers.{name}`: {error}.", place=place))
        return problems

    def _line(self, line: int) -> int:
        """Give the line of the file for a line of the template, both from 1."""
        return (self._source.place(0).line or 1) + line - 1

    def _error(self, line: int, message: str, advice: str = "") -> QueryFileError:
        return QueryFileError(message, place=Place(self.path, self._line(line), 1), advice=advice)

    def _failing_place(self, error: Exception) -> Place:
        """Give the line of the template in which rendering failed: Jinja names it in the traceback."""
        line = 1
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "<template>":
                line = trace.tb_lineno
            trace = trace.tb_next
        return Place(self.path, self._line(line), 1)


def _allowed(value: object, key: str, allowed: tuple[str, ...]) -> Identifier:
    if isinstance(value, str) and value in allowed:
        return Identifier(value, key)
    raise ParameterError(f"{value!r} is not allowed for {key!r}.", advice=did_you_mean(str(value), allowed))
