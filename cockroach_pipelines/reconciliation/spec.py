"""What a reconciliation is asked to do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from cockroach_pipelines.reconciliation.errors import ReconciliationError


class Strategy(StrEnum):
    """How the rows of both sides meet."""

    DIRECT = "direct"
    """All rows of both sides at once: small relations."""
    CHECKSUMS = "checksums"
    """A checksum for each key segment in one scan a side, then the segments that differ: few differences."""
    HASHES = "hashes"
    """Key and hash of every row, window by window: more differences."""
    ROWS = "rows"
    """Every value of every row, window by window: most rows differ, no hash in common, or `exact`."""
    JOIN = "join"
    """The database joins both sides and gives the rows that differ: one database, unique keys."""


class HashKind(StrEnum):
    """How rows are hashed where they are."""

    NATIVE18 = "native18"
    """PostgreSQL's own typed hashes, chained, with those that came with version 18."""
    NATIVE = "native"
    """PostgreSQL's own typed hashes, chained."""
    FNV64 = "fnv64"
    """CockroachDB's `fnv64` over `md5` of the row's text: sums of fnv64 alone miss values that two rows exchange."""
    MD5 = "md5"
    """64 bits of `md5` of the row's text, the same on both databases."""


@dataclass(frozen=True)
class Tolerance:
    """When two values that differ count as equal; several rules add up.

    Attributes:
        absolute: Numbers at most so far apart.
        relative: Numbers at most so far apart, as a share of the larger amount.
        within: Dates, times and timestamps less than so far apart, such as a second where one side keeps no fractions.
        ignore_case: Text that differs in case alone.
        ignore_trailing_blanks: Text that differs in blanks at its end alone.
        null_is_empty: NULL and the empty text.
    """

    absolute: Decimal | None = None
    relative: Decimal | None = None
    within: dt.timedelta | None = None
    ignore_case: bool = False
    ignore_trailing_blanks: bool = False
    null_is_empty: bool = False

    def __post_init__(self) -> None:
        for name in ("absolute", "relative"):
            value = getattr(self, name)
            if value is not None:
                if not isinstance(value, Decimal):
                    object.__setattr__(self, name, value := Decimal(str(value)))
                if not value.is_finite() or value < 0:
                    raise ReconciliationError(f"The {name} tolerance {value} is not a number of 0 or more.")

    def __bool__(self) -> bool:
        return self != EXACT


EXACT = Tolerance()
"""No tolerance."""


@dataclass(frozen=True)
class Bound:
    """How much may differ: rows, or a share of the larger side's rows between 0 and 1; None is no bound."""

    differences: int | None = None
    share: float | None = None

    def is_exceeded(self, differences: int, share: float) -> bool:
        """Whether there is more than the bound allows."""
        return (self.differences is not None and differences > self.differences) or (
            self.share is not None and share > self.share
        )


@dataclass(frozen=True)
class Expectation:
    """What is expected: more than `warn` is a warning, more than `error` a failure."""

    error: Bound = Bound(differences=0)
    warn: Bound = Bound()


@dataclass(frozen=True)
class Recheck:
    """Read what differs again after so many seconds, so many times; what has healed by then was in flight."""

    after: float
    times: int = 1


@dataclass(frozen=True)
class Stop:
    """When to stop before the end; the result then says "at least", and is never a pass.

    Attributes:
        differences: Rows that differ.
        share: Of rows that differ among those compared so far, once 10,000 were.
        seconds: Since the beginning; what still runs then is cancelled on both servers.
    """

    differences: int | None = None
    share: float | None = None
    seconds: float | None = None

    @property
    def counts(self) -> bool:
        """Whether what differs may end it."""
        return self.differences is not None or self.share is not None


