"""DELETE and UPDATE that touch every row: without a WHERE, or with one that no row fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.simplify import simplify


@dataclass(frozen=True)
class Unfiltered:
    """A DELETE or UPDATE of every row, and why it is one."""

    what: str
    why: str


def unfiltered(tree: exp.Expr) -> Iterator[Unfiltered]:
    """Give each DELETE and UPDATE of a statement that touches every row of its table."""
    for node in tree.find_all(exp.Delete, exp.Update):
        where = node.args.get("where")
        if isinstance(node.parent, exp.When) or node.args.get("limit"):
            continue  # MERGE joins, and LIMIT bounds
        if where is None:
            yield Unfiltered(node.key.upper(), "has no WHERE")
        elif is_always_true(where.this):
            yield Unfiltered(node.key.upper(), "has a WHERE that is always true")


def is_always_true(condition: exp.Expr) -> bool:
    """Whether no row fails a condition: what compares constants, or a value with itself (NULL aside)."""
    try:
        folded = simplify(condition.copy())
    except SqlglotError:  # what cannot be folded is judged as it stands
        folded = condition
    return _is_true(folded) or _is_true(condition)


def _is_true(node: exp.Expr | None) -> bool:
    node = node.unnest() if node is not None else None
    match node:
        case exp.Boolean():
            return bool(node.this)
        case exp.And():
            return _is_true(node.left) and _is_true(node.right)
        case exp.Or():
            return _is_true(node.left) or _is_true(node.right) or _exclude_each_other(node.left, node.right)
        case exp.Not():
            return _is_false(node.this)
        case exp.Between():
            return bool(node.this == node.args["low"] == node.args["high"])
        case exp.In():
            return node.this in node.expressions
        case exp.Like() | exp.ILike():
            pattern = node.expression
            return isinstance(pattern, exp.Literal) and set(pattern.name) == {"%"}
        case exp.Exists():
            return isinstance(node.this, exp.Select) and not {"from_", "where", "limit"} & _given(node.this)
        case exp.Is():
            return _says_true(node)
        case exp.EQ() | exp.GTE() | exp.LTE() | exp.NullSafeEQ():
            return bool(node.this == node.expression)
        case _:
            return False


def _is_false(node: exp.Expr | None) -> bool:
    node = node.unnest() if node is not None else None
    match node:
        case exp.Boolean():
            return not node.this
        case exp.Not():
            return _is_true(node.this)
        case exp.NEQ() | exp.GT() | exp.LT() | exp.NullSafeNEQ():
            return bool(node.this == node.expression)
        case exp.And():
            return _is_false(node.left) or _is_false(node.right)
        case exp.Or():
            return _is_false(node.left) and _is_false(node.right)
        case _:
            return False


def _says_true(node: exp.Is) -> bool:
    """Whether `… IS [NOT] TRUE`, FALSE or NULL holds for every row."""
    negated = bool(node.args.get("negate"))
    if isinstance(node.expression, exp.Boolean):
        wanted = bool(node.expression.this) is not negated
        return _is_true(node.this) if wanted else _is_false(node.this)
    return negated and isinstance(node.expression, exp.Null) and isinstance(node.this, exp.Literal | exp.Boolean)


def _exclude_each_other(left: exp.Expr, right: exp.Expr) -> bool:
    """Whether one side says the opposite of the other: `a OR NOT a`, `a IS NULL OR a IS NOT NULL`, `a < b OR a >= b`."""
    first, second = left.unnest(), right.unnest()
    if isinstance(first, exp.Not) and first.this.unnest() == second:
        return True
    if isinstance(second, exp.Not) and second.this.unnest() == first:
        return True
    if isinstance(first, exp.Is) and isinstance(second, exp.Is):
        return _same_sides(first, second) and bool(first.args.get("negate")) is not bool(second.args.get("negate"))
    return any(
        isinstance(first, one) and isinstance(second, other) and _same_sides(first, second)
        for one, other in (*_OPPOSITES, *((other, one) for one, other in _OPPOSITES))
    )


_OPPOSITES: tuple[tuple[type[exp.Expr], type[exp.Expr]], ...] = (
    (exp.LT, exp.GTE),
    (exp.GT, exp.LTE),
    (exp.EQ, exp.NEQ),
)


def _same_sides(first: exp.Expr, second: exp.Expr) -> bool:
    return bool(first.this == second.this and first.expression == second.expression)


def _given(node: exp.Expr) -> set[str]:
    return {key for key, value in node.args.items() if value}
