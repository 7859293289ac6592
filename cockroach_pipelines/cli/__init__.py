"""The `cockroach-pipelines` command."""

from cockroach_pipelines.cli.app import main

__all__ = ["main"]
