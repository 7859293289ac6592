"""What Dagster shows of a file, apart from what runs."""

import dagster as dg

from cockroach_pipelines.orchestration.reports import report_check_specs
from cockroach_pipelines.orchestration.translator import asset_key
from cockroach_pipelines.queries import Query, QueryKind
from cockroach_pipelines.reconciliation.files import NO_DIFFERENCES


def check_specs(query: Query) -> list[dg.AssetCheckSpec]:
    """Give the checks of a file: its header's, and that a reconciliation finds no differences."""
    key = asset_key(query.name)
    rules = {**query.header.checks.queries, **query.header.checks.rules}
    # A blocking check is enforced before the result is published, not by Dagster afterwards.
    specs = [
        dg.AssetCheckSpec(name, asset=key, description=rule.description or rule.said) for name, rule in rules.items()
    ]
    specs += [dg.AssetCheckSpec(watch.name, asset=key, description=watch.description) for watch in query.watches]
    if query.kind is QueryKind.RECONCILIATION:
        said = "Both sides hold the same." if query.comparison else "The reconciliation finds no rows."
        specs.insert(0, dg.AssetCheckSpec(NO_DIFFERENCES, asset=key, description=said))
    return [*specs, *report_check_specs(query, key)]
