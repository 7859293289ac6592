"""The same settings, given in YAML, by the environment, or in part by each, load equal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.config import ConfigManager

# What YAML and an environment can hold: no half of a surrogate pair and no NUL; and no line break of YAML 1.1, which
# PyYAML writes as it is and reads as a line feed.
TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\x85\u2028\u2029"), min_size=1, max_size=12
)
FILE = st.text(st.sampled_from("abc~./ -_é"), min_size=1, max_size=12).filter(
    lambda text: text.strip() and text[0] != "~"
)
NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,6}(_[a-z0-9]{1,3})?", fullmatch=True)
SPANS = st.one_of(
    st.integers(1, 3600),
    st.builds("{}{}".format, st.integers(1, 500), st.sampled_from(["s", "m"])),
    st.builds("{} ms".format, st.integers(1, 10**6)),
)


def some(optional: dict[str, st.SearchStrategy[Any]], **needed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(needed, optional=optional)


KERBEROS = st.one_of(
    some({"krb5_conf": FILE, "ticket_cache": FILE, "spn": TEXT}, keytab=FILE, principal=TEXT),
    some({"jaas_entry": TEXT}, jaas_conf=FILE),
)
POOL = some({"size": st.integers(1, 1000), "lifetime": SPANS, "acquire_timeout": SPANS})
COMMON = {
    "dialect": st.sampled_from(["cockroachdb", "postgresql"]),
    "statement_timeout": SPANS,
    "socket_timeout": SPANS,
    "application_name": TEXT,
    "pool": POOL,
    "java_home": FILE,
}
SERVER = some(
    {
        "port": st.integers(1, 65535),
        "database": TEXT,
        "password": TEXT,
        "sslmode": st.sampled_from(["disable", "require", "verify-full"]),
        "sslrootcert": FILE,
        "kerberos": KERBEROS,
        **COMMON,
    },
    host=TEXT,
    user=TEXT,
)
EMBEDDED = some(COMMON, embedded=some({"folder": FILE, "sample_data": st.booleans()}))
SETTINGS = some(
    {"sql_folder": FILE, "results_folder": FILE},
    connections=st.dictionaries(NAMES, SERVER | EMBEDDED, min_size=1, max_size=3),
)


def variables(data: Mapping[str, Any], json_below: int, above: str = "COCKROACH_") -> Iterator[tuple[str, str]]:
    """Give the variables for settings; mappings `json_below` levels down, and empty ones, are JSON."""
    for key, value in data.items():
        name = above + key.upper()
        if not isinstance(value, dict):
            yield name, str(value)
        elif not value or json_below == 0:
            yield name, json.dumps(value)
        else:
            yield from variables(value, json_below - 1, f"{name}__")


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(data={"connections": {"main": {"embedded": {}}}}, json_below=9, unicode=True)
@given(data=SETTINGS, json_below=st.integers(0, 4), unicode=st.booleans())
def test_same_settings_load_equal_from_every_source(
    folder: Path, data: dict[str, Any], json_below: int, unicode: bool
) -> None:
    config = folder / "config.yaml"
    config.write_text(yaml.safe_dump(data, allow_unicode=unicode), encoding="utf-8")
    environ = dict(variables(data, json_below))
    from_yaml = ConfigManager.load(config, {}).settings
    from_both = ConfigManager.load(config, environ).settings
    config.unlink()
    from_environment = ConfigManager.load(environ=environ).settings
    assert from_yaml == from_environment == from_both
    for name, given_connection in data["connections"].items():
        loaded = from_yaml.connections[name]
        assert loaded.model_fields_set == set(given_connection)
        for key in ("host", "user", "port", "database", "sslmode", "application_name"):
            if key in given_connection:
                assert getattr(loaded, key) == given_connection[key]
