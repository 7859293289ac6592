"""SQL files as Dagster assets, checks, partitions and schedules."""

from cockroach_pipelines.orchestration.component import SqlFolderComponent
from cockroach_pipelines.orchestration.folder import build_sql_assets
from cockroach_pipelines.orchestration.io_manager import ParquetIOManager
from cockroach_pipelines.orchestration.project import build_definitions, build_sql_definitions
from cockroach_pipelines.orchestration.resource import CockroachDBResource
from cockroach_pipelines.orchestration.translator import SqlTranslator

__all__ = [
    "CockroachDBResource",
    "ParquetIOManager",
    "SqlFolderComponent",
    "SqlTranslator",
    "build_definitions",
    "build_sql_assets",
    "build_sql_definitions",
]
