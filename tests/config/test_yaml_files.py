"""What is wrong in a configuration file is told with its place and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.config import ConfigManager, ConfigurationError, Place
from tests.config.conftest import Load, Refuse


def main(text: str) -> str:
    return f"connections:\n  main:\n    host: db\n    user: etl\n    {text}\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "advice"),
    [
        (main("hots: x"), 5, 5, "connections.main.hots is no setting", "Did you mean 'host'?"),
        (main("keytab: x"), 5, 5, "connections.main.keytab is no setting", "connections.<name>.kerberos.keytab"),
        ("conections: {}\nconnections: {main: {embedded: {}}}", 1, 1, "conections is no setting", "'connections'"),
        (main("port: abc"), 5, 11, "must be a whole number, from 1 to 65535, not 'abc'", ""),
        (main("port: 70000"), 5, 11, "must be a whole number, from 1 to 65535, not '70000'", ""),
        (main("port:"), 5, 10, "must be a whole number, from 1 to 65535, and nothing is there", ""),
        (main("sslmode: verify_full"), 5, 14, "must be one of disable, allow", "Did you mean 'verify-full'?"),
        (main("socket_timeout: soon"), 5, 21, "'soon' is no span of time", ""),
        (main("socket_timeout: 0.1ms"), 5, 21, "from 0.001 to 2147483, not '0.1ms'", ""),
        (main("socket_timeout: 30d"), 5, 21, "from 0.001 to 2147483, not '30d'", ""),
        (main("pool: {lifetime: 0}"), 5, 22, "more than 0, not '0'", ""),
        (main("pool: [1]"), 5, 11, "connections.main.pool must be a mapping, not a list", "size, lifetime"),
        (main("kerberos: yes"), 5, 15, "connections.main.kerberos must be a mapping, not a single value", "keytab"),
        (main("database: {a: b}"), 5, 15, "must be text that is not empty, not a mapping", ""),
        (main("database: ''"), 5, 15, "must be text that is not empty, not ''", ""),
        (main("sslkey: ''"), 5, 13, "connections.main.sslkey: is no path", ""),
        (main("kerberos: {keytab: k}"), 5, 5, "a keytab needs the principal", ""),
        (main("embedded: {}"), 2, 3, "`embedded` decides these by itself: remove host, user", ""),
        ("connections:\n  main: {host: db}\n", 2, 3, "connections.main: needs user", ""),
        ("connections: {main: {embedded: {sample_data: maybe}}}", 1, 46, "must be true or false, not 'maybe'", ""),
        ("connections: {host: db}", 1, 21, "connections.host must be a mapping", "connections.main.host?"),
        ("connections: {}", 1, 14, "a mapping of at least one name", ""),
        ("sql_folder: sql", None, None, "connections is missing", "connections: {main: {embedded: {}}}"),
        ("", None, None, "is empty", "connections: {main: {embedded: {}}}"),
        ("# nothing yet\n", None, None, "is empty", "connections: {main: {embedded: {}}}"),
        ("- main\n", 1, 1, "is a list, where a mapping of settings belongs", ""),
        ("main\n", 1, 1, "is a single value, where a mapping of settings belongs", ""),
        ("connections: [\n", 2, 1, "is not valid YAML: expected the node content", ""),
        ("connections:\n\tmain: {}\n", 2, 1, "cannot start any token", "Indent with spaces."),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second document (---) starts here", ""),
        ("a: \0", 1, 4, "the character U+0000 is not allowed in YAML", "Remove it."),
        ("[" * 5000, None, None, "nested too deeply", ""),
        ('a: "\\UFFFFFFFF"', None, None, "an escape names no character", ""),
        (main("<<: 1"), 5, 9, "`<<` must name another mapping", "<<: *anchor"),
        (main("<<: *unknown"), 5, 9, "`*` names an anchor that does not exist", ""),
        (main("database: !!python/object:os.system x"), 5, 15, "a tag (!…) says nothing", "Remove the tag."),
        (main("[a]: x"), 5, 5, "a key must be text", "Write `key: value`."),
        ("connections: {main: &m {embedded: *m}}", 1, 21, "an alias within this names it again", ""),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    refuse: Refuse, text: str, line: int | None, column: int | None, message: str, advice: str
) -> None:
    error = refuse(text)
    assert error.place == Place(Path("config.yaml"), line, column)
    assert message in error.message
    assert advice in error.advice
    assert "settings are wrong" not in error.message


def test_key_given_twice_is_an_error_at_the_second(refuse: Refuse) -> None:
    error = refuse("connections:\n  main: {embedded: {}}\n  main: {embedded: {}}\n")
    assert error.place == Place(Path("config.yaml"), 3, 3)
    assert "'main' is here a second time" in error.message
    assert error.advice == "Remove one; the first is at config.yaml:2:3."


def test_problem_of_a_shared_mapping_is_told_once(refuse: Refuse) -> None:
    text = "connections:\n  main: &main {host: a, user: b, user: c}\n  other: {<<: *main}\n"
    assert refuse(text).place == Place(Path("config.yaml"), 2, 34)
    assert "settings are wrong" not in refuse(text).message


def test_bytes_that_are_not_utf_8_are_told_with_line_and_column(folder: Path, refuse: Refuse) -> None:
    (folder / "config.yaml").write_bytes("# größer\nconnections: ä".encode() + b"\xff")
    error = refuse()
    assert error.place == Place(Path("config.yaml"), 2, 15)
    assert "0xFF is not UTF-8" in error.message


def test_byte_order_mark_is_no_error(folder: Path, load: Load) -> None:
    (folder / "config.yaml").write_bytes(b"\xef\xbb\xbfconnections: {main: {embedded: {}}}")
    assert load().connection().embedded is not None


def test_aliases_of_aliases_without_bound_are_refused(refuse: Refuse) -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    assert "aliases make it too large" in refuse(f"a0: &a0 x\n{levels}\n").message


def test_everything_that_is_wrong_is_told_at_once_in_the_order_of_the_file(refuse: Refuse) -> None:
    error = refuse(
        "connections:\n"
        "  main:\n"
        "    prot: 1\n"
        "    host: db\n"
        "    host: other\n"
        "    sslmode: on\n"
        "  second: {user: u}\n"
        "sql_foldr: x\n",
        {"COCKROACH_CONNECTIONS__MAIN__PROT": "1", "COCKROACH_CONNECTIONS__MAIN__USR": "u"},
    )
    assert error.message.splitlines()[0] == "6 settings are wrong:"
    places = [line.removeprefix("  - ").partition(": ")[0] for line in error.message.splitlines() if line[2] == "-"]
    assert places == [
        "config.yaml:5:5",
        "config.yaml:6:14",
        "config.yaml:7:3",
        "config.yaml:8:1",
        "environment COCKROACH_CONNECTIONS__MAIN__PROT",
        "environment COCKROACH_CONNECTIONS__MAIN__USR",
    ]
    assert error.place == Place(Path("config.yaml"), 5, 5)


@pytest.mark.parametrize("text", ["0123", "no", "1:30", "2020-01-01", "1e3", "~x", "0x1F", "12345678901234567890"])
def test_plain_text_is_text_where_text_is_expected(load: Load, text: str) -> None:
    password = load(main(f"password: {text}")).connection().password
    assert password is not None and password.get_secret_value() == text


def test_number_with_a_leading_zero_is_not_octal(load: Load) -> None:
    assert load(main("port: 026257")).connection().port == 26257


def test_null_leaves_an_optional_setting_silent(load: Load) -> None:
    assert load(main("password: null")).connection().password is None
    assert load(main("password: 'null'")).connection().password is not None


def test_merge_keys_share_settings_between_connections(load: Load) -> None:
    manager = load(
        "connections:\n  main: &main {host: a, user: etl, pool: {size: 2}}\n  replica:\n    <<: *main\n    host: b\n"
    )
    replica = manager.connection("replica")
    assert (replica.host, replica.user, replica.pool.size) == ("b", "etl", 2)
    assert manager.origin("connections.replica.host") == "config.yaml:5"
    assert manager.origin("connections.replica.user") == "config.yaml:2"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from("ab:- \n\t[]{}&*!|>'\"%@`#,?<~\\x0\u00e4\ud7ff"), max_size=40))
def test_any_text_loads_or_is_refused_with_a_place(folder: Path, text: str) -> None:
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        ConfigManager.load(environ={})
    assert caught.value.place is not None
    assert caught.value.place.source == Path("config.yaml")
