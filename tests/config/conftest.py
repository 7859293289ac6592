"""A configuration in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cockroach_pipelines.config import ConfigManager, ConfigurationError

Load = Callable[..., ConfigManager]
Refuse = Callable[..., ConfigurationError]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty; places in it read `config.yaml:line:column`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Load:
    """Load a YAML text (None: no file) and an environment."""

    def load(text: str | None = None, environ: Mapping[str, str] | None = None) -> ConfigManager:
        if text is not None:
            (folder / "config.yaml").write_text(text, encoding="utf-8")
        return ConfigManager.load(environ=environ or {})

    return load


@pytest.fixture
def refuse(load: Load) -> Refuse:
    """Load what has to be refused and give the error."""

    def refuse(text: str | None = None, environ: Mapping[str, str] | None = None) -> ConfigurationError:
        with pytest.raises(ConfigurationError) as caught:
            load(text, environ)
        return caught.value

    return refuse
