"""A text of JSON and arrays that is equal for equal meanings, computed where the rows are."""

from __future__ import annotations

from dataclasses import replace

from cockroach_pipelines.reconciliation.columns import Pair
from cockroach_pipelines.reconciliation.families import Family

# What PostgreSQL's jsonb and array texts leave different: zeros at the end of a fraction, and the sign of 0. Texts within
# change too, so that different values may become one; of a hash that says where to look that is no harm.
_ZEROS = (r"\.0+([^0-9]|$)", r"\1"), (r"(\.[0-9]*[1-9])0+([^0-9]|$)", r"\1\2"), (r"-0([^0-9.]|$)", r"0\1")


def by_meaning(pair: Pair) -> Pair:
    """Give a column of JSON or of arrays as such a text, which may be hashed; others as they are."""
    if pair.normalize or pair.family not in (Family.JSON, Family.ARRAY):
        return pair
    text = "{}::jsonb::text" if pair.family is Family.JSON else "{}::text"
    for pattern, replacement in _ZEROS:
        text = f"regexp_replace({text}, '{pattern}', '{replacement}', 'g')"
    return replace(pair, family=Family.TEXT, normalize=text)
