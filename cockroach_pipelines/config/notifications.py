"""Who is told when something fails, and by what way."""

from __future__ import annotations

import re
from email.headerregistry import Address as MailAddress
from email.utils import getaddresses
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator

from cockroach_pipelines.config.base import Model, Seconds
from cockroach_pipelines.config.located_paths import LocatedPath
from cockroach_pipelines.config.suggestions import did_you_mean

Occasion = Literal["run_failure", "check_failure", "freshness", "kerberos"]
OCCASIONS: tuple[Occasion, ...] = ("run_failure", "check_failure", "freshness", "kerberos")
"""What can be told of: runs and checks that failed, assets that are not fresh, logins to Kerberos that soon will not work."""

SmtpSecurity = Literal["starttls", "tls", "none"]
_PORTS: dict[SmtpSecurity, int] = {"starttls": 587, "tls": 465, "none": 25}

_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*"
)


def is_web_address(text: str) -> bool:
    """Say whether a text is a whole address such as `https://dagster.example.com/`."""
    try:
        parts = urlsplit(text)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        return False
    return whole and text.isascii() and text.isprintable() and " " not in text


def _secret_web_address(value: SecretStr) -> SecretStr:
    if not is_web_address(value.get_secret_value()):
        raise ValueError("is no web address: write all of it, such as https://hooks.example.com/services/…")
    return value


def _secret_ascii(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be of printable ASCII characters: nothing else can be sent")
    return value


def _web_address(value: str) -> str:
    if not is_web_address(value):
        raise ValueError(f"{value!r} is no web address: write all of it, such as https://dagster.example.com")
    return value.rstrip("/")


def _parts(value: object) -> list[str]:
    """Give the parts of a list, or of a text with commas, as variables of the environment hold them."""
    given = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(each, str) for each in given):
        raise ValueError("must be a list of texts, or one text with commas")
    return [str(each) for each in given]


def _addresses(value: object) -> tuple[str, ...]:
    addresses: dict[str, None] = {}
    for text in _parts(value):
        for name, address in getaddresses([text]):
            if not _ADDRESS.fullmatch(address) or not (name + address).isprintable():
                raise ValueError(f"{text!r} is no e-mail address, and no list of them with commas")
            addresses[str(MailAddress(name, addr_spec=address))] = None
    return tuple(addresses)


def _one_address(value: object) -> str:
    addresses = _addresses(value)
    if len(addresses) != 1:
        raise ValueError("must be one e-mail address, such as dagster@example.com or Dagster <dagster@example.com>")
    return addresses[0]


def _occasions(value: object) -> tuple[str, ...]:
    words = [word.strip() for text in _parts(value) for word in text.split(",") if word.strip()]
    for word in words:
        if word not in OCCASIONS:
            raise ValueError(f"{word!r} is none of {', '.join(OCCASIONS)}. {_hint(word)}".strip())
    return tuple(dict.fromkeys(words))


def _hint(word: str) -> str:
    hint = did_you_mean(word, OCCASIONS)
    return hint if hint.startswith("Did") else ""


WebAddress = Annotated[str, AfterValidator(_web_address)]
SecretAscii = Annotated[SecretStr, AfterValidator(_secret_ascii)]
SecretWebAddress = Annotated[SecretStr, AfterValidator(_secret_web_address)]
Address = Annotated[str, BeforeValidator(_one_address)]
Addresses = Annotated[tuple[str, ...], BeforeValidator(_addresses)]
Occasions = Annotated[tuple[Occasion, ...], BeforeValidator(_occasions)]
Patience = Annotated[Seconds, Field(ge=0.1, le=30)]


class WebhookConfig(Model):
    """A web address that takes messages as JSON the way Slack, Mattermost and Rocket.Chat do."""

    url: SecretWebAddress = Field(description="Where messages are posted to; who knows it can post, so it is a secret.")
    token: SecretAscii | None = Field(
        None, description="Sent as `Authorization: Bearer …` where the receiver wants one."
    )
    ca_file: LocatedPath | None = Field(None, description="Certificates to trust instead of the system's, as PEM.")
    timeout: Patience = Field(10, description="How long the receiver may be silent.")

    @property
    def receiver(self) -> str:
        """Who receives messages, without what is secret in the address."""
        return str(urlsplit(self.url.get_secret_value()).hostname)


class EmailConfig(Model):
    """A mail server, and who is written to."""

    host: str = Field(min_length=1, description="The mail server; by the name in its certificate.")
    port: int | None = Field(None, ge=1, le=65535, description="587 with starttls, 465 with tls, 25 with none.")
    security: SmtpSecurity = Field("starttls", description="How the connection to the mail server is encrypted.")
    ca_file: LocatedPath | None = Field(None, description="Certificates to trust instead of the system's, as PEM.")
    user: str | None = Field(None, min_length=1, description="Account at the mail server, where it wants a login.")
    password: SecretAscii | None = None
    sender: Address = Field(alias="from", description="Who writes, such as Dagster <dagster@example.com>.")
    to: Addresses = Field((), description="Who is written to about everything.")
    to_owners: bool = Field(False, description="Write to the owners of what failed, too, about that alone.")
    timeout: Patience = Field(10, description="How long the mail server may be silent.")

    @property
    def effective_port(self) -> int:
        """The port, that of `security` when silent."""
        return self.port or _PORTS[self.security]

    @model_validator(mode="after")
    def _login_is_whole_and_encrypted(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together: set both, or neither where the mail server wants no login")
        if self.password and self.security == "none":
            raise ValueError("the password would travel in the clear: set security to starttls or tls")
        return self


class NotificationsConfig(Model):
    """Who is told of what failed; each failure is told once by each way."""

    webhook: WebhookConfig | None = None
    email: EmailConfig | None = None
    occasions: Occasions = Field(OCCASIONS, alias="on", description="What is told of.")
    check_severity: Literal["warn", "error"] = Field(
        "warn", description="Failed checks from this severity on are told."
    )
    sample: bool = Field(True, description="Attach the first wrong rows of a failed check to e-mails, as CSV.")
    link: WebAddress | None = Field(None, description="Where people open Dagster's UI; messages link to it.")

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not (self.webhook or self.email):
            raise ValueError("nobody would be told: add webhook or email")
        if self.email and self.occasions and not (self.email.to or self.email.to_owners):
            raise ValueError("email reaches nobody: set email.to, or email.to_owners: true")
        return self
