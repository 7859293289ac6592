"""Every asset, check, schedule, sensor and job that files with every key of a header come to."""

from __future__ import annotations

import pytest

from cockroach_pipelines.queries import RECONCILIATION_KEYS, Header, SQLRepository
from tests.orchestration.definition_snapshots import FOLDER, KINDS, SNAPSHOTS, definitions, snapshots

ANEW = "uv run --no-sync python -m tests.orchestration.definition_snapshots"


@pytest.fixture(scope="module")
def current() -> dict[str, str]:
    return snapshots(definitions())


@pytest.mark.parametrize("kind", KINDS)
def test_definitions_are_as_they_were(current: dict[str, str], kind: str) -> None:
    assert current[kind] == (SNAPSHOTS / f"{kind}.yaml").read_text(), f"if that is meant: {ANEW}"


def test_every_key_is_used() -> None:
    queries = SQLRepository(FOLDER / "sql").queries.values()
    used = {key for query in queries for key in query.header.model_fields_set}
    assert {*Header.model_fields, *RECONCILIATION_KEYS} - used == set(), f"add them to {FOLDER}, then {ANEW}"
