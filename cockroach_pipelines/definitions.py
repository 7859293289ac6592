"""What Dagster loads."""

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.orchestration import build_definitions
from cockroach_pipelines.orchestration.examples import with_examples

defs = with_examples(build_definitions(ConfigManager.load()))
