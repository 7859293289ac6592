"""Which rules of a tolerance say anything about which values."""

from __future__ import annotations

from cockroach_pipelines.reconciliation.families import Family
from cockroach_pipelines.reconciliation.spec import Tolerance

NUMBERS = frozenset((Family.INTEGER, Family.NUMERIC, Family.FLOAT))
"""What `absolute` and `relative` are for."""
MOMENTS = frozenset((Family.DATE, Family.TIME, Family.TIMESTAMP, Family.TIMESTAMPTZ))
"""What `within` is for."""
TEXTS = frozenset((Family.TEXT, Family.CHARACTER, Family.OTHER))
"""What the other rules are for."""

_FOR = {
    "absolute": ("numbers", NUMBERS),
    "relative": ("numbers", NUMBERS),
    "within": ("dates and times", MOMENTS),
    "ignore_case": ("text", TEXTS),
    "ignore_trailing_blanks": ("text", TEXTS),
    "null_is_empty": ("text", TEXTS),
}


def without_effect(tolerance: Tolerance, family: Family) -> str:
    """Say which rule says nothing about values of a family, such as "`within` is for dates and times"; empty when all do."""
    for rule, (said, families) in _FOR.items():
        if getattr(tolerance, rule) not in (None, False) and family not in families:
            return f"`{rule}` is for {said}"
    return ""