@dataclass(frozen=True)
class Care:
    """How much of the databases a reconciliation takes.

    Attributes:
        workers: Statements at once on each side.
        statement_seconds: How long one statement should take; ranges of keys are cut to it.
        timeout: Seconds after which the server ends one statement; the connection's own when None.
        throttle: A query on the source's connection, of one boolean; while it says true nothing new begins.
        throttle_pause: Seconds between two looks.
        background: Ask CockroachDB for its lowest quality of service.
    """

    workers: int = 1
    statement_seconds: float = 10.0
    timeout: float | None = None
    throttle: str | None = None
    throttle_pause: float = 1.0
    background: bool = False


@dataclass(frozen=True)
class Measure:
    """One aggregate that is compared: `count`, `sum`, `min`, `max`, `distinct` or `avg` of a column, `count` also of rows."""

    function: str
    column: str | None = None
    tolerance: Tolerance = EXACT

    def __post_init__(self) -> None:
        if self.function not in ("count", "sum", "min", "max", "distinct", "avg"):
            raise ReconciliationError(
                f"{self.function!r} is no measure.", advice="Write count, sum, min, max, distinct or avg."
            )
        if self.column is None and self.function != "count":
            raise ReconciliationError(f"The measure {self.function} names no column.", advice="Give it one.")

    @property
    def name(self) -> str:
        """What the measure's column is called."""
        return f"{self.function}_{self.column}" if self.column else "rows"


@dataclass(frozen=True)
class ReconciliationSpec:
    """What to compare, and how strictly. Columns are named as the source has them.

    Attributes:
        key: What names a row; the source's primary key, else the target's, when None. Empty: there is none, and whole
            rows are compared as a multiset.
        columns: Which columns to compare beside the key; all that both sides have when None.
        exclude: Columns to leave out.
        rename: The target's name of a column by the source's.
        where: A condition on both sides, in columns that both have under the same name.
        where_parameters: Values for its `?`, in order.
        tolerance: By column, or by type (`numeric`, `float8`, `timestamptz`, …); a column's own goes before.
        normalize: An SQL expression by column, with `{}` for the column, evaluated on both sides before comparing.
        sample: Compare only this share of the keys, the same ones on both sides; between 0 and 1.
        expect: What may differ.
        as_of: The moment to read on CockroachDB: a timestamp, `-10s`, an HLC decimal, or `follower_read_timestamp()`.
        recheck: Whether and when to look again at what differs.
        stop: When to end early.
        limit: Most rows that the differences dataset holds; all are counted.
        exact: Compare every value, no hash.
        care: How much of the databases to take.
        strategy: Force one, for tests.
        hash: Force a kind of hash, for tests.
        segments: How many key segments; chosen by size when None.
        timezone: What the sessions take for their time zone.
        group_by: Columns by which `measures` are compared instead of rows; none for one group of all.
        measures: What is compared of each group.
        drill: Into how many of the groups that differ to look row by row.
    """

    key: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None
    where_parameters: tuple[object, ...] = ()
    tolerance: Mapping[str, Tolerance] = field(default_factory=dict)
    normalize: Mapping[str, str] = field(default_factory=dict)
    sample: float | None = None
    expect: Expectation = Expectation()
    as_of: str | None = None
    recheck: Recheck | None = None
    stop: Stop = Stop()
    limit: int | None = None
    exact: bool = False
    care: Care = Care()
    strategy: Strategy | None = None
    hash: HashKind | None = None
    segments: int | None = None
    timezone: str = "UTC"
    group_by: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()
    drill: int = 0

    def __post_init__(self) -> None:
        if self.sample is not None and not 0 < self.sample <= 1:
            raise ReconciliationError(f"The sample {self.sample} is not a share between 0 and 1.")
        if self.group_by and not self.measures:
            raise ReconciliationError("There is `group_by` and nothing to measure.", advice="Give `measures`.")
        names = [*self.group_by, *(measure.name for measure in self.measures)]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ReconciliationError(
                f"Two columns of the groups would be called {twice!r}.",
                advice="Group by another column, or by an expression of a query with another name.",
            )
        for column, expression in self.normalize.items():
            if "{}" not in expression:
                raise ReconciliationError(
                    f"The normalization of {column!r} does not use the column: {expression!r}.",
                    advice="Write {} where the column belongs: lower({}).",
                )
