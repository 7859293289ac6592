"""Groups compared by measures instead of rows: each side is aggregated where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import pyarrow.parquet as pq

from cockroach_pipelines.database import Activity, ConnectionManager, Dialect
from cockroach_pipelines.reconciliation.catalogue import describe
from cockroach_pipelines.reconciliation.columns import (
    Column,
    ColumnMap,
    Pair,
    RelationShape,
    map_columns,
    pair_of,
    quoted,
)
from cockroach_pipelines.reconciliation.dataset import key_names
from cockroach_pipelines.reconciliation.equality import canonical_number
from cockroach_pipelines.reconciliation.errors import KeyColumnError, ReconciliationError
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.levels import join_levels
from cockroach_pipelines.reconciliation.matching import Row
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.result import Reconciliation
from cockroach_pipelines.reconciliation.sides import Sides
from cockroach_pipelines.reconciliation.spec import ReconciliationSpec, Tolerance
from cockroach_pipelines.reconciliation.statements import key_condition, source_of

_ALL = "everything"
_QUOTIENTS = Tolerance(relative=Decimal("1e-12"))
"""PostgreSQL and CockroachDB end a quotient of decimals after another number of digits."""


@dataclass(frozen=True)
class Question:
    """What to compare, and how."""

    source: Relation
    target: Relation
    spec: ReconciliationSpec


@dataclass(frozen=True)
class Groups(Question):
    """The comparison of groups, which knows where its groups come from."""

    asked: Question
    pairs: tuple[Pair, ...]
    dialects: tuple[Dialect, Dialect]
    rows: ColumnMap | None
    """What the rows of groups are compared by; None where they are not looked into."""

    def drill(self, found: Reconciliation) -> Question | None:
        """Give the comparison of the rows of the groups that differ, None when none do or it was not asked for."""
        spec = self.asked.spec
        if not spec.drill or not found.counts.total:
            return None
        keys = _groups(found, spec.drill) if self.pairs else []
        sides = []
        for relation, dialect, is_source in zip(
            (self.asked.source, self.asked.target), self.dialects, (True, False), strict=True
        ):
            side = SideSQL(dialect, is_source)
            condition = key_condition(keys, self.pairs, list(map(side.value, self.pairs))) if self.pairs else "true"
            sides.append(replace(relation, where=_both(relation.where, condition)))
        return Question(sides[0], sides[1], _of_rows(spec))

    def result(self, found: Reconciliation, drilled: Reconciliation | None) -> Reconciliation:
        """Give what the comparison that was asked for came to; its dataset has the differing rows of groups, too."""
        if self.rows is not None:
            join_levels(found.differences, drilled.differences if drilled else None, self.rows)
        asked = self.asked
        return replace(found, source=asked.source, target=asked.target, spec=asked.spec, drilled=drilled)


def grouped(
    source: Relation,
    target: Relation,
    spec: ReconciliationSpec,
    connections: ConnectionManager,
    activity: Activity | None,
) -> Groups:
    """Turn a comparison with measures into one of two queries that aggregate, by the columns that group.

    Raises:
        ReconciliationError: A column does not exist on a side; or with `drill` rows could not be compared.
    """
    with Sides(connections, source, target, replace(spec, care=replace(spec.care, workers=1)), activity) as sides:
        shapes = sides.both(describe)
        dialects = sides.source.dialect, sides.target.dialect
    relations = [
        _aggregated(relation, spec, shape, dialect, is_source=is_source)
        for relation, shape, dialect, is_source in zip((source, target), shapes, dialects, (True, False), strict=True)
    ]
    tolerance = {measure.name: measure.tolerance for measure in spec.measures if measure.tolerance}
    if dialects[0] is not dialects[1]:
        tolerance = {each.name: _QUOTIENTS for each in spec.measures if each.function == "avg"} | tolerance
    names = {measure.name for measure in spec.measures}
    tolerance |= {name: rule for name, rule in spec.tolerance.items() if name in names}
    if not spec.drill and (lost := next((name for name in spec.tolerance if name not in names), None)):
        raise ReconciliationError(
            f"The tolerance of {lost!r} would have no effect: groups are compared by their measures.",
            advice="Give a measure its own, such as {sum(amount): 0.01}, or look into rows with `drill`.",
        )
    own = ReconciliationSpec(
        key=spec.group_by or (_ALL,),
        tolerance=tolerance,
        expect=spec.expect,
        as_of=spec.as_of,
        recheck=spec.recheck,
        stop=spec.stop,
        limit=spec.limit,
        exact=True,
        care=spec.care,
        timezone=spec.timezone,
    )
    pairs = tuple(
        pair_of(_column(shapes[0], name, "source"), _column(shapes[1], spec.rename.get(name, name), "target"), spec)
        for name in spec.group_by
    )
    rows = map_columns(*shapes, _of_rows(spec)) if spec.drill else None
    return Groups(relations[0], relations[1], own, Question(source, target, spec), pairs, dialects, rows)


def _of_rows(spec: ReconciliationSpec) -> ReconciliationSpec:
    """Give how the rows of groups are compared."""
    measured = {measure.name for measure in spec.measures}
    tolerance = {name: rule for name, rule in spec.tolerance.items() if name not in measured}
    return replace(spec, group_by=(), measures=(), drill=0, tolerance=tolerance)


def _aggregated(
    relation: Relation, spec: ReconciliationSpec, shape: RelationShape, dialect: Dialect, *, is_source: bool
) -> Relation:
    side = "source" if is_source else "target"
    columns = {name: _column(shape, name if is_source else spec.rename.get(name, name), side) for name in _names(spec)}
    values = {
        name: f"({spec.normalize[name].replace('{}', column)})" if name in spec.normalize else column
        for name, column in ((name, f"r.{quoted(column.name)}") for name, column in columns.items())
    }
    groups = [f"{values[name]} AS {quoted(name)}" for name in spec.group_by] or [f"'all'::text AS {_ALL}"]
    measures = []
    for each in spec.measures:
        value = "*"
        if each.column is not None:
            value = values[each.column]
            family = columns[each.column].family if each.column not in spec.normalize else Family.OTHER
            if each.function in ("min", "max") and family is Family.TEXT and dialect is Dialect.POSTGRESQL:
                value += ' COLLATE "C"'  # the first and the last by bytes, as on CockroachDB
            if each.function in ("sum", "avg") and family is Family.FLOAT:
                value += "::text::numeric"  # whose sum does not depend on the order of the rows
        counted = f"count(DISTINCT {value})" if each.function == "distinct" else f"{each.function}({value})"
        measures.append(f"{counted} AS {quoted(each.name)}")
    rows = source_of(relation, spec, "true")
    by = f" GROUP BY {', '.join(values[name] for name in spec.group_by)}" if spec.group_by else ""
    return Relation(
        relation.connection, sql=f"SELECT {', '.join([*groups, *measures])}{rows.text}{by}", parameters=rows.parameters
    )


def _names(spec: ReconciliationSpec) -> Sequence[str]:
    return dict.fromkeys((*spec.group_by, *(each.column for each in spec.measures if each.column))).keys()  # type: ignore[return-value]


def _column(shape: RelationShape, name: str, side: str) -> Column:
    column = shape.column(name)
    if column is None:
        raise KeyColumnError(
            f"The {side} has no column {name!r}.",
            advice=f"Group by and measure columns that it has: {', '.join(each.name for each in shape.columns)}.",
        )
    return column


def _groups(found: Reconciliation, at_most: int) -> list[Row]:
    """Give the first groups that differ, from the dataset."""
    pairs = found.pairs[: len(found.key)]
    names = key_names(ColumnMap(pairs, found.pairs[len(pairs) :], ()))
    groups: dict[Row, None] = {}
    with pq.ParquetFile(found.differences) as file:
        for batch in file.iter_batches(columns=names):
            for row in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
                groups[tuple(_literal(value, pair) for value, pair in zip(row, pairs, strict=True))] = None
                if len(groups) >= at_most:
                    return list(groups)
    return list(groups)


def _literal(value: object, pair: Pair) -> str | None:
    if value is None:
        return None
    # Of an integer and a numeric column either reads it so.
    return canonical_number(str(value)) if pair.family is Family.NUMERIC else str(value)


def _both(where: str | None, condition: str) -> str:
    return f"({where}) AND ({condition})" if where else condition
