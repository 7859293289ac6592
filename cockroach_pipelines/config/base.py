"""What every model of settings is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from cockroach_pipelines.config.durations import parse_seconds

Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(gt=0, allow_inf_nan=False)]
"""A positive number of seconds, also written `500ms`, `20s`, `5m`, `2h` or `1d`."""


class Model(BaseModel):
    """A model that refuses keys it does not know, cannot be changed, and keeps what it was given out of its errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
