"""A folder of SQL as a component: `type: cockroach_pipelines.SqlFolderComponent` in any project's defs.yaml."""

import os
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
from pydantic import Field

from cockroach_pipelines.config import ConfigManager
from cockroach_pipelines.config.environment import file_variable
from cockroach_pipelines.orchestration.project import build_sql_definitions
from cockroach_pipelines.orchestration.translator import SqlTranslator


class SqlFileDefaults(dg.Model, dg.Resolvable):
    """What holds for files whose header is silent."""

    owner: Annotated[
        str | list[str] | None, Field(default=None, description="An e-mail address, team:name, or a list of these.")
    ]
    tags: Annotated[dict[str, str] | None, Field(default=None, description="Added to those of each file.")]
    timezone: Annotated[str | None, Field(default=None, description="Such as Europe/Berlin.")]
    timeout: Annotated[str | None, Field(default=None, description="How long a statement may take, such as 5m.")]
    retries: Annotated[int | None, Field(default=None, description="Further attempts after an error that may pass.")]
    special: Annotated[
        str | None,
        Field(default=None, description="What becomes of values such as infinity: error, null, clamp, text."),
    ]


class SqlFolderComponent(dg.Component, dg.Model, dg.Resolvable):
    """Every SQL file of a folder as an asset on CockroachDB or PostgreSQL: checked, partitioned, scheduled, with lineage.

    The folder holds `queries/`, and in it `reporting/`, `reconciliation/` and `maintenance/`. A header in a file's
    leading comment says the rest. The connections are in a config.yaml, passwords in the environment or there, never in
    defs.yaml. A subclass that gives another `translator` shows files and tables otherwise.
    """

    path: Annotated[
        str, Field(default=".", description="The SQL folder, which holds queries/; relative to this file's folder.")
    ]
    config_file: Annotated[
        str | None,
        Field(
            default=None,
            description="The configuration, which has the connections; relative to this file's folder. "
            "COCKROACH_PIPELINES_CONFIG, else config.yaml in the project's folder, when silent.",
        ),
    ]
    connection: Annotated[
        str | None, Field(default=None, description="The connection of files that name none; main when silent.")
    ]
    pool: Annotated[
        str | None,
        Field(
            default=None,
            description="One pool for all of them; a pool for each connection when silent. Folders of one project that "
            "share a connection name the same.",
        ),
    ]
    key_prefix: Annotated[
        str | list[str] | None,
        Field(
            default=None,
            description="What the keys of all files begin with, such as finance, where a project has several folders; "
            "names of groups, schedules and sensors begin with it, too.",
        ),
    ]
    defaults: Annotated[
        SqlFileDefaults | None, Field(default=None, description="What holds for files that are silent.")
    ]
    tables: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            description="Assets of this project that fill tables, by connection.schema.table, such as "
            "main.public.orders: ingest/orders.",
        ),
    ]
    resources: Annotated[
        bool,
        Field(
            default=True,
            description="Whether the resources come along: one of each connection's name, and parquet_io_manager.",
        ),
    ]

    @classmethod
    def get_spec(cls) -> dg.ComponentTypeSpec:
        """Say how the component is listed."""
        return dg.ComponentTypeSpec(
            tags=["sql", "cockroachdb", "postgresql"],
            description="Every SQL file of a folder as an asset on CockroachDB or PostgreSQL.",
            produces=["asset", "asset_check", "schedule", "resource"],
        )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Give the definitions of the folder."""
        config = ConfigManager.load(self._config_file(context))
        folder = (_folder(context) / self.path).resolve()
        return build_sql_definitions(
            folder,
            config,
            defaults=self._defaults(),
            pool=self.pool,
            translator=self.translator(folder, config),
            provide_resources=self.resources,
            key_prefix=self.key_prefix,
        )

    def translator(self, folder: Path, config: ConfigManager) -> SqlTranslator:
        """Give what says how files and tables are shown."""
        tables = {table: dg.AssetKey(key.split("/")) for table, key in self.tables.items()}
        return SqlTranslator(folder, config.settings.source_url, tables)

    def _config_file(self, context: dg.ComponentLoadContext) -> Path | None:
        if self.config_file is not None:
            return (_folder(context) / self.config_file).resolve()
        beside = context.project_root / "config.yaml"
        return beside if beside.exists() and file_variable(os.environ) is None else None

    def _defaults(self) -> dict[str, Any]:
        said = self.defaults.model_dump(exclude_none=True) if self.defaults else {}
        return said | ({"connection": self.connection} if self.connection else {})


def _folder(context: dg.ComponentLoadContext) -> Path:
    return context.path.parent if context.path.is_file() else context.path
