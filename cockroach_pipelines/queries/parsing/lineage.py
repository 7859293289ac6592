"""Which columns of which tables each column of a result is made of."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, to_node
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, build_scope
from sqlglot.schema import MappingSchema

from cockroach_pipelines.queries.parsing.parser import SQLParser
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.parsing.table_names import TableName
from cockroach_pipelines.queries.parsing.tables import table_name

_DIALECT = "postgres"
_DEFAULT_SCHEMA = "public"


@dataclass(frozen=True, order=True)
class ColumnOrigin:
    """A column of a table that something else is made of."""

    table: TableName
    column: str


def column_origins(
    statement: Statement, columns: Mapping[TableName, Sequence[str]]
) -> dict[str, tuple[ColumnOrigin, ...]]:
    """Give for each column of a query's result, or of the table that INSERT and CREATE TABLE AS fill, what it is made of.

    Columns whose origin cannot be told are left out; so is everything of a statement that is neither.

    Args:
        statement: The statement of a file.
        columns: The columns of tables as far as they are known, in order. What `*` stands for, and whose an unqualified
            column is among several tables, follows from them alone.
    """
    tree = SQLParser().tree(statement.bound.source)
    query, target = _query_and_target(tree)
    if query is None:
        return {}
    known = {table.canonical: list(names) for table, names in columns.items()}
    names = _target_names(target, known) if target is not None else None
    if names == []:
        return {}
    try:
        with _quiet():
            return _origins(query, known, names)
    except (SqlglotError, ValueError, RecursionError):
        return {}  # the server knows better than the library what is allowed here


def _query_and_target(tree: exp.Expr | None) -> tuple[exp.Query | None, exp.Expr | None]:
    if isinstance(tree, exp.Insert | exp.Create):
        query = tree.args.get("expression")
        if isinstance(query, exp.Query) and tree.args.get("with_") and not query.args.get("with_"):
            query.set("with_", tree.args["with_"])
        return (query, tree.this) if isinstance(query, exp.Query) else (None, None)
    return (tree, None) if isinstance(tree, exp.Query) else (None, None)


def _target_names(target: exp.Expr, known: Mapping[TableName, list[str]]) -> list[str]:
    """Give the columns that are filled, in order; none where nothing says them."""
    if isinstance(target, exp.Schema):
        named = [each.this if isinstance(each, exp.ColumnDef) else each for each in target.expressions]
        return [_folded(each) for each in named if isinstance(each, exp.Identifier)]
    return known.get(table_name(target).canonical, []) if isinstance(target, exp.Table) else []


def _origins(
    query: exp.Query, known: Mapping[TableName, list[str]], names: list[str] | None
) -> dict[str, tuple[ColumnOrigin, ...]]:
    for table in query.find_all(exp.Table):
        table.set("catalog", None)  # within one statement tables are told apart without it
    by_schema: dict[str, dict[str, object]] = {}
    for named, columns in known.items():
        by_schema.setdefault(named.schema, {})[named.name] = dict.fromkeys(columns, "text")
    schema = MappingSchema(dict(by_schema), dialect=_DIALECT, normalize=False)
    qualified = qualify(
        query, dialect=_DIALECT, db=_DEFAULT_SCHEMA, schema=schema, validate_qualify_columns=False, identify=True
    )
    scope = build_scope(qualified)
    if not isinstance(scope, Scope):
        return {}
    selected = qualified.selects
    if any(each.is_star for each in selected):
        return {}
    targets = names or [each.alias_or_name for each in selected]
    found = {}
    for position, name in enumerate(targets[: len(selected)]):
        node = to_node(position, scope, _DIALECT, schema=schema, trim_selects=False)
        origins = sorted(set(_leaves(node)))
        if name and origins:
            found[name] = tuple(origins)
    return found


def _leaves(node: Node) -> Iterator[ColumnOrigin]:
    for each in node.walk():
        if not each.downstream and isinstance(each.expression, exp.Table) and each.name != "*":
            column = parse_one(each.name)
            if isinstance(column, exp.Column) and not isinstance(column.this, exp.Star):
                yield ColumnOrigin(table_name(each.expression), column.name)


def _folded(name: exp.Identifier) -> str:
    return str(name.this) if name.args.get("quoted") else str(name.this).lower()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep sqlglot from warning of what it cannot follow: such a column has no known origin."""
    logger = logging.getLogger("sqlglot")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
