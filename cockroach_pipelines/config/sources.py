"""The sources of settings, for pydantic-settings: the environment over the file over the defaults."""

from __future__ import annotations

from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from cockroach_pipelines.config.models import Settings


class SourcedSettings(Settings, BaseSettings):
    """Settings that are built from sources alone: `SourcedSettings.load([first, second])`, where the first wins."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def load(cls, layers: list[dict[str, Any]]) -> Settings:
        """Merge layers of settings, mapping by mapping, and validate the result.

        Raises:
            pydantic.ValidationError: Something given is unknown or wrong, or something needed is missing.
        """
        sources = tuple(_Layer(cls, layer) for layer in layers)
        loaded = cls(_build_sources=(sources, {}))
        # What others compare and copy is the plain model.
        return Settings.model_construct(_fields_set=loaded.model_fields_set, **dict(loaded))


class _Layer(PydanticBaseSettingsSource):
    def __init__(self, settings_class: type[BaseSettings], data: dict[str, Any]) -> None:
        super().__init__(settings_class)
        self._data = data

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._data.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return self._data
