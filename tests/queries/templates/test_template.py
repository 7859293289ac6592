"""Templates change the shape of a statement; values in them never become SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.queries import ParameterError, QueryFileError, SQLTemplate

HEADER = """/* @template
description: Some columns of a table.
params:
  day: date
  names: {type: "text[]", default: null}
  note: {type: text, default: x}
identifiers:
  table: [flights, weather, 'we"ird', public.flights]
  columns: [carrier, origin]
*/
"""
USE_ALL = "{% if day or names or note or table or columns %}{% endif %}"
GIVEN = {"day": "2013-01-01", "table": "flights", "columns": ["carrier", "origin"]}

Make = Callable[[str], SQLTemplate]


@pytest.fixture
def template(tmp_path: Path) -> Make:
    def make(text: str) -> SQLTemplate:
        path = tmp_path / "template.sql"
        path.write_text(text, encoding="utf-8")
        return SQLTemplate(path)

    return make


def test_values_become_parameters_and_identifiers_quoted_names(template: Make) -> None:
    found = template(
        HEADER
        + """SELECT {% for c in columns %}{{ c | identifier }}{% if not loop.last %}, {% endif %}{% endfor %}
FROM {{ table | identifier }}
WHERE day = {{ day }} {% if names %}AND name = ANY({{ names }}) {% endif %}AND note <> :note
LIMIT {{ names | length if names else 10 }};"""
    )
    rendered = found.render({**GIVEN, "names": ["a", "b"]})
    assert rendered.sql.strip() == (
        'SELECT "carrier", "origin"\nFROM "flights"\nWHERE day = :p1 AND name = ANY(:p2) AND note <> :note\nLIMIT :p3;'
    )
    assert rendered.values == {"p1": dt.date(2013, 1, 1), "p2": ["a", "b"], "p3": 2, "note": "x"}
    assert rendered.bound.text.endswith("WHERE day = ? AND name = ANY(?) AND note <> ?\nLIMIT ?")
    assert rendered.arranged() == [dt.date(2013, 1, 1), ["a", "b"], "x", 2]
    assert [str(table) for table in rendered.parsed.tables_read] == ["flights"]
    assert found.description == "Some columns of a table."
    assert "ANY" not in found.render(GIVEN).sql


@pytest.mark.parametrize(
    ("table", "quoted"), [('we"ird', '"we""ird"'), ("public.flights", '"public"."flights"'), ("weather", '"weather"')]
)
def test_identifiers_are_quoted(template: Make, table: str, quoted: str) -> None:
    found = template(f"{HEADER}{USE_ALL}SELECT 1 FROM {{{{ table | identifier('table') }}}}")
    assert found.render({**GIVEN, "table": table}).sql.strip() == f"SELECT 1 FROM {quoted}"


def test_generated_names_never_meet_the_authors_own(template: Make) -> None:
    found = template("/* @template\nparams: {p1: text, p2: text}\n*/ SELECT :p1, {{ p2 }}, {{ p2 }}")
    rendered = found.render({"p1": "one", "p2": "two"})
    assert rendered.bound.text == "SELECT ?, ?, ?"
    assert rendered.arranged() == ["one", "two", "two"]


HOSTILE = [
    "'; DROP TABLE flights; --",
    "' OR '1'='1",
    '"; DROP TABLE flights; --',
    "*/ DROP TABLE flights /*",
    "$$; DROP TABLE flights; $$",
    "\\'; DROP TABLE flights; --",
    "{{ day }}",
    "{% for x in range(9) %}x{% endfor %}",
    ":p1 ? ?? ::int",
    "é\u2028\u202e\U0001f600",
    "' UNION SELECT password FROM users --",
    "%27%20OR%201=1",
    "\n--\n",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_is_only_ever_a_value(template: Make, value: str) -> None:
    found = template(f"{HEADER}{USE_ALL}SELECT {{{{ note }}}}, {{{{ note ~ '%' }}}}, {{{{ names[0] }}}}")
    rendered = found.render({**GIVEN, "note": value, "names": [value]})
    assert rendered.sql.strip() == "SELECT :p1, :p2, :p3"
    assert rendered.arranged() == [value, f"{value}%", value]


@pytest.mark.parametrize("value", [*HOSTILE, "users", "", "flights ", "Flights", 'flights"', "flights, users"])
def test_a_name_that_is_not_listed_is_refused(template: Make, value: str) -> None:
    found = template(f"{HEADER}{USE_ALL}SELECT 1 FROM {{{{ table | identifier }}}}")
    with pytest.raises(ParameterError, match="is not allowed for 'table'"):
        found.render({**GIVEN, "table": value})
    with pytest.raises(ParameterError, match="is not allowed for 'columns'"):
        found.render({**GIVEN, "columns": ["carrier", value]})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(blacklist_characters="\0")))
def test_no_text_at_all_changes_the_sql(template: Make, value: str) -> None:
    found = template(
        "/* @template\nparams: {note: text}\n*/SELECT {{ note | upper }} {% if note %}x{% else %}x{% endif %}"
    )
    rendered = found.render({"note": value})
    assert rendered.sql == "SELECT :p1 x"
    assert rendered.values == {"p1": value.upper()}


@pytest.mark.parametrize(
    ("body", "line", "message"),
    [
        ("SELECT '{{ note }}'", 11, "This value stands in a string, a quoted name or a comment."),
        ('SELECT 1 FROM "{{ table | identifier }}"', 11, "This value stands in a string, a quoted name or a comment."),
        ("SELECT 1 -- {{ note }}", 11, "This value stands in a string, a quoted name or a comment."),
        ("SELECT 1\nFROM daily_{{ note }}", 12, "This value is part of a word."),
        ("SELECT\n{{ ', ' if note }}", 12, "{{ ', ' }} would become a parameter, not text."),
        ("SELECT {{ nte }}", 11, "'nte' is not declared in the header."),
        ("SELECT {{ note", 11, "The template is wrong: unexpected end of template"),
        ("SELECT\n\n{{ note | nope }}", 13, "The template is wrong: No filter named 'nope'."),
        ("{{ note | safe }}", 11, "The template is wrong: No filter named 'safe'."),
        ("{{ note | attr('x') }}", 11, "The template is wrong: No filter named 'attr'."),
        ("{% set x = note %}", 11, "SQL templates have no Assign."),
        ("{% macro m() %}{% endmacro %}", 11, "SQL templates have no Macro."),
        ("{% include 'x' %}", 11, "SQL templates have no Include."),
        ("{% extends 'x' %}", 11, "SQL templates have no Extends."),
        ("{% import 'x' as y %}", 11, "SQL templates have no Import."),
        ("{{ note.upper() }}", 11, "SQL templates have no Call."),
        ("{{ note * 1000000000 }}", 11, "SQL templates have no Mul."),
        ("{{ 9 ** 9 }}", 11, "SQL templates have no Pow."),
        ("{% filter upper %}x{% endfilter %}", 11, "SQL templates have no FilterBlock."),
    ],
)
def test_a_wrong_template_is_refused_before_it_is_rendered(template: Make, body: str, line: int, message: str) -> None:
    with pytest.raises(QueryFileError) as raised:
        template(HEADER + USE_ALL + body)
    assert raised.value.problems[0].place.line == line
    assert raised.value.problems[0].message.startswith(message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("SELECT {{ table }}", "The template fails: 'flights' is an identifier: write {{ … | identifier }}."),
        (
            "SELECT {{ note | identifier }}",
            "The template fails: only what the header lists under `identifiers` can be an identifier.",
        ),
        (
            "SELECT {{ table | identifier('columns') }}",
            "The template fails: 'flights' comes from the identifiers 'table', not 'columns'.",
        ),
        ("SELECT {{ table | identifier | upper }}", "The template fails: an identifier is no text"),
        ("SELECT {{ table ~ note }}", "The template fails: an identifier is no text"),
        ("SELECT {{ columns }}", "The template fails: a list cannot be the value of a parameter."),
        (
            "SELECT {{ note.__class__ }}",
            "The template fails: access to attribute '__class__' of 'str' object is unsafe.",
        ),
        ("SELECT {{ note['upper'] }}", "The template fails: a builtin_function_or_method cannot be the value"),
        ("SELECT {{ note.nope }}", "The template fails: 'str object' has no attribute 'nope'."),
        ("SELECT {{ self }}", "The template fails: a TemplateReference cannot be the value of a parameter."),
        ("SELECT {{ day - 1 }}", "The template fails: unsupported operand type(s) for -"),
        (
            "SELECT {% if note %}'{% else %}'{% endif %}{{ note }}'",
            "The value 'x' stands in a string or comment of the rendered SQL.",
        ),
    ],
)
def test_a_template_that_fails_says_in_which_line(template: Make, body: str, message: str) -> None:
    found = template(f"{HEADER}{USE_ALL}\n{body}")
    with pytest.raises(QueryFileError) as raised:
        found.render(GIVEN)
    assert raised.value.message.startswith(message)


def test_a_failing_line_is_named(template: Make) -> None:
    found = template("/* @template\nparams: {note: text}\n*/\nSELECT 1,\n  {{ note.nope }}\n")
    with pytest.raises(QueryFileError) as raised:
        found.render({"note": "x"})
    assert (raised.value.place.line, raised.value.place.column) == (5, 1)


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ("params: {a: text}", ":2:10: 'a' is declared and never used.\nRemove it, or use it."),
        ("identifiers: {a: [x..y]}", "`identifiers.a`: 'x..y' is no name of a table or column."),
        ("checks: {a: SELECT 1}", ":2:1: Unknown key 'checks'.\n"),
        ("params: {a: txt}", ":2:13: `params.a.type`: 'txt' is no type of a parameter.\nDid you mean 'text'?"),
    ],
)
def test_a_wrong_header_is_refused(template: Make, header: str, problem: str) -> None:
    with pytest.raises(QueryFileError) as raised:
        template(f"/* @template\n{header}\n*/ SELECT 1")
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"table": "flights", "columns": []}, "The parameter 'day' has no value."),
        ({"day": "2013-01-01", "columns": []}, "The identifier 'table' has no value."),
        ({**GIVEN, "dya": 1}, "There is no parameter 'dya'.\nDid you mean 'day'?"),
        ({**GIVEN, "day": "x"}, "The parameter 'day': 'x' is no date such as 2013-01-31."),
    ],
)
def test_wrong_values_are_refused(template: Make, values: dict[str, object], error: str) -> None:
    found = template(f"{HEADER}{USE_ALL}SELECT 1")
    with pytest.raises(ParameterError) as raised:
        found.render(values)
    assert str(raised.value).startswith(error)


def test_a_template_cannot_grow_without_end(template: Make) -> None:
    loops = "{% for a in names %}" * 4 + "x" * 100 + "{% endfor %}" * 4
    found = template(f'/* @template\nparams: {{names: "text[]"}}\n*/ SELECT {loops}')
    with pytest.raises(QueryFileError, match="the rendered SQL has more than 1,048,576 characters"):
        found.render({"names": ["x"] * 100})
