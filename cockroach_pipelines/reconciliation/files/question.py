"""What a file, or a command, asks to be compared."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from cockroach_pipelines.execution import arranged
from cockroach_pipelines.queries import ComparedSide, Comparison, Fragment
from cockroach_pipelines.queries.headers import Bounds, Expect, MeasureRule, ReconciliationHeader, ToleranceRule
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.spec import (
    Bound,
    Care,
    Expectation,
    Measure,
    Recheck,
    ReconciliationSpec,
    Stop,
    Tolerance,
)


@dataclass(frozen=True)
class Question:
    """Two relations and how to compare them.

    `retries` are further attempts after an error that may pass, the connection's own when None.
    """

    source: Relation
    target: Relation
    spec: ReconciliationSpec = field(default_factory=ReconciliationSpec)
    retries: int | None = None

    @property
    def connections(self) -> Mapping[str, int]:
        """How many connections of each name are needed at once."""
        needed: dict[str, int] = {}
        for relation in (self.source, self.target):
            needed[relation.connection] = needed.get(relation.connection, 0) + self.spec.care.workers
        if self.spec.care.throttle:
            needed[self.source.connection] += 1
        return needed


def question_of(comparison: Comparison, values: Mapping[str, object]) -> Question:
    """Give what a file asks, with the values of its parameters.

    Raises:
        ParameterError: A parameter has no value.
    """
    header = comparison.header
    return Question(
        source=_relation(comparison.source, values),
        target=_relation(comparison.target, values),
        spec=_spec(comparison, values),
        retries=header.retries,
    )


def expectation(expect: Expect) -> Expectation:
    """Give the engine's form of what a header expects."""
    return Expectation(error=_bound(expect.errors_beyond), warn=_bound(expect.warn))


def tolerance(rule: ToleranceRule) -> Tolerance:
    """Give the engine's form of a tolerance."""
    return Tolerance(
        absolute=rule.absolute,
        relative=rule.relative,
        within=None if rule.within is None else dt.timedelta(seconds=rule.within),
        ignore_case=rule.ignore_case,
        ignore_trailing_blanks=rule.ignore_trailing_blanks,
        null_is_empty=rule.null_is_empty,
    )


def _relation(side: ComparedSide, values: Mapping[str, object]) -> Relation:
    condition, parameters = _condition(side.where, values)
    if side.statement is None:
        return Relation(side.connection, side.table, where=condition, where_parameters=parameters)
    bound = side.statement.bound
    return Relation(side.connection, sql=bound.text, parameters=tuple(arranged(bound, values)))


def _condition(fragment: Fragment | None, values: Mapping[str, object]) -> tuple[str | None, tuple[object, ...]]:
    if fragment is None:
        return None, ()
    return fragment.bound.text, tuple(arranged(fragment.bound, values))


def _spec(comparison: Comparison, values: Mapping[str, object]) -> ReconciliationSpec:
    header = comparison.header
    condition, parameters = _condition(comparison.where, values)
    return ReconciliationSpec(
        key=header.key,
        columns=header.columns,
        exclude=header.exclude,
        rename=header.rename,
        where=condition,
        where_parameters=parameters,
        tolerance={name: tolerance(rule) for name, rule in header.tolerance.items()},
        normalize=header.normalize,
        sample=None if header.sample is None else float(header.sample),
        expect=expectation(header.expect),
        as_of=None if header.as_of is None else str(header.as_of),
        recheck=Recheck(header.recheck.after, header.recheck.times) if header.recheck else None,
        stop=_stop(header),
        limit=header.limit,
        exact=header.exact,
        care=_care(comparison),
        timezone=header.effective_timezone,
        group_by=header.group_by,
        measures=tuple(_measure(rule) for rule in header.measures),
        drill=header.drill,
    )


def _bound(bounds: Bounds | None) -> Bound:
    if bounds is None:
        return Bound()
    return Bound(bounds.max_differences, None if bounds.max_share is None else float(bounds.max_share))


def _stop(header: ReconciliationHeader) -> Stop:
    if header.stop is None:
        return Stop()
    share = header.stop.share
    return Stop(header.stop.differences, None if share is None else float(share), header.stop.after)


def _care(comparison: Comparison) -> Care:
    care = comparison.header.care
    return Care(
        workers=care.workers,
        statement_seconds=care.statement_time,
        timeout=comparison.header.timeout,
        throttle=comparison.throttle.bound.text if comparison.throttle else None,
        throttle_pause=care.throttle.pause if care.throttle else 1.0,
        background=care.background,
    )


def _measure(rule: MeasureRule) -> Measure:
    return Measure(rule.function, rule.column, tolerance(rule.tolerance))
