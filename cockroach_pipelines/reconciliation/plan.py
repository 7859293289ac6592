"""Choosing how the rows of both sides meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from cockroach_pipelines.database import Dialect
from cockroach_pipelines.reconciliation.arrays import integers
from cockroach_pipelines.reconciliation.columns import ColumnMap, Pair, RelationShape, has_unique_key
from cockroach_pipelines.reconciliation.errors import ReconciliationError
from cockroach_pipelines.reconciliation.expressions import SideSQL
from cockroach_pipelines.reconciliation.families import Family, plain_type
from cockroach_pipelines.reconciliation.grid import grid_of
from cockroach_pipelines.reconciliation.hashing import kinds_for
from cockroach_pipelines.reconciliation.matching import differing_hashes, value_column
from cockroach_pipelines.reconciliation.probe import probe_sql
from cockroach_pipelines.reconciliation.result import StrategyChoice
from cockroach_pipelines.reconciliation.segments import (
    NUMBERED_TYPES,
    ORDERED_TYPES,
    HashSegments,
    IntegerSegments,
    NumberedSegments,
    RangeSegments,
    RowSegments,
    Segments,
    from_state,
)
from cockroach_pipelines.reconciliation.sides import Sides, result
from cockroach_pipelines.reconciliation.spec import HashKind, ReconciliationSpec, Strategy
from cockroach_pipelines.reconciliation.statements import Statements, hashed_key, is_integer_key
from cockroach_pipelines.reconciliation.windows import query_both, read, read_both

SMALL = 20_000
"""Rows that are read at once."""

_ROWS_EACH = 250
_FEWEST, _MOST = 64, 16_384
_ROW_BYTES = 300.0
_BLOCKS = 4_096
_BLOCKS_FOR_WINDOWS = 1_024  # of which no scan tells rows apart
_DENSE = 4
_SAMPLED_ROWS, _SAMPLED_RANGES = 3_000, 16
_FEW_RANGES, _MANY_ROWS = 1 / 3, 0.2  # a scan of checksums costs about two thirds of reading all hashes


@dataclass(frozen=True)
class Plan:
    """How the rows meet.

    Attributes:
        choice: The strategy and its reason.
        scanned: Segments for checksums, None where there are none.
        windows: Segments that windows are made of.
        rows: About how many rows the larger side has.
    """

    choice: StrategyChoice
    scanned: NumberedSegments | None
    windows: Segments
    rows: int

    def as_state(self, kind: HashKind) -> dict[str, Any]:
        """Give what `plan_of_state` makes it again from."""
        return {
            "choice": vars(self.choice),
            "scanned": self.scanned.as_state() if self.scanned else None,
            "windows": self.windows.as_state(),
            "rows": self.rows,
            "kind": kind,
        }


def plan_of_state(state: dict[str, Any], columns: ColumnMap) -> Plan:
    """Make a plan again that `Plan.as_state` described."""
    kind, hashed, choice = HashKind(state["kind"]), hashed_key(columns), state["choice"]
    scanned = from_state(state["scanned"], columns.key, hashed, kind) if state["scanned"] else None
    return Plan(
        StrategyChoice(
            Strategy(choice["strategy"]),
            choice["reason"],
            HashKind(choice["hash"]) if choice["hash"] else None,
            choice["segments"],
            choice["sampled_share"],
        ),
        cast("NumberedSegments | None", scanned),
        from_state(state["windows"], columns.key, hashed, kind),
        state["rows"],
    )


@dataclass(frozen=True)
class Shapes:
    """What the servers know of both relations."""

    source: RelationShape
    target: RelationShape

    @property
    def row_bytes(self) -> float:
        """How many a row of the larger side takes on disk, about."""
        return max(self.source.row_bytes or _ROW_BYTES, self.target.row_bytes or _ROW_BYTES)


def common_hash(sides: Sides, spec: ReconciliationSpec) -> HashKind:
    """Give the cheapest hash of which both servers give the same results."""
    kinds = kinds_for(sides.source.server, sides.target.server)
    if spec.hash is not None:
        if spec.hash not in kinds:
            raise ReconciliationError(f"The two servers do not both have the hash {spec.hash}.")
        return spec.hash
    for kind in kinds[:-1]:
        ours, theirs = sides.both(
            lambda side, reader, kind=kind: reader.query(probe_sql(kind, SideSQL(side.dialect, is_source=True)))[0][0]  # type: ignore[misc]
        )
        if ours == theirs:
            return kind
    return kinds[-1]


class Planner:
    """Looks at both sides and chooses.

    Args:
        sides: Open sides.
        statements: Their statements, the source's first.
        shapes: What the servers know of them.
        columns: What is compared.
        spec: What was asked.
        kind: The hash that both have in common.
    """

    def __init__(
        self,
        sides: Sides,
        statements: tuple[Statements, Statements],
        shapes: Shapes,
        columns: ColumnMap,
        spec: ReconciliationSpec,
        kind: HashKind,
    ) -> None:
        self._sides = sides
        self._statements = statements
        self._shapes = shapes
        self._columns = columns
        self._spec = spec
        self._kind = kind

    def plan(self) -> Plan:
        """Choose a strategy and the segments."""
        forced = self._spec.strategy
        estimates = [shape.estimated_rows for shape in (self._shapes.source, self._shapes.target)]
        known = [rows for rows in estimates if rows is not None]
        rows = max(known, default=0)
        if forced in (None, Strategy.DIRECT) and (rows <= 5 * SMALL or None in estimates):
            counted = self._counted()
            if forced is Strategy.DIRECT or max(counted) <= SMALL:
                choice = StrategyChoice(Strategy.DIRECT, f"both sides have at most {SMALL:,} rows")
                return Plan(self._forced(choice), None, HashSegments(self._hashed, self._kind, 1), max(counted))
            rows = max(rows, *counted)
        buckets = HashSegments(self._hashed, self._kind, _power_of_two(self._count(rows)))
        ranges = self._ranges(rows)
        if ranges is not None and ranges.count < 3:  # a key with hardly any values
            ranges = None
        scanned = self._numbered(ranges, rows) or buckets
        windows = ranges if ranges is not None and ranges.sargable else scanned
        choice = self._forced(self._choose(windows))
        if choice.strategy is Strategy.JOIN:
            self._require_join()
        segments: Segments = scanned if choice.strategy is Strategy.CHECKSUMS else windows
        hash_kind = self._kind if choice.strategy in (Strategy.CHECKSUMS, Strategy.HASHES) else None
        choice = StrategyChoice(choice.strategy, choice.reason, hash_kind, str(segments), choice.sampled_share)
        return Plan(choice, scanned if choice.strategy is Strategy.CHECKSUMS else None, windows, rows)

    def _choose(self, windows: Segments) -> StrategyChoice:
        if self._spec.strategy is not None:
            return StrategyChoice(self._spec.strategy, "")
        if self._spec.exact:
            return StrategyChoice(Strategy.ROWS, "`exact` asks for every value")
        if self._can_join:
            return StrategyChoice(Strategy.JOIN, "both relations are in one database, and their key is unique")
        if self._sides.source.dialect is not self._sides.target.dialect and windows.sargable:
            return StrategyChoice(
                Strategy.ROWS, "the two databases share no cheap hash: sending rows costs them less than md5"
            )
        if not windows.sargable:
            return StrategyChoice(
                Strategy.CHECKSUMS, "no index gives the key in an order that both sides share, so no sample was taken"
            )
        ranges, rows = self._sampled_shares(windows)
        said = f"{ranges:.0%} of a sample of the key ranges differ, and {rows:.1%} of their rows"
        if ranges < _FEW_RANGES:
            return StrategyChoice(Strategy.CHECKSUMS, said, sampled_share=rows)
        strategy = Strategy.HASHES if rows < _MANY_ROWS else Strategy.ROWS
        return StrategyChoice(strategy, said, sampled_share=rows)

    def _forced(self, choice: StrategyChoice) -> StrategyChoice:
        return choice if self._spec.strategy is None else StrategyChoice(self._spec.strategy, "it was asked for")

    @property
    def _hashed(self) -> tuple[Pair, ...]:
        return hashed_key(self._columns)

    @property
    def _can_join(self) -> bool:
        unique = has_unique_key(self._columns, self._shapes.source, self._shapes.target)
        return self._sides.one_database and unique and all(pair.same_type for pair in self._columns.key)

    def _require_join(self) -> None:
        if not self._can_join:
            raise ReconciliationError(
                "These relations cannot be joined: that takes one connection, and a key of the same type that is a "
                "primary key, or unique and NOT NULL, on both sides.",
                advice="Leave `strategy` out.",
            )

    def _count(self, rows: int) -> int:
        return self._spec.segments or min(max(rows // _ROWS_EACH, _FEWEST), _MOST)

    def _counted(self) -> tuple[int, int]:
        """Count the rows of both sides, of many a few more than `SMALL`."""
        at_most = None if self._spec.strategy is Strategy.DIRECT else SMALL + 1
        (ours,), (theirs,) = query_both(self._sides, self._statements, lambda statements: statements.count(at_most))
        return int(ours), int(theirs)

    def _numbered(self, ranges: Segments | None, rows: int) -> NumberedSegments | None:
        """Give segments that an index finds and one scan tells apart quickly."""
        if isinstance(ranges, RowSegments):
            return grid_of(ranges, self._count(rows))
        return ranges if isinstance(ranges, NumberedSegments) and self._numbers_quickly(ranges) else None

    def _numbers_quickly(self, ranges: NumberedSegments) -> bool:
        if isinstance(ranges, IntegerSegments):
            return True
        dialects = {self._sides.source.dialect, self._sides.target.dialect}
        return dialects == {Dialect.POSTGRESQL} and plain_type(self._columns.key[0].source.pg_type) in NUMBERED_TYPES

    def _ranges(self, rows: int) -> Segments | None:
        if self._columns.keyless or any(pair.normalize for pair in self._columns.key):
            return None
        if len(self._columns.key) > 1:
            return self._row_ranges(rows)
        pair = self._columns.key[0]
        if is_integer_key(self._columns):
            integers = self._integer_ranges(rows)
            if integers is not None:
                return integers
        return self._sampled_ranges(rows) if _is_ordered(pair) else None

    def _integer_ranges(self, rows: int) -> IntegerSegments | None:
        ranges = query_both(self._sides, self._statements, lambda statements: statements.key_range())
        lows, highs = ([text for text in texts if text is not None] for texts in zip(*ranges, strict=True))
        if not lows:
            return None
        low, high = min(map(int, lows)), max(map(int, highs))
        count = self._count(rows)
        if self._sides.source.dialect is Dialect.POSTGRESQL and high - low + 1 > _DENSE * max(rows, count):
            return None
        width = max(1, -(-(high - low + 1) // count))
        if high - low > 2**62:
            return None
        return IntegerSegments(self._columns.key[0], low, width, -(-(high - low + 1) // width))

    def _sampled_ranges(self, rows: int) -> RangeSegments | None:
        pair = self._columns.key[0]
        blocks = _BLOCKS if plain_type(pair.source.pg_type) in NUMBERED_TYPES else _BLOCKS_FOR_WINDOWS
        bounds = self._sampled_bounds((pair,), rows, blocks)
        if bounds is None:
            return None
        indexed = all(
            name in shape.indexed and (column := shape.column(name)) is not None and column.bytewise
            for name, shape in ((pair.source.name, self._shapes.source), (pair.target.name, self._shapes.target))
        )
        return RangeSegments(pair, tuple(bound for (bound,) in bounds), indexed)

    def _row_ranges(self, rows: int) -> RowSegments | None:
        """Give ranges of a key of several columns that an index of each side holds in the same order."""
        key = self._columns.key
        whole = all(
            _is_ordered(pair) and not pair.may_be_null and pair.source.bytewise and pair.target.bytewise for pair in key
        )
        pairs = self._in_order_of_indexes(key) if whole else None
        bounds = self._sampled_bounds(pairs, rows, _BLOCKS_FOR_WINDOWS) if pairs else None
        return RowSegments(pairs, bounds) if pairs and bounds else None

    def _in_order_of_indexes(self, key: tuple[Pair, ...]) -> tuple[Pair, ...] | None:
        by_name = {pair.source.name: pair for pair in key}
        ours, theirs = (
            {names[: len(key)] for names in shape.indexes} for shape in (self._shapes.source, self._shapes.target)
        )
        for names in sorted(ours):
            if set(names) == by_name.keys() and tuple(by_name[name].target.name for name in names) in theirs:
                return tuple(by_name[name] for name in names)
        return None

    def _sampled_bounds(
        self, pairs: tuple[Pair, ...], rows: int, most_blocks: int
    ) -> tuple[tuple[str, ...], ...] | None:
        """Give keys that split the rows about evenly, in ascending order, from blocks all over a PostgreSQL table."""
        which = next(
            (
                place
                for place, (side, shape) in enumerate(
                    ((self._sides.source, self._shapes.source), (self._sides.target, self._shapes.target))
                )
                if side.dialect is Dialect.POSTGRESQL and side.relation.table and shape.indexed
            ),
            None,
        )
        if which is None:
            return None
        side, statements = self._sides.pair[which], self._statements[which]
        blocks = int(result(read(side, statements.blocks()))["n"][0].as_py())
        chosen = (
            sorted({int(place) for place in np.linspace(0, blocks - 1, min(blocks, most_blocks))}) if blocks else [0]
        )
        found = result(read(side, statements.keys_of_blocks(chosen, pairs)))
        keys = list(zip(*(found[value_column(place)].to_pylist() for place in range(len(pairs))), strict=True))
        if len(keys) < 2:
            return None
        wanted = min(self._count(rows), len(keys), most_blocks)
        bounds = [tuple(map(str, keys[int(place)])) for place in np.linspace(0, len(keys) - 1, wanted)]
        return tuple(dict.fromkeys(bounds))

    def _sampled_shares(self, windows: Segments) -> tuple[float, float]:
        """Compare some ranges, spread evenly, and give the share of them that differ and that of their rows.

        The ranges at both ends are left to chance like any other: what grows or is cleared away differs there most.
        """
        rows = max(self._shapes.source.estimated_rows or 0, self._shapes.target.estimated_rows or 0, 1)
        known = windows.count - 1
        each = max(1, rows // known)
        number = min(known, max(_SAMPLED_RANGES, _SAMPLED_ROWS // each))
        places = (np.arange(number) + 0.5) * (known / number)
        chosen = [(place, place + 1) for place in places.astype(int).tolist()]
        tables = read_both(self._sides, self._statements, lambda statements: statements.hashes_of_each(windows, chosen))
        ours, theirs = ([integers(table[name]) for name in ("k", "h", "run")] for table in tables)
        differing = differing_hashes(ours[:2], theirs[:2])
        ranges = np.unique(np.concatenate([side[2][np.isin(side[0], differing)] for side in (ours, theirs)]))
        return len(ranges) / number, len(differing) / max(len(ours[0]), len(theirs[0]), 1)


def _is_ordered(pair: Pair) -> bool:
    return (pair.same_type or pair.family is Family.INTEGER) and plain_type(pair.source.pg_type) in ORDERED_TYPES


def _power_of_two(number: int) -> int:
    return 1 << max(0, number - 1).bit_length()
