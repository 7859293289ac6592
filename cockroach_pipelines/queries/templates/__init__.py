"""SQL templates: statements whose shape depends on values, rendered in a sandbox."""

from cockroach_pipelines.queries.templates.template import RenderedTemplate, SQLTemplate

__all__ = [
    "RenderedTemplate",
    "SQLTemplate",
]
