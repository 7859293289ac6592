"""Where along the key range rows differ."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.reconciliation.arrays import from_booleans, integers, one_chunk, text
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
    places: dict[Kind, list[Any]] = {kind: [] for kind in Kind}
    for table in parts.tables():
        rows = integers(table["row"])
        firsts = table.filter(from_booleans(np.concatenate([[True], rows[1:] != rows[:-1]])))
        for kind in Kind:
            keys = one_chunk(firsts.filter(pc.equal(firsts["kind"], text(str(kind))))[name]).drop_null()
            places[kind].append(_positions(keys, family))
    joined = {kind: np.concatenate([np.empty(0), *each]) for kind, each in places.items()}
    edges = [position(each, family) for each in (low, high) if each is not None]
    everything = np.concatenate([*joined.values(), [edge for edge in edges if edge is not None]])
    if not len(everything):
        return None
    first_edge, last_edge = float(everything.min()), float(everything.max())
    bins = np.linspace(first_edge, last_edge if last_edge > first_edge else first_edge + 1, _BINS + 1)
    counts = {kind: tuple(int(n) for n in np.histogram(joined[kind], bins)[0]) for kind in Kind}
    return Histogram(columns.key[0].name, tuple(_text(edge, family) for edge in bins.tolist()), counts)


def _positions(keys: Any, family: Family) -> Any:
    if family is Family.INTEGER:
        return integers(keys).astype(np.float64)
    encoded = keys.dictionary_encode()
    known = np.array(
        [np.nan if (place := position(each, family)) is None else place for each in encoded.dictionary.to_pylist()]
    )
    found = known[integers(encoded.indices.cast(pa.int64()))] if len(keys) else np.empty(0)
    return found[~np.isnan(found)]


def position(key: str, family: Family) -> float | None:
    """Give where a key lies on its axis; None for what lies nowhere, such as infinity."""
    if family in _MOMENTS:
        seconds = seconds_of(key)
        return float(seconds) if isinstance(seconds, Fraction) else None
    number = float(key)
    return number if np.isfinite(number) else None


def _text(place: float, family: Family) -> str:
    if family not in _MOMENTS:
        return f"{place:.0f}" if family is Family.INTEGER else f"{place:g}"
    try:
        moment = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=round(place))
    except OverflowError:
        return f"{place:.0f} s"
    said = canonical_moment(moment.strftime("%Y-%m-%d %H:%M:%S"))
    return said[:10] if family is Family.DATE else said
