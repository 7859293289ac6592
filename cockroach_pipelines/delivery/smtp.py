"""Messages by e-mail."""

from __future__ import annotations

import contextlib
import hashlib
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.headerregistry import Address as MailAddress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr
from typing import Any

from cockroach_pipelines.config import EmailConfig
from cockroach_pipelines.delivery.errors import DeliveryError, RecipientsRefusedError
from cockroach_pipelines.delivery.messages import Message, nothing, one_line
from cockroach_pipelines.delivery.page import html, plain_text
from cockroach_pipelines.delivery.tls import certificate_problem, trusted

_GO_ON = 354
_LONGEST_SUBJECT = 200
_LONGEST_ANSWER = 200


@dataclass(frozen=True)
class Email:
    """E-mail to some people, all in one mail.

    Args:
        config: The mail server.
        to: Who is written to; `config.to` when empty.
    """

    config: EmailConfig
    to: tuple[str, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """Who is written to."""
        return self.to or self.config.to

    @property
    def name(self) -> str:
        """Where it leads."""
        return f"e-mail to {', '.join(self.recipients)}"

    def send(self, message: Message, before_last_word: Callable[[], None] = nothing) -> None:
        """Try once to send a mail.

        Its `Message-ID` is made of the message's identity: where a connection broke after the server took the mail and
        before it said so, a second copy is known for one by mail readers.

        Args:
            message: What to tell.
            before_last_word: Called before the line that ends the mail: without that line no server takes it.

        Raises:
            DeliveryError: The mail server did not take it, or did not say whether it did.
            RecipientsRefusedError: Not for everybody.
        """
        if not self.recipients:
            raise DeliveryError("The mail has no recipients.", advice="Set notifications.email.to.")
        mail = composed(message, self.config.sender, self.recipients)
        addresses = [parseaddr(each)[1] for each in self.recipients]
        with _session(self.config, before_last_word) as session:
            refused = session.send_message(mail, parseaddr(self.config.sender)[1], addresses)
        if refused:
            raise _refused(refused, addresses)


def composed(message: Message, sender: str, recipients: tuple[str, ...]) -> EmailMessage:
    """Give a message as a mail: plain text and HTML of the same, and the attachments."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = _mail_address(sender)
    mail["To"] = [_mail_address(each) for each in recipients]
    mail["Subject"] = one_line(message.title)[:_LONGEST_SUBJECT]
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = _message_id(message, sender, recipients)
    mail["Auto-Submitted"] = "auto-generated"  # so that no absence notice answers
    mail.set_content(plain_text(message))
    mail.add_alternative(message.page or html(message), subtype="html")
    for attachment in message.attachments:
        maintype, _, subtype = attachment.media_type.partition("/")
        mail.add_attachment(
            attachment.content, maintype=maintype, subtype=subtype, filename=one_line(attachment.name).replace("/", "_")
        )
    return mail


def _mail_address(text: str) -> MailAddress:
    name, address = parseaddr(text)
    return MailAddress(name, addr_spec=address)


def _message_id(message: Message, sender: str, recipients: tuple[str, ...]) -> str:
    domain = parseaddr(sender)[1].rpartition("@")[2]
    if not message.identity:
        return make_msgid(domain=domain)
    hashed = hashlib.sha256("\0".join([message.identity, *recipients]).encode()).hexdigest()[:32]
    return f"<{hashed}@{domain}>"


class _Session(smtplib.SMTP):
    """A session that tells before it ends a mail, and knows that it has."""

    before_last_word: Callable[[], None] = staticmethod(nothing)
    ended_a_mail = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Send a mail, its last line apart from the rest, and give the server's answer."""
        code, said = self.docmd("DATA")
        if code != _GO_ON:
            raise smtplib.SMTPDataError(code, said)
        text = re.sub(rb"(?m)^\.", b"..", msg)  # a lone dot would end it
        self.send(text if text.endswith(b"\r\n") else text + b"\r\n")
        self.before_last_word()
        self.ended_a_mail = True
        self.send(b".\r\n")
        return self.getreply()


class _EncryptedSession(smtplib.SMTP_SSL, _Session):
    """The same, encrypted from the first byte on."""


@contextmanager
def _session(config: EmailConfig, before_last_word: Callable[[], None]) -> Iterator[smtplib.SMTP]:
    server = f"{config.host}:{config.effective_port}"
    problem: DeliveryError | None = None
    session: _Session | None = None
    try:
        session = _connected(config)
        session.before_last_word = before_last_word
        if config.security == "starttls":
            session.starttls(context=trusted(config.ca_file))
        if config.user and config.password:
            session.login(config.user, config.password.get_secret_value())
        yield session
        with contextlib.suppress(OSError):  # the mail was taken: how the session ends changes nothing
            session.quit()
    except OSError as error:  # those of smtplib and of ssl are such, too
        if session is not None and session.ended_a_mail and not isinstance(error, smtplib.SMTPResponseException):
            problem = _unanswered(error, server)
        elif isinstance(error, ssl.SSLError):
            problem = certificate_problem(error, server)
        else:
            problem = _problem(error, config, server)
    finally:
        if session is not None:
            session.close()
    # Raised outside the handler: smtplib's errors need not travel along.
    if problem:
        raise problem


def _connected(config: EmailConfig) -> _Session:
    if config.security == "tls":
        context = trusted(config.ca_file)
        return _EncryptedSession(config.host, config.effective_port, timeout=config.timeout, context=context)
    return _Session(config.host, config.effective_port, timeout=config.timeout)


def _unanswered(error: OSError, server: str) -> DeliveryError:
    said = "was silent" if isinstance(error, TimeoutError) or "timed out" in str(error) else "hung up"
    return DeliveryError(
        f"The mail server {server} {said} after it had the whole mail, so that it may have arrived.",
        passing=True,
        uncertain=True,
        advice="Ask the recipients, or look into the log of the mail server.",
    )


def _problem(error: OSError, config: EmailConfig, server: str) -> DeliveryError:
    match error:
        case smtplib.SMTPAuthenticationError():
            return DeliveryError(
                f"The mail server {server} refused the login of {config.user}: {_said(error.smtp_code, error.smtp_error)}",
                passing=_passes(error.smtp_code),
                advice="Correct notifications.email.user and password; some servers want a password made for programs.",
            )
        case smtplib.SMTPRecipientsRefused():
            return _refused(error.recipients, [])
        case smtplib.SMTPSenderRefused():
            return DeliveryError(
                f"The mail server {server} refused the sender {error.sender}: {_said(error.smtp_code, error.smtp_error)}",
                passing=_passes(error.smtp_code),
                advice="Set notifications.email.from to an address that the server takes mail from, or log in.",
            )
        case smtplib.SMTPResponseException():
            return DeliveryError(
                f"The mail server {server} refused the mail: {_said(error.smtp_code, error.smtp_error)}",
                passing=_passes(error.smtp_code),
            )
        case smtplib.SMTPNotSupportedError() if "STARTTLS" in str(error):
            return DeliveryError(
                f"The mail server {server} offers no STARTTLS.",
                advice="Set notifications.email.security to tls (usually port 465), or to none on a network of your own.",
            )
        case smtplib.SMTPNotSupportedError():
            return DeliveryError(
                f"The mail server {server} does not offer what was asked for: {error}",
                advice="Where it wants no login, leave notifications.email.user and password out.",
            )
        case smtplib.SMTPServerDisconnected() if "timed out" not in str(error):
            return DeliveryError(
                f"The mail server {server} hung up: {one_line(str(error))[:_LONGEST_ANSWER]}",
                passing=True,
                advice="Is it the port that speaks as notifications.email.security says?",
            )
        case socket.gaierror():
            return DeliveryError(
                f"The mail server {config.host} is unknown: {error.strerror}.",
                passing=True,
                advice="Correct notifications.email.host.",
            )
        case TimeoutError() | smtplib.SMTPServerDisconnected():
            return DeliveryError(
                f"The mail server {server} was silent for {config.timeout:g} s.",
                passing=True,
                advice="Is it the port that speaks as notifications.email.security says, and no firewall between?",
            )
        case _:
            return DeliveryError(
                f"The mail server {server} cannot be reached: {error.strerror or one_line(str(error))}.",
                passing=True,
                advice="Correct notifications.email.host and port.",
            )


def _refused(refused: dict[str, tuple[int, bytes]], asked: list[str]) -> RecipientsRefusedError:
    return RecipientsRefusedError(
        [(address, _said(code, said)) for address, (code, said) in refused.items()],
        others=[address for address in asked if address not in refused],
        passing=all(_passes(code) for code, _ in refused.values()),
    )


def _passes(code: int) -> bool:
    return 400 <= code < 500


def _said(code: int, text: bytes | str) -> str:
    words = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {re.sub(r'^[0-9]{3}[ -]', '', one_line(words))[:_LONGEST_ANSWER]}"
