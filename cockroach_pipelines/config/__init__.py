"""Settings from YAML, overridden by the environment."""

from __future__ import annotations

from cockroach_pipelines.config.errors import ConfigurationError, PipelinesError, Place
from cockroach_pipelines.config.manager import ConfigManager
from cockroach_pipelines.config.models import (
    DatabaseConfig,
    EmbeddedConfig,
    KerberosConfig,
    LoggingConfig,
    PoolConfig,
    RetryConfig,
    Settings,
)
from cockroach_pipelines.config.notifications import EmailConfig, NotificationsConfig, WebhookConfig
from cockroach_pipelines.config.suggestions import did_you_mean

__all__ = [
    "ConfigManager",
    "ConfigurationError",
    "DatabaseConfig",
    "EmailConfig",
    "EmbeddedConfig",
    "KerberosConfig",
    "LoggingConfig",
    "NotificationsConfig",
    "PipelinesError",
    "Place",
    "PoolConfig",
    "RetryConfig",
    "Settings",
    "WebhookConfig",
    "did_you_mean",
]
