"""What holds for files that do not say otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, ValidationError

from cockroach_pipelines.config.errors import ConfigurationError
from cockroach_pipelines.config.models import Model
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.headers.models import Owners, Retries, SpecialValues, Tags
from cockroach_pipelines.queries.headers.reading import reasons
from cockroach_pipelines.queries.headers.values import Text, Timeout, Timezone


class HeaderDefaults(Model):
    """The keys of a header that many files share; `tags` are added to a file's own, any other key is replaced by it."""

    owners: Owners | None = Field(None, alias="owner")
    tags: Tags | None = None
    connection: Text | None = None
    timezone: Timezone | None = None
    timeout: Timeout | None = None
    retries: Retries | None = None
    special: SpecialValues | None = None


def header_defaults(values: Mapping[str, object]) -> dict[str, object]:
    """Check what is to hold for files that do not say otherwise, and give it as a header has it.

    Raises:
        ConfigurationError: A key is unknown, or a value wrong.
    """
    try:
        HeaderDefaults.model_validate(dict(values))
    except ValidationError as error:
        known = [field.alias or name for name, field in HeaderDefaults.model_fields.items()]
        said = []
        for path, message, advice in reasons(error):
            key = ".".join(map(str, path))
            if path[0] not in known:
                message, advice = "is no key that files share", did_you_mean(str(path[0]), known)
            said.append(f"`defaults.{key}`: {message}. {advice}".strip())
        raise ConfigurationError("\n".join(said)) from None
    return dict(values)
