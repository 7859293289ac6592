"""The columns of a result, as far as the text of a statement tells them."""

from __future__ import annotations

from sqlglot import exp

_LONGEST_NAME = 63


def result_columns(tree: exp.Expr) -> tuple[str, ...] | None:
    """Give the names of the columns that a query returns, as the server folds them; None where only it knows.

    It alone knows what `*` stands for and what it calls an expression without a name.
    """
    query: object = tree
    while isinstance(query, exp.SetOperation | exp.Subquery):
        query = query.this  # the first of several names the columns
    if not isinstance(query, exp.Select):
        return None
    names = [_name(each) for each in query.expressions]
    return tuple(name for name in names if name) if all(names) else None


def _name(projection: object) -> str:
    named = projection.args.get("alias") if isinstance(projection, exp.Alias) else None
    if isinstance(projection, exp.Column):
        named = projection.this
    if not isinstance(named, exp.Identifier):
        return ""
    name = str(named.this) if named.args.get("quoted") else str(named.this).lower()
    return name if len(name.encode()) <= _LONGEST_NAME else ""
