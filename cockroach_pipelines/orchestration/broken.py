"""Files that cannot be used, as assets that say so."""

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg

from cockroach_pipelines.orchestration.translator import asset_key, group_name
from cockroach_pipelines.queries import BrokenQuery

FILE_IS_VALID = "file_is_valid"
"""Name of the check that a broken file fails."""

_MARKUP = re.compile(r"([\\`*<\[])")


def broken_asset(broken: BrokenQuery) -> dg.AssetsDefinition:
    """Give an asset of the file's name whose check fails and says why; it does nothing else."""
    key = asset_key(broken.name)

    @dg.asset(
        key=key,
        group_name=group_name(broken.name) if broken.kind else "broken",
        description=f"This file cannot be used: {_paragraphs(str(broken.error))}",
        kinds={"sql"},
        tags={"broken": ""},
        metadata={"file": dg.MetadataValue.path(str(broken.path))},
        check_specs=[dg.AssetCheckSpec(FILE_IS_VALID, asset=key, description="The SQL file can be used.")],
    )
    def refuse(context: dg.AssetExecutionContext) -> Iterator[Any]:
        yield dg.AssetCheckResult(
            passed=False,
            asset_key=context.asset_key,
            check_name=FILE_IS_VALID,
            description=str(broken.error),
        )
        raise dg.Failure(str(broken.error), allow_retries=False)

    return refuse


def _paragraphs(text: str) -> str:
    # The UI takes it for Markdown; in a code block its lines would be cut off where the column ends.
    return _MARKUP.sub(r"\\\1", text).replace("\n", "\n\n")
