"""Jinja for SQL: a value becomes a parameter, a declared identifier a quoted name, and nothing else becomes text."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from dataclasses import dataclass, field
from typing import Any, NoReturn

from jinja2 import StrictUndefined, Template, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

MAX_CHARACTERS = 1_048_576
_BINDS = "binds of this rendering"  # no name in a template can hold a space
_ALLOWED_NODES = frozenset(
    {
        nodes.Template,
        nodes.Output,
        nodes.TemplateData,
        nodes.For,
        nodes.If,
        nodes.Name,
        nodes.Const,
        nodes.Tuple,
        nodes.List,
        nodes.Filter,
        nodes.Test,
        nodes.CondExpr,
        nodes.Compare,
        nodes.Operand,
        nodes.And,
        nodes.Or,
        nodes.Not,
        nodes.Getattr,
        nodes.Getitem,
        nodes.Slice,
        nodes.Concat,
        nodes.Add,
        nodes.Sub,
        nodes.Neg,
    }
)
_ALLOWED_FILTERS = frozenset({"abs", "default", "first", "last", "length", "lower", "sort", "trim", "unique", "upper"})
_BINDABLE = (bool, int, float, decimal.Decimal, str, bytes, dt.date, dt.time, uuid.UUID, type(None))


def quoted_identifier(name: str) -> str:
    """Quote a name for SQL, each part of `schema.table` by itself.

    Raises:
        ValueError: The name, or a part of it, is empty or holds a NUL character.
    """
    parts = name.split(".")
    if not all(parts) or "\0" in name:
        raise ValueError(f"{name!r} is no name of a table or column")
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


class _NeverText:
    """Something that must not become text on the way through a filter or `~`."""

    def __str__(self) -> NoReturn:
        raise SecurityError("an identifier is no text: write {{ name | identifier }} by itself")

    __format__ = None  # type: ignore[assignment]
    __html__ = __str__


@dataclass(frozen=True, repr=False)
class Identifier(_NeverText):
    """A name that the template's header allows for `key`, which `| identifier` turns into SQL."""

    name: str
    key: str

    def __eq__(self, other: object) -> bool:
        return self.name == (other.name if isinstance(other, Identifier) else other)

    def __hash__(self) -> int:
        return hash(self.name)


@dataclass(frozen=True, repr=False)
class _Quoted(_NeverText):
    sql: str


@dataclass
class Binds:
    """The values of one rendering, by the names of the parameters that stand for them; `taken` are names not to use."""

    taken: frozenset[str]
    values: dict[str, object] = field(default_factory=dict)
    _number: int = 0

    def add(self, value: object) -> str:
        """Keep a value and give the `:name` that stands for it."""
        name = ""
        while not name or name in self.taken:
            self._number += 1
            name = f"p{self._number}"
        self.values[name] = value
        return f":{name}"


class SQLEnvironment(ImmutableSandboxedEnvironment):
    """A sandbox without calls, macros, includes, assignments and globals."""

    def __init__(self) -> None:
        super().__init__(
            undefined=StrictUndefined, finalize=_as_sql, autoescape=False, keep_trailing_newline=True, extensions=[]
        )
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in _ALLOWED_FILTERS} | {"identifier": _identifier}

    def refused(self, tree: nodes.Template) -> tuple[int, str] | None:
        """Give line and name of the first construct that SQL templates do not have."""
        for node in tree.find_all(nodes.Node):
            if type(node) not in _ALLOWED_NODES:
                return node.lineno, type(node).__name__
        return None

    def render(self, template: Template, values: dict[str, object], binds: Binds) -> str:
        """Render a template; the values it uses are in `binds` afterwards.

        Raises:
            jinja2.TemplateError: The template uses what is undefined or forbidden.
        """
        pieces: list[str] = []
        length = 0
        for piece in template.generate({**values, _BINDS: binds}):
            length += len(piece)
            if length > MAX_CHARACTERS:
                raise SecurityError(f"the rendered SQL has more than {MAX_CHARACTERS:,} characters")
            pieces.append(piece)
        return "".join(pieces)


@pass_context  # also keeps Jinja from folding constants into the text when it compiles
def _as_sql(context: Context, value: Any) -> str:
    if isinstance(value, Undefined):
        return str(value)  # raises: a finalize function is called before Jinja looks at it
    if isinstance(value, _Quoted):
        return value.sql
    if isinstance(value, Identifier):
        raise SecurityError(f"{value.name!r} is an identifier: write {{{{ … | identifier }}}}")
    elements = value if isinstance(value, (list, tuple)) else [value]
    if not all(isinstance(element, _BINDABLE) for element in elements):
        raise SecurityError(f"a {type(value).__name__} cannot be the value of a parameter")
    binds: Binds = context.parent[_BINDS]
    return binds.add(list(value) if isinstance(value, tuple) else value)


def _identifier(value: object, key: str | None = None) -> _Quoted:
    if isinstance(value, Undefined):
        str(value)
    if not isinstance(value, Identifier):
        raise SecurityError("only what the header lists under `identifiers` can be an identifier")
    if key is not None and key != value.key:
        raise SecurityError(f"{value.name!r} comes from the identifiers {value.key!r}, not {key!r}")
    return _Quoted(quoted_identifier(value.name))
