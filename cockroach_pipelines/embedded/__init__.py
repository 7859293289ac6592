"""The database and the sample data that need no installation.

What works on the sample data itself is in `embedded.sample` and `embedded.replica`, which import Arrow.
"""

from __future__ import annotations

from cockroach_pipelines.embedded.connections import embedded_config
from cockroach_pipelines.embedded.errors import EmbeddedServerError, SampleDataError
from cockroach_pipelines.embedded.manager import connection_manager
from cockroach_pipelines.embedded.progress import Progress
from cockroach_pipelines.embedded.server import EmbeddedServer, Endpoint

__all__ = [
    "EmbeddedServer",
    "EmbeddedServerError",
    "Endpoint",
    "Progress",
    "SampleDataError",
    "connection_manager",
    "embedded_config",
]
