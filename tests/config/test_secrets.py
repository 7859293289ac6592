"""A password appears in no message, no representation and no traceback."""

from __future__ import annotations

import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cockroach_pipelines.config import ConfigManager, ConfigurationError, DatabaseConfig
from tests.config.conftest import Load

SECRET = "hunter2swordfish"


def shown(error: BaseException) -> str:
    return "\n".join((str(error), repr(error), *traceback.format_exception(error)))


def test_loaded_settings_do_not_show_it(load: Load) -> None:
    manager = load(f"connections: {{main: {{host: h, user: u, password: {SECRET}}}}}")
    for each in (manager, manager.settings, manager.connection(), manager.settings.model_dump_json()):
        assert SECRET not in repr(each) and SECRET not in str(each)
    password = pickle.loads(pickle.dumps(manager.settings)).connections["main"].password  # noqa: S301 - our own bytes
    assert password.get_secret_value() == SECRET


@pytest.mark.parametrize("given_settings", [{"password": SECRET}, {"password": [SECRET]}, {"passwort": SECRET}])
def test_models_that_are_built_by_hand_do_not_show_it_in_their_errors(given_settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as caught:
        DatabaseConfig.model_validate(given_settings)
    assert SECRET not in str(caught.value) and SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "password: *{}",
        "password: !{}",
        "password: !{} x",
        "password: !!{} x",
        "password: !a!{} x",
        "password: &{0} a\n    user: &{0} b",
        "password: @{}",
        "password: %{}",
        "password: '{}",
        'password: "{}',
        'password: "\\q{}"',
        "password: |{}",
        "password: [{}]",
        "password: [{}",
        "password: {{a: {}}}",
        "password: a: {}",
        "password: {}\n    port: x",
        "password: {}\n    password: {}",
        "password: {}\n    embedded: {{}}",
        "passwort: {}",
        "kerberos: {}",
        "pool: {}",
        "password: \t{}",
        "password: {}\x01",
    ],
)
def test_broken_files_do_not_show_it(folder: Path, text: str) -> None:
    lines = f"connections:\n  main:\n    host: h\n    {text.format(SECRET, SECRET)}\n"
    (folder / "config.yaml").write_text(lines, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        ConfigManager.load(environ={})
    assert SECRET not in shown(caught.value)
    assert not isinstance(caught.value.__context__, ValidationError)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("COCKROACH_CONNECTIONS__MAIN__PASWORD", SECRET),
        ("COCKROACH_CONNECTIONS__MAIN__PASSWORD__X", SECRET),
        ("COCKROACH_CONNECTIONS_MAIN_PASSWORD", SECRET),
        ("COCKROACH_CONNECTIONS__PASSWORD", SECRET),
        ("COCKROACH_CONNECTIONS__MAIN", f'{{"password": "{SECRET}", }}'),
        ("COCKROACH_CONNECTIONS__MAIN", f'{{"password": ["{SECRET}"]}}'),
        ("COCKROACH_CONNECTIONS__MAIN", SECRET),
        ("COCKROACH_CONNECTIONS__MAIN", f'"{SECRET}"'),
        ("COCKROACH_CONNECTIONS__MAIN__PASSWORD", SECRET),
        ("COCKROACH_CONNECTIONS__MAIN__PASSWORD", f"{SECRET}\udcff"),
    ],
)
def test_variables_that_are_wrong_do_not_show_it(folder: Path, name: str, value: str) -> None:
    environ = {name: value, "COCKROACH_CONNECTIONS__MAIN__HOST": "h"}
    with pytest.raises(ConfigurationError) as caught:
        ConfigManager.load(environ=environ)
    assert SECRET not in shown(caught.value)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.text(st.sampled_from("*&!|>%@`'\"\\#:- \t"), max_size=4),
    after=st.text(st.sampled_from("*&!|>%@`'\"\\#:- \t"), max_size=4),
)
def test_no_spelling_of_a_password_makes_an_error_show_it(folder: Path, before: str, after: str) -> None:
    text = f"connections:\n  main:\n    port: x\n    password: {before}{SECRET}{after}\n"
    assume("- " not in before)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        ConfigManager.load(environ={})
    assert SECRET not in shown(caught.value)
