"""The fingerprint of a statement changes with its words and not with its layout."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.queries.parsing.fingerprint import fingerprint
from cockroach_pipelines.queries.parsing.lexing import lex

BASE = "SELECT a, 'Text' FROM t WHERE x = :p AND y::int = $$ z $$ GROUP BY a"


@pytest.mark.parametrize(
    "same",
    [
        f"  {BASE}\n;\n-- done",
        BASE.replace(" ", "\n\t ").replace("$$\n\t z\n\t $$", "$$ z $$"),
        BASE.replace("GROUP BY", "GROUP /* the */ BY"),
        BASE.replace(",", " /* , */ ,"),
        BASE.replace("SELECT", "select").replace(" FROM t", " from T"),
        BASE.replace("y::int", "y :: int"),
    ],
)
def test_layout_changes_nothing(same: str) -> None:
    assert fingerprint(lex(same)) == fingerprint(lex(BASE))


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("'Text'", "'text'"),
        BASE.replace("'Text'", "'Text '"),
        BASE.replace("$$ z $$", "$$ z  $$"),
        BASE.replace("$$ z $$", "' z '"),
        BASE.replace(":p", ":P"),
        BASE.replace(":p", "p"),
        BASE.replace("FROM t", 'FROM "t"'),
        BASE.replace("x =", "x >"),
        BASE + ", b",
    ],
)
def test_a_changed_meaning_changes_it(other: str) -> None:
    assert fingerprint(lex(other)) != fingerprint(lex(BASE))


WORDS = st.lists(
    st.sampled_from(
        ["SELECT", "a", "'It''s'", "$q$ x -- $q$", ":p", "ORDER BY", '"Q"', "E'\\''", "::", "1.5", ",", "?|"]
    ),
    min_size=1,
    max_size=10,
)
GAPS = st.sampled_from([" ", "\n", "\t\t", " /* :x ' */ ", " -- '?\n", "/* /* nested */ */", "\r\n"])


@given(WORDS, st.data())
def test_no_white_space_or_comment_between_words_ever_changes_it(words: list[str], data: st.DataObject) -> None:
    gaps = data.draw(st.lists(GAPS, min_size=len(words), max_size=len(words)))
    spread = "".join(f"{word}{gap}" for word, gap in zip(words, gaps, strict=True))
    assert fingerprint(lex(spread)) == fingerprint(lex(" ".join(words)))
