"""The job that a schedule or a sensor of one file starts."""

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.target import ANONYMOUS_ASSET_JOB_PREFIX
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition


def job_of(name: str, key: dg.AssetKey) -> UnresolvedAssetJobDefinition:
    """Give the job that materializes one asset for a schedule or a sensor.

    It is the one that Dagster makes of `target=AssetSelection.assets(key)`, by the same name, so that the UI shows the
    asset as what is targeted and no job beside it.

    Args:
        name: The schedule's or the sensor's name.
        key: The asset.
    """
    return _JobOfOne(name=f"{ANONYMOUS_ASSET_JOB_PREFIX}_{name}", selection=dg.AssetSelection.assets(key))


class _JobOfOne(UnresolvedAssetJobDefinition):
    """A job that is found among the neighbours of its asset.

    Dagster looks at every asset of the code location once a job: with 1,000 files, a fifth of them scheduled, at 200,000.
    """

    def resolve(
        self,
        asset_graph: AssetGraph,
        default_executor_def: dg.ExecutorDefinition | None = None,
        resource_defs: Mapping[str, dg.ResourceDefinition] | None = None,
    ) -> dg.JobDefinition:
        return super().resolve(_neighbourhood(asset_graph, self.selection), default_executor_def, resource_defs)


def _neighbourhood(graph: AssetGraph, selection: dg.AssetSelection) -> AssetGraph:
    """Give what a job of some assets has to do with: themselves, their checks, and what their steps wait for."""
    keys = selection.resolve(graph)
    checks = {check for key in keys for check in graph.get(key).check_keys}
    definitions = set(graph.assets_defs_for_keys([*keys, *checks]))
    inputs = {key for each in definitions for key in each.node_keys_by_input_name.values()}
    nodes = {key: graph.get(key) for key in (*keys, *inputs) if graph.has(key)}
    if any(node.is_virtual for node in nodes.values()):
        return graph  # a view's own ancestors are asked for, too
    return AssetGraph(nodes, {check: graph.assets_def_for_key(check) for check in checks})
