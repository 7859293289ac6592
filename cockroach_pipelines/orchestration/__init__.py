"""SQL files as Dagster assets, checks, partitions and schedules."""

from cockroach_pipelines.orchestration.io_manager import ParquetIOManager
from cockroach_pipelines.orchestration.project import build_definitions
from cockroach_pipelines.orchestration.resource import CockroachDBResource

__all__ = ["CockroachDBResource", "ParquetIOManager", "build_definitions"]
