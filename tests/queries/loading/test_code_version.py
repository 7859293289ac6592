"""The code version of a query changes with what its header says and not with how it says it."""

from __future__ import annotations

from cockroach_pipelines.queries import Header
from cockroach_pipelines.queries.loading.code_version import code_version


def test_what_the_header_says_counts_and_how_it_says_it_does_not() -> None:
    def version(**keys: object) -> str:
        return code_version(["same"], Header.model_validate(keys))

    params = {"b": "text", "a": {"type": "integer", "default": 1}}
    assert version(connection="main") == version()
    assert version(params={"x": "text"}) == version(params={"x": {"type": "text"}})
    assert version(cron="0  6 * * *") == version(cron="0 6 * * *")
    assert version(params=params) == version(params=dict(reversed(params.items())))
    assert version(description="x") != version()
    assert version(params=params) != version(params={**params, "a": {"type": "integer", "default": 2}})
