"""Which tables a parsed statement reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlglot import exp

from cockroach_pipelines.queries.parsing.table_names import TableName

_WRITING = (exp.Insert, exp.Update, exp.Delete, exp.Merge)
_LOOKED_AT = (*_WRITING, exp.Into, exp.TruncateTable, exp.Create, exp.Alter, exp.Drop, exp.Table, exp.Lock)
_WRITTEN_BY_DDL = frozenset({"TABLE", "VIEW", "MATERIALIZED VIEW"})


@dataclass
class TableUse:
    """Tables read and written, and what of a statement a read-only session would refuse, in the words of SQL."""

    read: set[TableName] = field(default_factory=set)
    written: set[TableName] = field(default_factory=set)
    writes: list[str] = field(default_factory=list)


def table_use(tree: exp.Expr) -> TableUse:
    """Look through a tree for tables; names of common table expressions, where they are seen, are none."""
    use = TableUse()
    targets: set[int] = set()
    tables: list[exp.Table] = []
    for node in tree.find_all(*_LOOKED_AT):
        for target in _targets(node, use):
            targets.add(id(target))
            use.written.add(table_name(target))
        if isinstance(node, exp.Table):
            tables.append(node)
        elif isinstance(node, exp.Lock):
            use.writes.append("FOR UPDATE" if node.args.get("update") else "FOR SHARE")
    for table in tables:
        # A function in FROM has no name of its own, and FOR UPDATE OF names an alias.
        named = isinstance(table.this, exp.Identifier) and not isinstance(table.parent, exp.Lock)
        if named and id(table) not in targets and not _is_common_table_expression(table):
            use.read.add(table_name(table))
    if isinstance(tree, (exp.Create, exp.Alter, exp.Drop, exp.TruncateTable, exp.Comment, exp.Grant, exp.Revoke)):
        query = tree.args.get("expression") if isinstance(tree, exp.Create) else None
        use.read = table_use(query).read if isinstance(query, exp.Query) else set()
    return use


def _targets(node: exp.Expr, use: TableUse) -> Iterator[exp.Table]:
    target: object = None
    if isinstance(node, _WRITING) and isinstance(node.parent, exp.When):
        return  # an action of MERGE, whose table is MERGE's own
    if isinstance(node, _WRITING):
        use.writes.append(node.key.upper())
        target = node.this
    elif isinstance(node, exp.Into):
        use.writes.append("INTO")
        target = node.this
    elif isinstance(node, exp.TruncateTable):
        yield from (table for table in node.expressions if isinstance(table, exp.Table))
    elif isinstance(node, exp.Create) and str(node.args.get("kind", "")).upper() in _WRITTEN_BY_DDL:
        target = node.this
    elif isinstance(node, (exp.Alter, exp.Drop)) and str(node.args.get("kind", "")).upper() in _WRITTEN_BY_DDL:
        yield from (table for table in node.args.get("tables") or () if isinstance(table, exp.Table))
        target = node.this
    if isinstance(target, exp.Schema):
        target = target.this
    if isinstance(target, exp.Table):
        yield target


def table_name(table: exp.Table) -> TableName:
    """Give the name of a table in a tree, as the server folds it."""
    parts = [_folded(table.args.get(key)) for key in ("catalog", "db", "this")]
    return TableName(*parts)


def _folded(part: object) -> str:
    if not isinstance(part, exp.Identifier):
        return str(part) if part is not None else ""
    return str(part.this) if part.args.get("quoted") else str(part.this).lower()


def _is_common_table_expression(table: exp.Table) -> bool:
    if table.args.get("db"):
        return False
    name = _folded(table.this)
    child: exp.Expr = table
    while (parent := child.parent) is not None:
        if isinstance(parent, exp.With):
            visible = (
                parent.expressions if parent.args.get("recursive") else parent.expressions[: _index(parent, child)]
            )
            if name in {_alias(expression) for expression in visible}:
                return True
            child = parent
            if parent.parent is None:
                return False
            child = parent.parent  # this WITH has been looked at: go on above its statement
            continue
        with_ = parent.args.get("with_")
        if isinstance(with_, exp.With) and with_ is not child and name in {_alias(each) for each in with_.expressions}:
            return True
        child = parent
    return False


def _index(with_: exp.With, child: exp.Expr) -> int:
    return next((index for index, each in enumerate(with_.expressions) if each is child), 0)


def _alias(expression: exp.Expr) -> str:
    alias = expression.args.get("alias")
    return _folded(alias.this) if isinstance(alias, exp.TableAlias) else ""
