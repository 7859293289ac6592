"""Groups compared by measures instead of rows: each side is aggregated where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow.parquet as pq

from cockroach_pipelines.database import ConnectionManager, Dialect
from cockroach_pipelines.execution import Activity
from cockroach_pipelines.reconciliation.catalogue import describe
from cockroach_pipelines.reconciliation.columns import Column, Pair, RelationShape, pair_of, quoted
from cockroach_pipelines.reconciliation.dataset import key_names
from cockroach_pipelines.reconciliation.errors import KeyColumnError
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.matching import Row
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.result import Reconciliation
from cockroach_pipelines.reconciliation.sides import Sides
from cockroach_pipelines.reconciliation.spec import Measure, ReconciliationSpec
from cockroach_pipelines.reconciliation.statements import key_condition, source_of

_ALL = "everything"


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

    def drill(self, result: Reconciliation) -> Question | None:
        """Give the comparison of the rows of the groups that differ, None when none do or it was not asked for."""
        spec = self.asked.spec
        if not spec.drill or not result.counts.total:
            return None
        keys = _groups(result, spec.drill) if self.pairs else []
        sides = []
        for relation, is_source in ((self.asked.source, True), (self.asked.target, False)):
            names = [f"r.{quoted(pair.column(is_source=is_source).name)}" for pair in self.pairs]
            condition = key_condition(keys, self.pairs, names) if self.pairs else "true"
            sides.append(replace(relation, where=_both(relation.where, condition)))
        measured = {measure.name for measure in spec.measures}
        tolerance = {name: rule for name, rule in spec.tolerance.items() if name not in measured}
        return Question(sides[0], sides[1], replace(spec, group_by=(), measures=(), drill=0, tolerance=tolerance))


def grouped(
    source: Relation,
    target: Relation,
    spec: ReconciliationSpec,
    connections: ConnectionManager,
    activity: Activity | None,
) -> Groups:
    """Turn a comparison with measures into one of two queries that aggregate, by the columns that group.

    Raises:
        KeyColumnError: A column does not exist on a side.
    """
    with Sides(connections, source, target, replace(spec, care=replace(spec.care, workers=1)), activity) as sides:
        shapes = sides.both(describe)
        dialects = sides.source.dialect, sides.target.dialect
    relations = [
        _aggregated(relation, spec, shape, dialect, is_source=is_source)
        for relation, shape, dialect, is_source in zip((source, target), shapes, dialects, (True, False), strict=True)
    ]
    tolerance = {measure.name: measure.tolerance for measure in spec.measures if measure.tolerance}
    names = {measure.name for measure in spec.measures}
    tolerance |= {name: rule for name, rule in spec.tolerance.items() if name in names}
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
    return Groups(relations[0], relations[1], own, asked=Question(source, target, spec), pairs=pairs)


def _aggregated(
    relation: Relation, spec: ReconciliationSpec, shape: RelationShape, dialect: Dialect, *, is_source: bool
) -> Relation:
    side = "source" if is_source else "target"
    own = {name: name if is_source else spec.rename.get(name, name) for name in _names(spec)}
    columns = {name: _column(shape, theirs, side) for name, theirs in own.items()}
    groups = [f"r.{quoted(own[name])} AS {quoted(name)}" for name in spec.group_by] or [f"'all'::text AS {_ALL}"]
    measures = [f"{_measure(each, columns, dialect)} AS {quoted(each.name)}" for each in spec.measures]
    rows = source_of(relation, spec, "true")
    by = f" GROUP BY {', '.join(f'r.{quoted(own[name])}' for name in spec.group_by)}" if spec.group_by else ""
    return Relation(
        relation.connection, sql=f"SELECT {', '.join([*groups, *measures])}{rows.text}{by}", parameters=rows.parameters
    )


def _measure(measure: Measure, columns: dict[str, Column], dialect: Dialect) -> str:
    if measure.column is None:
        return "count(*)"
    column = columns[measure.column]
    name = f"r.{quoted(column.name)}"
    if measure.function == "distinct":
        return f"count(DISTINCT {name})"
    if measure.function in ("min", "max") and column.family is Family.TEXT and dialect is Dialect.POSTGRESQL:
        name += ' COLLATE "C"'  # the first and the last by bytes, as on CockroachDB
    return f"{measure.function}({name})"


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


def _groups(result: Reconciliation, at_most: int) -> list[Row]:
    """Give the first groups that differ, from the dataset."""
    names = [name for name in pq.read_schema(result.differences).names if name in _dataset_names(result)]
    found: dict[Row, None] = {}
    with pq.ParquetFile(result.differences) as file:
        for batch in file.iter_batches(columns=names):
            for row in zip(*(batch.column(name).to_pylist() for name in names), strict=True):
                found[tuple(None if value is None else str(value) for value in row)] = None
                if len(found) >= at_most:
                    return list(found)
    return list(found)


def _dataset_names(result: Reconciliation) -> list[str]:
    from cockroach_pipelines.reconciliation.columns import ColumnMap

    width = len(result.key)
    return key_names(ColumnMap(result.pairs[:width], result.pairs[width:], ()))


def _both(where: str | None, condition: str) -> str:
    return f"({where}) AND ({condition})" if where else condition
