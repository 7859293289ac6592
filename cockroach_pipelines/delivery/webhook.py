"""Messages to a web address that takes JSON as Slack does; Mattermost and Rocket.Chat take the same."""

from __future__ import annotations

import contextlib
import email.utils
import hashlib
import http.client
import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message as Headers
from typing import IO, Any
from urllib.parse import urlsplit

from cockroach_pipelines.config import WebhookConfig
from cockroach_pipelines.delivery.errors import DeliveryError
from cockroach_pipelines.delivery.messages import Message, nothing, one_line
from cockroach_pipelines.delivery.page import COLOURS
from cockroach_pipelines.delivery.tls import certificate_problem, trusted

_LONGEST_TEXT = 3000
_LONGEST_ANSWER = 200
_TOO_MANY_REQUESTS = 429
_GATEWAY_TIMEOUT = 504  # whoever stands behind the gateway may have taken it


@dataclass(frozen=True)
class Webhook:
    """A web address that takes messages; files do not travel by it."""

    config: WebhookConfig

    @property
    def name(self) -> str:
        """Where it leads."""
        return f"webhook at {self.config.receiver}"

    def send(self, message: Message, before_last_word: Callable[[], None] = nothing) -> None:
        """Try once to post a message.

        `Idempotency-Key` is made of the message's identity, for receivers that know by it what came before.

        Args:
            message: What to tell.
            before_last_word: Called once the connection stands, before anything of the message is sent.

        Raises:
            DeliveryError: The receiver did not take it, or did not say whether it did.
        """
        headers = {"Content-Type": "application/json", "User-Agent": "cockroach_pipelines"}
        if self.config.token:
            headers["Authorization"] = f"Bearer {self.config.token.get_secret_value()}"
        if message.identity:
            headers["Idempotency-Key"] = hashlib.sha256(message.identity.encode()).hexdigest()[:32]
        address = self.config.url.get_secret_value()
        request = urllib.request.Request(address, payload(message), headers)  # noqa: S310 - the settings let web addresses pass alone
        connections = _Connections(trusted(self.config.ca_file), before_last_word)
        opener = urllib.request.build_opener(_NoRedirects(), connections)
        problem: DeliveryError | None = None
        try:
            # Once it has said that it took the message, nothing of its answer matters.
            answer = opener.open(request, timeout=self.config.timeout)
            with answer, contextlib.suppress(OSError, http.client.HTTPException):
                answer.read(_LONGEST_ANSWER)
        except urllib.error.HTTPError as error:
            with error:
                problem = self._refused(error)
        except (OSError, http.client.HTTPException) as error:
            problem = self._unanswered(error) if connections.posting else self._unreached(error)
        # Raised outside the handler: what urllib raises holds the address.
        if problem:
            raise problem

    def _refused(self, error: urllib.error.HTTPError) -> DeliveryError:
        receiver, code = self.config.receiver, error.code
        if 300 <= code < 400:
            to = urlsplit(error.headers.get("Location", "")).hostname or "another address"
            return DeliveryError(
                f"{receiver} sends the message on to {to} ({code}), where it would arrive empty.",
                advice="Set notifications.webhook.url to the address it leads to.",
            )
        try:
            said = self._without_secrets(error.read(_LONGEST_ANSWER).decode(errors="replace"))
        except (OSError, http.client.HTTPException):
            said = ""
        return DeliveryError(
            f"{receiver} answered {code} {one_line(str(error.reason))}{f': {said}' if said else ''}",
            passing=code >= 500 or code == _TOO_MANY_REQUESTS,
            uncertain=code == _GATEWAY_TIMEOUT,
            wait=_wait(error.headers.get("Retry-After")),
            advice="Is notifications.webhook.url whole, and does it still exist there?"
            if code in (403, 404, 410)
            else "",
        )

    def _unanswered(self, error: OSError | http.client.HTTPException) -> DeliveryError:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        match cause:
            case TimeoutError():
                said = f"was silent for {self.config.timeout:g} s"
            case OSError():
                said = "broke the connection"
            case _:
                said = f"answered with what is no HTTP ({type(cause).__name__})"
        return DeliveryError(
            f"{self.config.receiver} {said} after the message was sent, so that it may have arrived.",
            passing=True,
            uncertain=True,
            advice="Look there.",
        )

    def _unreached(self, error: OSError | http.client.HTTPException) -> DeliveryError:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        receiver = self.config.receiver
        match cause:
            case ssl.SSLError():
                return certificate_problem(cause, receiver)
            case TimeoutError():
                return DeliveryError(f"{receiver} was silent for {self.config.timeout:g} s.", passing=True)
            case socket.gaierror():
                return DeliveryError(f"The host {receiver} is unknown: {cause.strerror}.", passing=True)
            case OSError():
                said = cause.strerror or type(cause).__name__
                return DeliveryError(f"{receiver} cannot be reached: {said}.", passing=True)
            case _:
                return DeliveryError(f"{receiver} answered with what is no HTTP: {type(cause).__name__}.", passing=True)

    def _without_secrets(self, text: str) -> str:
        parts = urlsplit(self.config.url.get_secret_value())
        secrets = [self.config.token.get_secret_value()] if self.config.token else []
        for secret in (*secrets, parts.path.strip("/"), parts.query, parts.password or ""):
            if secret:
                text = text.replace(secret, "…")
        return one_line(text)


def payload(message: Message) -> bytes:
    """Give the JSON of a message: `text`, and the rest as an attachment in the colour of its level."""
    text = "\n\n".join(_escaped(paragraph) for paragraph in message.paragraphs)
    return json.dumps(
        {
            "text": f"*{_escaped(one_line(message.title))}*",
            "attachments": [
                {
                    "color": COLOURS[message.level],
                    "fallback": one_line(message.title),
                    "text": _cut(text),
                    "fields": [
                        {"title": name, "value": _cut(_escaped(value)), "short": len(value) <= 40}
                        for name, value in message.facts
                    ],
                    **({"title": "Look at it in Dagster", "title_link": message.link} if message.link else {}),
                }
            ],
        }
    ).encode()


def _escaped(text: str) -> str:
    # Slack's rule; without it a text could call everybody, or hide where a link leads.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def _wait(retry_after: str | None) -> float | None:
    """Read Retry-After: seconds, or a date."""
    if not retry_after:
        return None
    if retry_after.strip().isdigit():
        return float(retry_after)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return None


class _Connections(urllib.request.HTTPSHandler, urllib.request.HTTPHandler):
    """Makes connections; once one stands, it is told, and from then on `posting`."""

    def __init__(self, context: ssl.SSLContext, before_last_word: Callable[[], None]) -> None:
        super().__init__(context=context)
        self.posting = False
        self._before_last_word = before_last_word

    def do_open(self, http_class: Any, req: urllib.request.Request, **arguments: Any) -> http.client.HTTPResponse:
        """Open a connection, post, and give the answer."""

        def made(*where: Any, **how: Any) -> http.client.HTTPConnection:
            connection: http.client.HTTPConnection = http_class(*where, **how)
            connect = connection.connect

            def announced() -> None:
                connect()
                self._before_last_word()
                self.posting = True

            connection.connect = announced  # type: ignore[method-assign]
            return connection

        return super().do_open(made, req, **arguments)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows none: what was posted would be asked for with GET, and be lost."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Headers, newurl: str
    ) -> None:
        """Give no request, so that the answer is an error."""
