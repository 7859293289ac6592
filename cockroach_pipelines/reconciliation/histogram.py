"""Where along the key range rows differ."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import numpy as np

from cockroach_pipelines.reconciliation.arrays import integers
from cockroach_pipelines.reconciliation.columns import ColumnMap
from cockroach_pipelines.reconciliation.dataset import Parts, key_names
from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.moments import canonical_moment, seconds_of
from cockroach_pipelines.reconciliation.result import Histogram, Kind

_BINS = 40
_MOMENTS = (Family.DATE, Family.TIMESTAMP, Family.TIMESTAMPTZ)


def histogram(parts: Parts, columns: ColumnMap, low: str | None, high: str | None) -> Histogram | None:
    """Count the rows that differ between the lowest and the highest key.

    Args:
        parts: The differences.
        columns: What was compared.
        low: The lowest first key column of both sides; that of the differences when None.
        high: The highest.
    """
    if columns.keyless or columns.key[0].family not in (Family.INTEGER, Family.NUMERIC, *_MOMENTS):
        return None
    family, name = columns.key[0].family, key_names(columns)[0]
    places: dict[str, list[float]] = {str(kind): [] for kind in Kind}
    for table in parts.tables():
        rows = integers(table["row"])
        first = np.concatenate([[True], rows[1:] != rows[:-1]])
        kinds, keys = table["kind"].to_pylist(), table[name].to_pylist()
        for row in np.flatnonzero(first).tolist():
            place = None if keys[row] is None else position(str(keys[row]), family)
            if place is not None:
                places[kinds[row]].append(place)
    everything = [place for each in places.values() for place in each]
    edges = [position(text, family) for text in (low, high) if text is not None]
    everything += [edge for edge in edges if edge is not None]
    if not everything:
        return None
    first_edge, last_edge = min(everything), max(everything)
    bins = np.linspace(first_edge, last_edge if last_edge > first_edge else first_edge + 1, _BINS + 1)
    counts = {kind: tuple(int(n) for n in np.histogram(places[str(kind)], bins)[0]) for kind in Kind}
    return Histogram(columns.key[0].name, tuple(_text(edge, family) for edge in bins.tolist()), counts)


def position(text: str, family: Family) -> float | None:
    """Give where a key lies on its axis; None for what lies nowhere, such as infinity."""
    if family in _MOMENTS:
        seconds = seconds_of(text)
        return float(seconds) if isinstance(seconds, Fraction) else None
    number = float(text)
    return number if np.isfinite(number) else None


def _text(place: float, family: Family) -> str:
    if family not in _MOMENTS:
        return f"{place:.0f}" if family is Family.INTEGER else f"{place:g}"
    try:
        moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=round(place))
    except OverflowError:
        return f"{place:.0f} s"
    text = canonical_moment(moment.strftime("%Y-%m-%d %H:%M:%S"))
    return text[:10] if family is Family.DATE else text
