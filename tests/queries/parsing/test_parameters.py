"""`:name` parameters become `?`; nothing in strings, comments and quoted names is touched."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.queries import ParameterError, QueryFileError, bind_positions
from cockroach_pipelines.queries.files.source import SourceText


@pytest.mark.parametrize(
    ("sql", "text", "names"),
    [
        ("SELECT :a, :b_2, :a", "SELECT ?, ?, ?", ("a", "b_2", "a")),
        ("SELECT ':a', E'it\\'s :a', $$ :a $$, $t$ :a $t$, \":a\"", None, ()),
        ("SELECT 1 -- :a\n, 2 /* :a /* :b */ :c */ , 3", None, ()),
        ("SELECT U&'\\0041:a', b'\\x01:a', N':a', X'ff', 'it''s :a'", None, ()),
        ("SELECT a::int, b:::INT8, c::text::date", None, ()),
        ("SELECT :a::int, :b:::INT8", "SELECT ?::int, ?:::INT8", ("a", "b")),
        ("SELECT x[1:n], x[i:n], x[f(i):n], x['1':n]", None, ()),
        ("SELECT x[:a : :b], ARRAY[:a, :b]", "SELECT x[? : ?], ARRAY[?, ?]", ("a", "b", "a", "b")),
        ("SELECT x[(:a)]", "SELECT x[(?)]", ("a",)),
        ("SELECT f(a := :b)", "SELECT f(a := ?)", ("b",)),
        (
            "SELECT j ? 'k', j ?| :ks, j ?& :ks, j @? '$.a'",
            "SELECT j ?? 'k', j ??| ?, j ??& ?, j @?? '$.a'",
            ("ks", "ks"),
        ),
        ("SELECT '?', \"?\", $$?$$ -- ?\n", "SELECT '?', \"?\", $$?$$", ()),
        ("SELECT :a?:b", "SELECT  ? ?? ? ", ("a", "b")),
        ("SELECT * FROM t LIMIT :limit", "SELECT * FROM t LIMIT ?", ("limit",)),
        ("SELECT :order ORDER BY :group", "SELECT ? ORDER BY ?", ("order", "group")),
        ("CALL p(:a, ':b;', :c)", "CALL p(?, ':b;', ?)", ("a", "c")),
        ("EXPLAIN ANALYZE SELECT :a", "EXPLAIN ANALYZE SELECT ?", ("a",)),
        ("SHOW JOBS; -- :a", "SHOW JOBS", ()),
        ("a>=:x AND b<:y AND c=-:z", "a>=? AND b<? AND c=-?", ("x", "y", "z")),
        ("SELECT foo$$:a, $1, a$b", "SELECT foo$$?, $1, a$b", ("a",)),
        ("-- c :a\rSELECT :b", "-- c :a\rSELECT ?", ("b",)),
        ("\n  SELECT 1 ;\n ; -- done\n", "SELECT 1", ()),
        ("", "", ()),
        ("-- only a comment", "-- only a comment"[:0], ()),
    ],
)
def test_each_parameter_becomes_a_question_mark(sql: str, text: str | None, names: tuple[str, ...]) -> None:
    bound = bind_positions(sql)
    assert bound.text == (sql if text is None else text)
    assert bound.names == names


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("SELECT 'abc", "f.sql:1:8: The string that begins here never ends.\nClose it with ' ."),
        ("SELECT 1 /* a /* b */", "f.sql:1:10: The comment that begins here never ends.\nClose it with */ ."),
        ("-- '\nSELECT\n  $x$ a $$", "f.sql:3:3: The string that begins here never ends.\nClose it with $x$ ."),
        ('SELECT "a', 'f.sql:1:8: The quoted identifier that begins here never ends.\nClose it with " .'),
        ("SELECT E'a\\'", "f.sql:1:8: The string that begins here never ends.\nClose it with ' ."),
        (
            "SELECT X'zz'",
            "f.sql:1:8: This string holds something else than hexadecimal digits.\nX'…' takes 0-9 and a-f.",
        ),
        (
            "SELECT :größe",
            "f.sql:1:8: ':größe' is no parameter.\n"
            "A parameter's name is written with the letters a-z, digits and underscores.",
        ),
        ("SELECT 1\0", "f.sql:1:9: A NUL character stands here.\nRemove it: no SQL text may hold one."),
    ],
)
def test_text_that_is_no_sql_is_refused_at_its_place(sql: str, error: str) -> None:
    with pytest.raises(QueryFileError) as raised:
        bind_positions(SourceText("f.sql", sql))
    assert str(raised.value) == error


def test_values_are_put_into_the_order_of_the_question_marks() -> None:
    assert bind_positions("SELECT :b, :a, :b").arrange({"a": 1, "b": 2}) == [2, 1, 2]


def test_a_missing_value_is_an_error_at_the_parameters_place() -> None:
    with pytest.raises(ParameterError) as raised:
        bind_positions(SourceText("f.sql", "SELECT :a,\n  :b, :c")).arrange({"a": 1})
    assert str(raised.value) == "f.sql:2:3: The parameter 'b' has no value.\nGive it one: b=…, c=…."


@pytest.mark.parametrize(
    ("sql", "advice"),
    [("SELECT :airline", "Did you mean 'airline'?"), ("SELECT 1", "This statement takes no parameters.")],
)
def test_an_unknown_value_is_an_error(sql: str, advice: str) -> None:
    with pytest.raises(ParameterError) as raised:
        bind_positions(sql).arrange({"airlin": 1})
    assert str(raised.value) == f"There is no parameter 'airlin'.\n{advice}"


def test_a_position_that_the_server_reports_becomes_line_and_column() -> None:
    file = "-- header\nSELECT :first, :second,\n  wrong_column FROM flights"
    bound = bind_positions(SourceText("f.sql", file).part(10))
    seen_by_server = "SELECT $1, $2,\n  wrong_column FROM flights"
    assert str(bound.place(seen_by_server.index("wrong_column") + 1)) == "f.sql:3:3"
    assert str(bound.place(seen_by_server.index("$2") + 2)) == "f.sql:2:16"
    assert str(bound.place(10_000)) == "f.sql:3:28"
    without_numbers = seen_by_server.replace("$1", "?").replace("$2", "?")
    assert str(bound.place(without_numbers.index("wrong_column") + 1, numbered=False)) == "f.sql:3:3"


def test_literals_can_stand_for_parameters_where_a_statement_takes_none() -> None:
    located = bind_positions("SELECT :a, j ? 'x', :b").inlined(["'long literal'", "2"])
    assert located.text == "SELECT 'long literal', j ? 'x', 2"
    assert str(located.place(located.text.index("2") + 1)) == "SQL text:1:21"


def test_as_many_literals_as_parameters_must_be_given() -> None:
    with pytest.raises(ValueError, match="zip"):
        bind_positions("SELECT :a").inlined([])


@dataclass(frozen=True)
class Piece:
    """A piece of SQL, and what must become of it."""

    written: str
    bound: str
    name: str | None = None


NOISE = st.text(alphabet=":ab?'\"$/*-\n \\;[]é😀", max_size=12)
NAMES = st.sampled_from(["a", "partition_start", "order", "select", "X1", "_"])


def _verbatim(text: str) -> Piece:
    return Piece(text, text)


PIECES = st.one_of(
    NOISE.map(lambda text: _verbatim("'" + text.replace("'", "''") + "'")),
    NOISE.map(lambda text: _verbatim("E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'")),
    NOISE.map(lambda text: _verbatim('"' + text.replace('"', '""') + '"')),
    NOISE.map(lambda text: _verbatim("$q$" + text.replace("$", "") + "$q$")),
    NOISE.map(lambda text: _verbatim("/*" + text.replace("*", "").replace("/", "") + "*/")),
    NOISE.map(lambda text: _verbatim("--" + text.replace("\n", "") + "\n")),
    st.sampled_from(["SELECT", "a::int", "b:::INT8", "x[1:n]", "ORDER BY", "1.5e3", "a$b", ",", "(", ")", "||"]).map(
        _verbatim
    ),
    st.sampled_from([("?", "??"), ("?|", "??|"), ("@?", "@??")]).map(lambda pair: Piece(*pair)),
    NAMES.map(lambda name: Piece(f":{name}", "?", name)),
)


@given(st.lists(PIECES, min_size=1, max_size=12))
def test_only_parameters_and_operators_are_ever_changed(pieces: list[Piece]) -> None:
    sql = " ".join(["SELECT", *(piece.written for piece in pieces), "x"])
    bound = bind_positions(sql)
    assert bound.text == " ".join(["SELECT", *(piece.bound for piece in pieces), "x"])
    assert bound.names == tuple(piece.name for piece in pieces if piece.name)
    assert bound.inlined([f":{name}" for name in bound.names]).text == sql


@given(st.lists(PIECES, max_size=8))
def test_every_character_of_what_the_server_saw_has_its_place(pieces: list[Piece]) -> None:
    source = SourceText("f.sql", " ".join(["SELECT", *(piece.written for piece in pieces), "x"]))
    bound = bind_positions(source)
    seen = bound.inlined([f"${number}" for number in range(1, len(bound.names) + 1)]).text
    assert bound.place(len(seen)) == source.place(len(source.text) - 1)
    written, shown = len("SELECT "), len("SELECT ")
    number = 0
    for piece in pieces:
        assert bound.place(shown + 1) == source.place(written)
        number += piece.name is not None
        written += len(piece.written) + 1
        shown += len(f"${number}" if piece.name else piece.written) + 1
