"""Variables override the file; those of others are left alone, and misspelt ones are told."""

from __future__ import annotations

import pytest

from cockroach_pipelines.config import Place
from tests.config.conftest import Load, Refuse

EMBEDDED = "connections: {main: {embedded: {}}}"
SERVER = "connections: {main: {host: db, user: etl, pool: {size: 2}}}"
MAIN = "COCKROACH_CONNECTIONS__MAIN__"


def test_values_are_read_by_the_type_of_their_setting(load: Load) -> None:
    environ = {
        f"{MAIN}PORT": "5432",
        f"{MAIN}SOCKET_TIMEOUT": "5m",
        f"{MAIN}PASSWORD": "0123",
        f"{MAIN}POOL__SIZE": "9",
        f"{MAIN}KERBEROS__KEYTAB": "/etc/etl.keytab",
        f"{MAIN}KERBEROS__PRINCIPAL": "etl@EXAMPLE.COM",
        "COCKROACH_CONNECTIONS__LOCAL__EMBEDDED__SAMPLE_DATA": "off",
    }
    manager = load(SERVER, environ)
    config = manager.connection()
    assert (config.host, config.port, config.socket_timeout, config.pool.size) == ("db", 5432, 300, 9)
    assert config.password is not None and config.password.get_secret_value() == "0123"
    assert config.kerberos is not None and config.kerberos.principal == "etl@EXAMPLE.COM"
    local = manager.connection("local").embedded
    assert local is not None and local.sample_data is False


def test_mapping_is_json_laid_over_the_file_and_under_deeper_variables(load: Load) -> None:
    environ = {
        f"{MAIN}POOL": '{"lifetime": "10m", "acquire_timeout": 5}',
        f"{MAIN}POOL__ACQUIRE_TIMEOUT": "7",
        "COCKROACH_CONNECTIONS": '{"extra": {"host": "x", "user": "u", "port": 1234, "database": 7}}',
    }
    manager = load(SERVER, environ)
    pool = manager.connection().pool
    assert (pool.size, pool.lifetime, pool.acquire_timeout) == (2, 600, 7)
    extra = manager.connection("extra")
    assert (extra.port, extra.database) == (1234, "7")


def test_null_takes_a_mapping_of_the_file_away(load: Load) -> None:
    environ = {f"{MAIN}EMBEDDED": "null", f"{MAIN}HOST": "db", f"{MAIN}USER": "u"}
    assert load(EMBEDDED, environ).connection().embedded is None


def test_names_of_variables_ignore_case_and_keep_the_spelling_of_the_file(load: Load) -> None:
    environ = {"Cockroach_Connections__PRODEU__port": "1", "COCKROACH_CONNECTIONS__OTHER__EMBEDDED": "{}"}
    settings = load("connections: {prodEU: {host: h, user: u}}", environ).settings
    assert set(settings.connections) == {"prodEU", "other"}
    assert settings.connections["prodEU"].port == 1


def test_names_that_differ_in_case_alone_are_told_apart_by_exact_spelling(load: Load) -> None:
    text = "connections: {Main: {host: h, user: u}, main: {host: h, user: u}}"
    settings = load(text, {"COCKROACH_CONNECTIONS__Main__PORT": "1"}).settings
    assert (settings.connections["Main"].port, settings.connections["main"].port) == (1, 26257)


@pytest.mark.parametrize(
    "name",
    [
        # CockroachDB's own, as its documentation and source have them, and what others give its tools.
        "COCKROACH_URL",
        "COCKROACH_HOST",
        "COCKROACH_PORT",
        "COCKROACH_USER",
        "COCKROACH_DATABASE",
        "COCKROACH_CERTS_DIR",
        "COCKROACH_INSECURE",
        "COCKROACH_CHANNEL",
        "COCKROACH_CONNECT_TIMEOUT",
        "COCKROACH_CONNECTION_STRING",
        "COCKROACH_SQL_CLI_HISTORY",
        "COCKROACH_SQL_PORT",
        "COCKROACH_SQL_TCP_KEEP_ALIVE",
        "COCKROACH_SKIP_ENABLING_DIAGNOSTIC_REPORTING",
        "COCKROACH_LOGIC_TESTS_CONFIG",
        # Kubernetes, for a service `cockroach` or `cockroachdb-public`.
        "COCKROACH_SERVICE_HOST",
        "COCKROACH_PORT_26257_TCP_ADDR",
        "COCKROACHDB_PUBLIC_SERVICE_HOST",
        "COCKROACH_",
        "OTHER_CONNECTIONS__MAIN__HOST",
        "PATH",
    ],
)
def test_variables_of_others_are_left_alone(load: Load, name: str) -> None:
    assert load(EMBEDDED, {name: "tcp://x"}).origins() == {"connections.main.embedded": "config.yaml:1"}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        (f"{MAIN}PROT", f"{MAIN}PORT"),
        (f"{MAIN}POOL__SIEZ", f"{MAIN}POOL__SIZE"),
        ("COCKROACH_CONECTIONS__MAIN__HOST", f"{MAIN}HOST"),
        ("COCKROACH_CONECTIONS__REPLICA__HOST", "COCKROACH_CONNECTIONS__REPLICA__HOST"),
        ("COCKROACH_MAIN__HOST", f"{MAIN}HOST"),
        ("COCKROACH__CONNECTIONS__MAIN__HOST", f"{MAIN}HOST"),
        ("COCKROACH_CONNECTIONS_MAIN_HOST", f"{MAIN}HOST"),
        ("COCKROACH_CONNECTIONS_MAIN_KERBEROS_KEYTAB", f"{MAIN}KERBEROS__KEYTAB"),
        ("COCKROACH_CONNECTIONS__HOST", f"{MAIN}HOST"),
        ("COCKROACHDB_CONNECTIONS__MAIN__HOST", f"{MAIN}HOST"),
        ("COCROACH_CONNECTIONS__MAIN__HOST", f"{MAIN}HOST"),
        ("COCKROACH_SQL_FOLER", "COCKROACH_SQL_FOLDER"),
        ("COCKROACH_RESULT_FOLDER", "COCKROACH_RESULTS_FOLDER"),
        ("COCKROACH_PIPELINE_CONFIG", "COCKROACH_PIPELINES_CONFIG"),
        ("COCKROACH_PIPELINES__CONFIG", "COCKROACH_PIPELINES_CONFIG"),
    ],
)
def test_misspelt_variable_is_named_with_the_one_that_was_meant(refuse: Refuse, name: str, meant: str) -> None:
    error = refuse("connections: {main: {embedded: {}}, replica: {embedded: {}}}", {name: "x"})
    assert error.place == Place(f"environment {name}")
    assert error.advice == f"Did you mean {meant!r}?"


