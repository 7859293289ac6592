"""A mail server on loopback that keeps what it gets (aiosmtpd)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.peers.processes import free_port

USER, PASSWORD = "dagster", "correct horse"


@dataclass(frozen=True)
class Mail:
    """One mail that was taken."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def text(self) -> str:
        """The plain text."""
        body = self.message.get_body(("plain",))
        return str(body.get_content()).replace("\r\n", "\n") if body else ""

    @property
    def attachments(self) -> dict[str, bytes]:
        """The files by name."""
        return {str(each.get_filename()): each.get_payload(decode=True) for each in self.message.iter_attachments()}  # type: ignore[misc]


def _nothing() -> None:
    """Do nothing."""


@dataclass
class MailServer:
    """What a mail server got, and what it answers.

    `refuse` maps recipients to what is said to them instead of 250, `answers` holds what the next mails are answered
    with before they are taken again. `before_answer` has what is called once a command was dealt with, RCPT or DATA, and
    before its answer.
    """

    port: int
    mails: list[Mail] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    answers: list[str] = field(default_factory=list)
    before_answer: dict[str, Callable[[], None]] = field(default_factory=dict)
    attempts: int = 0

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        self.before_answer.get("RCPT", _nothing)()
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.attempts += 1
        if self.answers:
            return self.answers.pop(0)
        message = message_from_bytes(envelope.original_content or b"", policy=default)
        assert isinstance(message, EmailMessage)
        self.mails.append(Mail(str(envelope.mail_from), tuple(envelope.rcpt_tos), message))
        self.before_answer.get("DATA", _nothing)()
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
    ) -> AuthResult:
        right = LoginPassword(USER.encode(), PASSWORD.encode())
        # `handled=False` makes the server say 535 itself.
        return AuthResult(success=isinstance(given, LoginPassword) and given == right, handled=False)

    def clear(self) -> None:
        """Forget what came, and answer as at first."""
        self.mails.clear()
        self.refuse.clear()
        self.answers.clear()
        self.before_answer.clear()
        self.attempts = 0


@dataclass(frozen=True)
class Authority:
    """An authority that signs the certificate of `localhost`; `file` is its own, as PEM."""

    file: Path
    authority: trustme.CA

    @classmethod
    def of(cls, folder: Path) -> Authority:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        return cls(folder / "ca.pem", authority)

    def server_context(self) -> Any:
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert("localhost").configure_cert(context)
        return context


@contextmanager
def mail_server(
    authority: Authority | None = None, *, security: str = "none", login: bool = False
) -> Iterator[MailServer]:
    """Run a mail server for the length of a block; with `login` it takes mail of `USER` alone."""
    server = MailServer(free_port())
    options: dict[str, Any] = {}
    if login:
        options |= {
            "authenticator": server.authenticate,
            "auth_required": True,
            "auth_require_tls": security == "starttls",
        }
    if security == "starttls" and authority:
        options |= {"tls_context": authority.server_context(), "require_starttls": True}
    controller = Controller(
        server,
        hostname="127.0.0.1",
        port=server.port,
        ssl_context=authority.server_context() if security == "tls" and authority else None,
        **options,
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
