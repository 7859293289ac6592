"""Rows as CSV that people open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

CSV_MEDIA_TYPE = "text/csv"

# A cell that begins so is a formula to Excel, LibreOffice and Google's, the full-width ones in East Asian settings.
_BEGIN_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def spreadsheet_csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """Give rows as CSV for people: UTF-8 with its mark, lines ending as RFC 4180 has them.

    Numbers stand as they are and text stands in quotes; NULL is nothing, and an empty text is `""`. A text that a
    spreadsheet would take for a formula gets an apostrophe in front, which it shows and runs nothing: this is no format
    to load data from.
    """
    lines = [",".join(_cell(name) for name in columns)]
    lines += [",".join(_cell(row.get(name)) for name in columns) for row in rows]
    return ("\ufeff" + "".join(f"{line}\r\n" for line in lines)).encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    guard = "'" if text.startswith(_BEGIN_FORMULAS) else ""
    return '"' + guard + text.replace('"', '""') + '"'