@pytest.mark.parametrize(
    ("name", "value", "message", "advice"),
    [
        (f"{MAIN}PORT", "abc", "must be a whole number, from 1 to 65535, not 'abc'", ""),
        (f"{MAIN}PORT", "", "must be a whole number, from 1 to 65535, not ''", ""),
        (f"{MAIN}SSLKEY", "", "is no path", ""),
        (f"{MAIN}SSLMODE", "verify_full", "must be one of", "Did you mean 'verify-full'?"),
        (f"{MAIN}POOL", "4", "connections.main.pool must be a mapping, not a single value", "size"),
        (f"{MAIN}POOL", "size=4", "must be a mapping in JSON", f"or set {MAIN}POOL__SIZE"),
        (f"{MAIN}POOL", '{"size": 1, "size": 2}', "a key is there twice", ""),
        (f"{MAIN}POOL", "[" * 100_000, "must be a mapping in JSON", ""),
        (f"{MAIN}POOL", '{"size": true}', "must be a whole number, from 1 to 1000, not 'true'", ""),
        (f"{MAIN}POOL", '{"lifetime": NaN}', "'NaN' is no span of time", ""),
        (f"{MAIN}POOL", '{"siez": 1}', "connections.main.pool.siez is no setting", "Did you mean 'size'?"),
        (f"{MAIN}POOL__SIZE__X", "1", "goes on below connections.main.pool.size, which is one value", "POOL__SIZE."),
        ("COCKROACH_CONNECTIONS____HOST", "x", "has an empty key between its underscores", ""),
        ("COCKROACH_CONNECTIONS__MAIN__", "x", "has an empty key between its underscores", ""),
        (
            "COCKROACH_FOO__BAR",
            "x",
            "foo is no setting",
            "Did you mean 'COCKROACH_CODE_URL'?",
        ),
        (f"{MAIN}PASSWORD", "caf\udce9", "holds bytes that are not UTF-8", ""),
        (f"{MAIN}KERBEROS__JAAS_CONF__\udcff", "x", "goes on below", ""),
    ],
)
def test_bad_value_is_told_with_its_variable(refuse: Refuse, name: str, value: str, message: str, advice: str) -> None:
    error = refuse(SERVER, {name: value})
    assert error.place is not None
    assert error.place.source == f"environment {name}".encode(errors="backslashreplace").decode()
    assert message in error.message
    assert advice in error.advice
    str(error).encode()


def test_server_over_an_embedded_connection_tells_how_to_replace_it(refuse: Refuse) -> None:
    error = refuse(EMBEDDED, {f"{MAIN}HOST": "db"})
    assert "`embedded` decides these by itself: remove host" in error.message
    assert f"The environment sets {MAIN}HOST." in error.advice
    assert f"{MAIN}EMBEDDED=null" in error.advice


def test_connection_that_only_a_variable_names_proposes_the_one_of_the_file(refuse: Refuse) -> None:
    error = refuse(SERVER, {"COCKROACH_CONNECTIONS__MIAN__PORT": "1"})
    assert error.place == Place("environment COCKROACH_CONNECTIONS__MIAN__PORT")
    assert "did you mean" in error.advice and "'main'" in error.advice


def test_two_spellings_of_one_variable_must_agree(load: Load, refuse: Refuse) -> None:
    error = refuse(SERVER, {f"{MAIN}PORT": "1", f"{MAIN}port": "2"})
    assert f"{MAIN}PORT set the same, differently" in error.message
    assert load(SERVER, {f"{MAIN}PORT": "1", f"{MAIN}port": "1"}).connection().port == 1


def test_misspelt_variable_is_told_when_nothing_else_defines_a_connection(refuse: Refuse) -> None:
    error = refuse(None, {"COCKROACH_CONNECTION": "{}"})
    assert error.advice == "Did you mean 'COCKROACH_CONNECTIONS'?"


def test_variable_that_cannot_be_read_brings_no_further_errors(refuse: Refuse) -> None:
    error = refuse(None, {f"{MAIN}EMBEDDED": "yes"})
    assert error.message == "must be a mapping in JSON"
