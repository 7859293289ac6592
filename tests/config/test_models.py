"""Settings that contradict each other, spans of time, and the nearest word."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cockroach_pipelines.config import DatabaseConfig, EmbeddedConfig, KerberosConfig, Place, did_you_mean
from cockroach_pipelines.config.durations import parse_seconds
from cockroach_pipelines.config.suggestions import nearest


def test_jaas_file_replaces_keytab_and_ticket_cache() -> None:
    with pytest.raises(ValidationError, match="jaas_conf replaces keytab and ticket_cache"):
        KerberosConfig(jaas_conf=Path("jaas.conf"), ticket_cache="cache")


def test_relative_paths_stay_without_a_configuration_file() -> None:
    assert EmbeddedConfig().folder == Path(".data/embedded")
    assert DatabaseConfig(host="h", user="u", sslkey=Path("key")).sslkey == Path("key")


def test_models_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        EmbeddedConfig().sample_data = False  # type: ignore[misc]


UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "": 1}


@given(number=st.integers(0, 10**6), unit=st.sampled_from(sorted(UNITS)), space=st.sampled_from(["", " "]))
def test_span_of_time_is_its_number_times_its_unit(number: int, unit: str, space: str) -> None:
    assert parse_seconds(f"{space}{number}{space}{unit}{space}") == pytest.approx(number * UNITS[unit])


def test_span_of_time_may_have_a_fraction() -> None:
    assert parse_seconds("1.5m") == 90


@pytest.mark.parametrize("text", ["", "s", "-1s", "1,5s", "5 min", "1h30m", "1e3", "nan", "\u0663s", True])
def test_anything_else_is_no_span_of_time(text: object) -> None:
    with pytest.raises(ValueError, match="no span"):
        parse_seconds(text)


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 0, -1, 2_147_484])
def test_timeout_that_driver_and_server_cannot_hold_is_refused(seconds: float) -> None:
    with pytest.raises(ValidationError, match="socket_timeout"):
        DatabaseConfig(host="h", user="u", socket_timeout=seconds)


def test_nearest_word_ignores_case_and_keeps_the_known_spelling() -> None:
    assert nearest("HOTS", ["Host", "port"]) == "Host"
    assert nearest("zzz", ["Host", "port"]) is None
    assert did_you_mean("zzz", ["port", "host"]) == "Known here: host, port."
    assert did_you_mean("zzz", []) == "Nothing is known here."


def test_place_reads_as_editors_and_terminals_link_it() -> None:
    assert str(Place(Path("config.yaml"), 3, 5)) == "config.yaml:3:5"
    assert str(Place("environment X")) == "environment X"
