"""What many differences have in common, in words."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.reconciliation.arrays import text
from cockroach_pipelines.reconciliation.columns import ColumnMap, Pair
from cockroach_pipelines.reconciliation.matching import value_column
from cockroach_pipelines.reconciliation.moments import seconds_of
from cockroach_pipelines.reconciliation.result import Kind, Pattern
from cockroach_pipelines.reconciliation.tally import Tally
from cockroach_pipelines.reconciliation.tolerance_rules import MOMENTS, NUMBERS

_LEAST_SHARE = 0.6
_LEAST_ROWS = 2
_CELLS_EACH = 2_000
_CONCENTRATED, _USUAL = 0.9, 0.5
_LONGEST_SHOWN = 60

Cell = tuple[str | None, str | None]
Explanation = Callable[[Cell], str | None]


def column_patterns(cells: Any, columns: ColumnMap) -> list[Pattern]:
    """Give, for each column that changed, what explains most of its differences.

    Args:
        cells: Differences as the dataset has them.
        columns: What was compared.
    """
    changed = cells.filter(pc.equal(cells["kind"], text(str(Kind.CHANGED))))
    found = []
    for pair in columns.values:
        own = changed.filter(pc.equal(changed["column"], text(pair.name)))
        own = own.slice(0, _CELLS_EACH)
        values: list[Cell] = list(zip(own["source"].to_pylist(), own["target"].to_pylist(), strict=True))
        if len(values) >= _LEAST_ROWS:
            said = next(_explanations(values, pair), None)
            if said is not None:
                found.append(Pattern(pair.name, said[0], said[1], said[1] / len(values)))
    return found


def _explanations(values: list[Cell], pair: Pair) -> Iterator[tuple[str, int]]:
    """Give what explains at least most of the cells, the most telling first."""
    rules: list[Explanation] = [_null_and_empty, _null]
    if pair.family in NUMBERS:
        rules += [_sign, _offset, _factor, _rounding, _noise]
    elif pair.family in MOMENTS:
        rules += [_shift, _truncation]
    else:
        rules += [_blanks, _case, _normalization, _encoding, _cut_off]
    rules.append(_constant)
    for rule in rules:
        counted = Counter(said for cell in values if (said := rule(cell)) is not None)
        for description, number in counted.most_common(1):
            if number >= max(_LEAST_ROWS, _LEAST_SHARE * len(values)):
                yield description, number


def _null_and_empty(cell: Cell) -> str | None:
    source, target = cell
    if source is None and target == "":
        return "NULL has become empty text"
    return "empty text has become NULL" if source == "" and target is None else None


def _null(cell: Cell) -> str | None:
    source, target = cell
    if target is None:
        return "the target is NULL"
    return "the source is NULL" if source is None else None


def _blanks(cell: Cell) -> str | None:
    source, target = cell
    if source is None or target is None:
        return None
    if source.rstrip() == target.rstrip():
        return "trailing blanks"
    if source.lstrip() == target.lstrip():
        return "leading blanks"
    if source.strip() == target.strip():
        return "blanks around the text"
    return "white space" if "".join(source.split()) == "".join(target.split()) else None


def _case(cell: Cell) -> str | None:
    source, target = cell
    if source is None or target is None or source.casefold() != target.casefold():
        return None
    if target == source.upper():
        return "the target is in upper case"
    return "the target is in lower case" if target == source.lower() else "upper and lower case"


def _normalization(cell: Cell) -> str | None:
    source, target = cell
    if source is None or target is None:
        return None
    same = unicodedata.normalize("NFC", source) == unicodedata.normalize("NFC", target)
    return "the same characters, composed otherwise (Unicode normalization)" if same else None


def _encoding(cell: Cell) -> str | None:
    source, target = cell
    if source is None or target is None:
        return None
    for name in ("latin-1", "cp1252"):
        try:
            if source.encode().decode(name) == target:
                return f"UTF-8 that was read as {name}"
        except UnicodeError:
            continue
    lost = source.encode("ascii", "replace").decode()
    return "characters outside ASCII have become ?" if lost == target else None


def _cut_off(cell: Cell) -> str | None:
    source, target = cell
    if source is None or not target or not source.startswith(target) or source == target:
        return None
    return f"cut off after {len(target):,} characters"


def _constant(cell: Cell) -> str | None:
    target = cell[1]
    return None if target is None else f"the target is always {_shown(target)}"


def _decimals(cell: Cell) -> tuple[Decimal, Decimal] | None:
    try:
        source, target = (Decimal(value) for value in cell if value is not None)
    except (InvalidOperation, ValueError):
        return None
    return (source, target) if source.is_finite() and target.is_finite() else None


def _sign(cell: Cell) -> str | None:
    numbers = _decimals(cell)
    return "the opposite sign" if numbers and numbers[0] == -numbers[1] else None


def _offset(cell: Cell) -> str | None:
    numbers = _decimals(cell)
    if not numbers:
        return None
    offset = (numbers[1] - numbers[0]).normalize()
    return f"the target differs by {offset:+f}"


def _factor(cell: Cell) -> str | None:
    numbers = _decimals(cell)
    if not numbers or not numbers[0]:
        return None
    factor = (numbers[1] / numbers[0]).normalize()
    return f"the target is {factor:f} times the source" if len(factor.as_tuple().digits) <= 6 else None


def _rounding(cell: Cell) -> str | None:
    numbers = _decimals(cell)
    if not numbers:
        return None
    digits = max(0, -int(numbers[1].normalize().as_tuple().exponent))
    own = max(0, -int(numbers[0].normalize().as_tuple().exponent))
    if digits < own <= 40 and abs(numbers[0] - numbers[1]) <= Decimal(1).scaleb(-digits):
        return "the target has fewer digits after the point"
    return None


def _noise(cell: Cell) -> str | None:
    numbers = _decimals(cell)
    if not numbers:
        return None
    largest = max(abs(numbers[0]), abs(numbers[1]))
    return "noise of floating point" if abs(numbers[0] - numbers[1]) <= largest * Decimal("1e-12") else None


def _seconds(cell: Cell) -> tuple[Fraction, Fraction] | None:
    moments = [seconds_of(value) for value in cell if value is not None]
    if len(moments) == 2 and isinstance(moments[0], Fraction) and isinstance(moments[1], Fraction):
        return moments[0], moments[1]
    return None


def _shift(cell: Cell) -> str | None:
    moments = _seconds(cell)
    return f"the target is {_duration(moments[1] - moments[0])}" if moments else None


def _truncation(cell: Cell) -> str | None:
    moments = _seconds(cell)
    if not moments:
        return None
    for unit, name in (
        (86_400, "days"),
        (3600, "hours"),
        (60, "minutes"),
        (1, "seconds"),
        (Fraction(1, 1000), "milliseconds"),
    ):
        if moments[1] % unit == 0 and abs(moments[0] - moments[1]) < unit:
            return f"the target has whole {name}"
    return None


def _duration(seconds: Fraction) -> str:
    direction = "later" if seconds > 0 else "earlier"
    amount = abs(seconds)
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if amount >= unit and amount % unit == 0:
            number = int(amount / unit)
            return f"{number:,} {name}{'' if number == 1 else 's'} {direction}"
    return f"{float(amount):g} seconds {direction}"


def row_patterns(tally: Tally, columns: ColumnMap, usual: Any) -> list[Pattern]:
    """Say which value nearly all rows that differ have in a column, where it is rare otherwise.

    Args:
        tally: With some of the rows that differ.
        columns: What was compared.
        usual: Some rows of the source, as text; None when there are none.
    """
    if not tally.context or usual is None or tally.context_rows < _LEAST_ROWS:
        return []
    rows = pa.concat_tables(tally.context)
    found = []
    for position, pair in enumerate(columns.all):
        name = value_column(position)
        (value, number) = Counter(rows[name].to_pylist()).most_common(1)[0]
        ordinary = usual[name].to_pylist()
        share = number / len(rows)
        rare = not ordinary or ordinary.count(value) / len(ordinary) <= _USUAL
        if share >= _CONCENTRATED and rare and len(ordinary) > number:
            how = "all" if number == len(rows) else "nearly all"
            shown = "NULL" if value is None else _shown(value)
            found.append(Pattern(None, f"{how} have {pair.name} = {shown}", number, share))
    return found


def _shown(value: str) -> str:
    return repr(value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…")
