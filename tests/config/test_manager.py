"""The configuration is found, its paths are located, and it says where each setting comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockroach_pipelines.config import (
    ConfigManager,
    ConfigurationError,
    DatabaseConfig,
    EmbeddedConfig,
    Place,
    Settings,
)
from tests.config.conftest import Load, Refuse

EMBEDDED = "connections: {main: {embedded: {}}}\n"
SERVER = "connections: {main: {host: db.example.com, user: etl}}\n"


def written(path: Path, text: str = EMBEDDED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_default_file_is_config_yaml_in_the_current_folder(folder: Path) -> None:
    written(folder / "config.yaml")
    manager = ConfigManager.load(environ={})
    assert manager.connection().embedded is not None
    assert (manager.folder, manager.path) == (folder, folder / "config.yaml")


def test_environment_names_another_file(folder: Path) -> None:
    written(folder / "config.yaml")
    written(folder / "other" / "settings.yaml", SERVER)
    manager = ConfigManager.load(environ={"COCKROACH_PIPELINES_CONFIG": "other/settings.yaml"})
    assert manager.connection().host == "db.example.com"
    assert manager.folder == folder / "other"


def test_path_given_wins_over_the_environment(folder: Path) -> None:
    path = written(folder / "mine.yaml", SERVER)
    assert ConfigManager.load(path, {"COCKROACH_PIPELINES_CONFIG": "missing.yaml"}).connection().user == "etl"


def test_environment_of_the_process_is_read_when_none_is_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(folder / "config.yaml", SERVER)
    monkeypatch.setenv("COCKROACH_CONNECTIONS__MAIN__PORT", "5432")
    assert ConfigManager.load().connection().port == 5432


def test_home_folder_is_expanded_in_the_path_of_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    written(folder / "elsewhere" / "config.yaml")
    assert ConfigManager.load(Path("~/elsewhere/config.yaml"), {}).folder == folder / "elsewhere"


def test_no_file_is_needed_where_the_environment_defines_the_connections(folder: Path) -> None:
    manager = ConfigManager.load(environ={"COCKROACH_CONNECTIONS__MAIN__EMBEDDED": "{}"})
    assert manager.path is None
    assert manager.folder == folder
    assert manager.settings.sql_folder == folder / "sql"


def test_without_file_and_environment_every_place_tried_is_listed_in_order(folder: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ConfigManager.load(environ={"COCKROACH_SQL_FOLDER": "sql"})
    text = str(caught.value)
    tried = [
        "1. a path: none was given",
        "2. COCKROACH_PIPELINES_CONFIG: not set",
        f"3. {folder / 'config.yaml'}: there is no such file",
        "4. the variables COCKROACH_CONNECTIONS__<name>__HOST",
    ]
    assert [text.find(line) for line in tried] == sorted(text.find(line) for line in tried)
    assert all(line in text for line in tried)
    assert "connections: {main: {embedded: {}}}" in caught.value.advice


def test_file_that_was_asked_for_must_exist(folder: Path) -> None:
    written(folder / "config.yaml")
    with pytest.raises(ConfigurationError, match=r"COCKROACH_PIPELINES_CONFIG, gone\.yaml: there is no such file"):
        ConfigManager.load(environ={"COCKROACH_PIPELINES_CONFIG": "gone.yaml"})
    with pytest.raises(ConfigurationError, match=r"1\. the path that was given, gone\.yaml: there is no such file"):
        ConfigManager.load(Path("gone.yaml"), {})


def test_file_of_nearly_the_name_is_proposed(folder: Path) -> None:
    written(folder / "config.yml")
    with pytest.raises(ConfigurationError, match=r"Did you mean 'config\.yml'\?"):
        ConfigManager.load(environ={})


def test_empty_variable_for_the_file_counts_as_none(folder: Path) -> None:
    written(folder / "config.yaml")
    assert ConfigManager.load(environ={"COCKROACH_PIPELINES_CONFIG": ""}).path == folder / "config.yaml"


def test_folder_in_the_place_of_the_file_is_an_error_with_its_place(folder: Path) -> None:
    (folder / "config.yaml").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory") as caught:
        ConfigManager.load(environ={})
    assert caught.value.place == Place(Path("config.yaml"))


def test_file_that_leads_nowhere_is_an_error(folder: Path) -> None:
    (folder / "config.yaml").symlink_to("config.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        ConfigManager.load(environ={})


def test_file_without_end_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match="larger than 1 MiB"):
        ConfigManager.load(Path("/dev/zero"), {})


def test_every_relative_path_counts_from_the_folder_of_the_file(folder: Path) -> None:
    path = written(
        folder / "etc" / "config.yaml",
        """
        sql_folder: ../sql
        connections:
          main:
            host: db.example.com
            user: etl
            sslrootcert: certs/ca.crt
            sslcert: certs/client.crt
            sslkey: certs/client.key
            pg_jar: lib/pgjdbc.jar
            java_home: jre
            kerberos: {krb5_conf: krb5.conf, keytab: etl.keytab, principal: etl, ticket_cache: FILE:cache}
          jaas: {host: db.example.com, user: etl, kerberos: {jaas_conf: jaas.conf}}
          local: {embedded: {}}
          other: {embedded: {folder: data}}
        """,
    )
    manager = ConfigManager.load(path.relative_to(folder), {})
    etc = folder / "etc"
    main = manager.connection()
    assert main.kerberos is not None
    assert (manager.settings.sql_folder, manager.settings.results_folder) == (etc / "../sql", etc / ".data/results")
    assert (main.sslrootcert, main.sslcert, main.sslkey) == (
        etc / "certs/ca.crt",
        etc / "certs/client.crt",
        etc / "certs/client.key",
    )
    assert (main.pg_jar, main.java_home) == (etc / "lib/pgjdbc.jar", etc / "jre")
    assert (main.kerberos.krb5_conf, main.kerberos.keytab) == (etc / "krb5.conf", etc / "etl.keytab")
    assert main.kerberos.ticket_cache == f"FILE:{etc / 'cache'}"
    jaas = manager.connection("jaas").kerberos
    assert jaas is not None and jaas.jaas_conf == etc / "jaas.conf"
    embedded = [manager.connection(name).embedded for name in ("local", "other")]
    assert [each and each.folder for each in embedded] == [etc / ".data/embedded", etc / "data"]


def test_relative_path_from_the_environment_counts_from_the_folder_of_the_file_too(folder: Path) -> None:
    path = written(folder / "etc" / "config.yaml")
    manager = ConfigManager.load(path, {"COCKROACH_RESULTS_FOLDER": "results"})
    assert manager.settings.results_folder == folder / "etc" / "results"


def test_settings_equal_the_model_built_by_hand(folder: Path, load: Load) -> None:
    by_hand = Settings(
        connections={"main": DatabaseConfig(embedded=EmbeddedConfig(folder=folder / ".data/embedded"))},
        sql_folder=folder / "sql",
        results_folder=folder / ".data/results",
        cache_folder=folder / ".data/cache",
    )
    assert load(EMBEDDED).settings == by_hand


def test_paths_stay_settings_that_were_not_given(load: Load) -> None:
    settings = load(EMBEDDED).settings
    assert settings.model_fields_set == {"connections"}
    embedded = settings.connections["main"].embedded
    assert embedded is not None and embedded.model_fields_set == set()


@pytest.mark.parametrize("name", ["KCM:", "KEYRING:persistent:0", "/tmp/krb5cc_0", "FILE:/tmp/krb5cc_0"])
def test_ticket_cache_that_is_no_relative_file_stays_as_it_is(load: Load, name: str) -> None:
    text = f"connections: {{main: {{host: h, user: u, kerberos: {{ticket_cache: '{name}'}}}}}}"
    kerberos = load(text).connection().kerberos
    assert kerberos is not None and kerberos.ticket_cache == name


def test_home_folder_is_expanded_in_paths(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/etl")
    kerberos = "kerberos: {keytab: ~/etl.keytab, principal: etl, ticket_cache: ~/cache}"
    loaded = load(f"connections: {{main: {{host: h, user: u, {kerberos}}}}}").connection().kerberos
    assert loaded is not None
    assert (loaded.keytab, loaded.ticket_cache) == (Path("/home/etl/etl.keytab"), "/home/etl/cache")


def test_tilde_after_a_dot_is_a_file_of_that_name(load: Load, folder: Path) -> None:
    settings = load("connections: {main: {embedded: {}}}\nsql_folder: ./~sql\n").settings
    assert settings.sql_folder == folder / "~sql"


def test_home_folder_of_nobody_is_an_error(refuse: Refuse) -> None:
    error = refuse("connections: {main: {embedded: {folder: ~no-such-user/data}}}")
    assert "home folder of that user is not known" in error.message
    assert error.place == Place(Path("config.yaml"), 1, 41)


def test_unknown_connection_is_an_error_with_the_file_and_the_nearest_name(load: Load) -> None:
    manager = load("connections:\n  main: {embedded: {}}\n  replica: {embedded: {}}\n")
    with pytest.raises(ConfigurationError) as caught:
        manager.connection("replika")
    assert caught.value.place == Place(Path("config.yaml"), 1, 1)
    assert caught.value.advice == "Did you mean 'replica'?"


ORIGINS = "connections:\n  main:\n    host: db.example.com\n    user: etl\n  local:\n    embedded: {}\n"


def test_each_setting_tells_its_origin(load: Load) -> None:
    variable = "COCKROACH_CONNECTIONS__MAIN__USER"
    manager = load(ORIGINS, {variable: "me"})
    assert manager.origin("connections.main.host") == "config.yaml:3"
    assert manager.origin("connections.main.user") == f"environment {variable}"
    assert manager.origin("connections.main.port") == "default"
    assert manager.origin("connections.main.kerberos.keytab") == "default"
    assert manager.origin("connections.main") == "config.yaml:2"
    assert manager.origin("sql_folder") == "default"


def test_origins_has_every_setting_that_was_given(load: Load) -> None:
    environ = {"COCKROACH_CONNECTIONS__MAIN__POOL": '{"size": 2}', "COCKROACH_SQL_FOLDER": "q"}
    assert load(ORIGINS, environ).origins() == {
        "connections.main.host": "config.yaml:3",
        "connections.main.user": "config.yaml:4",
        "connections.main.pool.size": "environment COCKROACH_CONNECTIONS__MAIN__POOL",
        "connections.local.embedded": "config.yaml:6",
        "sql_folder": "environment COCKROACH_SQL_FOLDER",
    }


def test_what_the_environment_took_away_has_no_origin_in_the_file(load: Load) -> None:
    main = "COCKROACH_CONNECTIONS__MAIN__"
    text = "connections: {main: {embedded: {folder: data}}}"
    origins = load(text, {f"{main}EMBEDDED": "null", f"{main}HOST": "h", f"{main}USER": "u"}).origins()
    assert set(origins) == {"connections.main.embedded", "connections.main.host", "connections.main.user"}
    assert origins["connections.main.embedded"] == f"environment {main}EMBEDDED"


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ("connections.main.hots", "Did you mean 'host'?"),
        ("connections.main.hots.deeper", "Did you mean 'host'?"),
        ("connections.mian.host", "Did you mean 'main'?"),
        ("sql_folder.deeper", "sql_folder is one value and has nothing below it."),
        (
            "",
            "Known here: cache_folder, code_url, connections, logging, migrations, notifications, results_folder, sql_folder, webserver_url.",
        ),
    ],
)
def test_origin_of_what_does_not_exist_is_an_error(load: Load, setting: str, advice: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(ORIGINS).origin(setting)
    assert caught.value.advice == advice


def test_connection_whose_name_has_a_dot_tells_its_origin(load: Load) -> None:
    manager = load("connections:\n  eu.west:\n    embedded: {}\n")
    assert manager.origins() == {"connections.'eu.west'.embedded": "config.yaml:3"}
    assert manager.origin("connections.'eu.west'.embedded") == "config.yaml:3"
