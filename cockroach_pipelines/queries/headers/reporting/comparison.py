"""What the figures and rows of a report are compared with, as its header says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from cockroach_pipelines.config.models import Model
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.headers.partition import Partition, PartitionEvery
from cockroach_pipelines.queries.headers.reporting.values import Names
from cockroach_pipelines.queries.headers.values import Text, at_key

_SPAN = re.compile(r"(\d+)\s*(day|week|month|year)s?", re.ASCII)
_DAYS = {"day": 1, "week": 7}


@dataclass(frozen=True)
class Span:
    """So many units of time."""

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"

    @property
    def days(self) -> int | None:
        """In days; None for months and years."""
        return self.count * _DAYS[self.unit] if self.unit in _DAYS else None

    @property
    def months(self) -> int | None:
        """In months; None for days and weeks."""
        return {"month": self.count, "year": self.count * 12}.get(self.unit)


PREVIOUS_PARTITION, PREVIOUS_SNAPSHOT = "previous partition", "previous snapshot"


def _compared(text: str) -> str:
    if text in (PREVIOUS_PARTITION, PREVIOUS_SNAPSHOT) or ((span := _SPAN.fullmatch(text)) and int(span[1])):
        return text
    hint = did_you_mean(text, (PREVIOUS_PARTITION, PREVIOUS_SNAPSHOT))
    raise ValueError(
        f"{text!r} is nothing to compare with. "
        + (hint if hint.startswith("Did") else f"Write 7 days, 1 month, {PREVIOUS_PARTITION} or {PREVIOUS_SNAPSHOT}.")
    )


class Compare(Model):
    """What the figures are compared with, and by which columns rows find their counterparts; those of text when silent."""

    to: Annotated[Text, AfterValidator(_compared)]
    by: Names | None = None

    @property
    def span(self) -> Span | None:
        """How much earlier the other partition begins, where it is said so."""
        match = _SPAN.fullmatch(self.to)
        return Span(int(match[1]), match[2]) if match else None


def refuse_comparison(compare: Compare, partition: Partition | None) -> None:
    """Refuse a comparison for which the partitions of the file have no counterparts.

    Raises:
        ValueError: They have none.
    """
    span = compare.span
    if partition is None:
        if compare.to != PREVIOUS_SNAPSHOT:
            raise at_key(
                "report|compare", f"the file has no partitions. Write {PREVIOUS_SNAPSHOT}, or add `partition`."
            )
        return
    if compare.to == PREVIOUS_SNAPSHOT:
        return
    if partition.time is None:
        raise at_key(
            "report|compare", f"keys have no order in time, so that none is before another. Write {PREVIOUS_SNAPSHOT}."
        )
    if span is None:
        return
    every = partition.time.every
    fits = {
        PartitionEvery.HOUR: span.days is not None,
        PartitionEvery.DAY: span.days is not None,
        PartitionEvery.WEEK: span.days is not None and span.days % 7 == 0,
        PartitionEvery.MONTH: span.months is not None,
    }[every]
    if not fits:
        example = {"hour": "7 days", "day": "7 days", "week": "1 week", "month": "1 month"}[every.value]
        raise at_key("report|compare", f"no {every.value} begins {span} before another. Write {example}, for one.")
