"""What Dagster loads."""

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions

defs = build_definitions(ConfigManager.load())
