"""The query of a header's `watch`."""

from __future__ import annotations

from dataclasses import dataclass

from cockroach_pipelines.queries.headers.watch import Watch
from cockroach_pipelines.queries.parsing.parameters import BoundSQL
from cockroach_pipelines.queries.parsing.parser import ParsedSQL


@dataclass(frozen=True)
class WatchQuery:
    """A query that gives one value, ready to run, and how it is asked."""

    watch: Watch
    bound: BoundSQL
    parsed: ParsedSQL
