"""The server's text of arrays, such as `{1,NULL,"a,b"}`, taken apart a whole column at a time.

Source: PostgreSQL's documentation of arrays, "Array Input and Output Syntax".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cockroach_pipelines.database.arrow.types import NULL_TEXT

_COMMA, _QUOTE, _BACKSLASH = b',"\\'


def is_flat(texts: Any) -> Any:
    """Give a boolean array: which texts are arrays of one dimension whose subscripts start at 1, NULL being one.

    The others begin with `{{` or, as in `[0:1]={1,2}`, with their bounds.
    """
    return pc.fill_null(pc.match_substring_regex(texts, r"(?s)^\{(?:[^{].*)?\}$"), True)


def lists_of_text(texts: Any) -> Any:
    """Give the list<string> array of a string array of flat arrays: quotes and escapes removed, NULL where it says so.

    Raises:
        pa.ArrowInvalid: A quote has no end.
    """
    filled = pc.fill_null(texts, "{}")
    _, offset_buffer, data = filled.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[filled.offset : filled.offset + len(filled) + 1]
    characters = np.frombuffer(data or b"", np.uint8)[offsets[0] : offsets[-1]]
    firsts, ends = offsets[:-1] - offsets[0], offsets[1:] - offsets[0]

    escaped = _escaped(characters)
    quote = (characters == _QUOTE) & ~escaped
    within_quotes = np.logical_xor.accumulate(quote)
    if within_quotes[ends - 1].any():
        raise pa.ArrowInvalid("an array has a quote without end")
    comma = (characters == _COMMA) & ~within_quotes
    dropped = comma | quote | ((characters == _BACKSLASH) & ~escaped)
    dropped[firsts] = dropped[ends - 1] = True  # the braces

    filled_rows = ends - firsts > 2  # others are `{}`
    starts = np.sort(np.concatenate([firsts[filled_rows], np.flatnonzero(comma)])) + 1
    kept_before = np.concatenate([[0], np.cumsum(~dropped)]).astype(np.int32)
    bounds = np.append(kept_before[starts], kept_before[-1])
    elements = pa.StringArray.from_buffers(
        len(starts), pa.py_buffer(bounds), pa.py_buffer(np.ascontiguousarray(characters[~dropped]))
    )
    is_null = pc.and_(pc.equal(elements, "NULL"), pa.array(~quote[starts]))
    elements = pc.if_else(is_null, NULL_TEXT, elements)
    commas_before = np.concatenate([[0], np.cumsum(comma)])
    lengths = np.where(filled_rows, commas_before[ends] - commas_before[firsts] + 1, 0)
    list_offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return pa.ListArray.from_arrays(list_offsets, elements, mask=texts.is_null())


def _escaped(characters: Any) -> Any:
    """Give which characters stand behind an odd number of backslashes."""
    backslash = characters == _BACKSLASH
    escaped = np.zeros(len(characters), bool)
    if backslash.any():
        positions = np.arange(len(characters))
        before_run = np.maximum.accumulate(np.where(backslash, -1, positions))
        escaped[1:] = (backslash & ((positions - before_run) % 2 == 1))[:-1]
    return escaped
