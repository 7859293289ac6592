"""Mails arrive whole, and a mail server that takes none is told apart by what it said."""

from __future__ import annotations

import socket
import time
import traceback
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockroach_pipelines.delivery import Attachment, DeliveryError, Email, Level, Message, RecipientsRefusedError
from cockroach_pipelines.delivery.smtp import composed
from tests.delivery.conftest import email_config
from tests.peers.mail import PASSWORD, USER, Authority, MailServer, mail_server
from tests.peers.processes import free_port

MESSAGE = Message(
    "reporting/routes failed — naïve ✓",
    ("2 rows are wrong.", "First\nsecond <b>"),
    facts=(("run", "0f3a"), ("partition", "2013-01-31")),
    level=Level.ERROR,
    link="https://dagster.example.com/runs/0f3a?a=1&b=2",
    attachments=(Attachment("wrong.csv", b'\xef\xbb\xbf"a"\r\n1\r\n', "text/csv"),),
    identity="run 0f3a",
)


def failure(email: Email, message: Message = MESSAGE) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        email.send(message)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    return caught.value


def test_mail_has_plain_text_html_and_the_files(mail: MailServer) -> None:
    Email(email_config(mail, to=["a@example.com", "Bé Q <b@example.com>"], **{"from": "Dagster <d@example.com>"})).send(
        MESSAGE
    )
    (taken,) = mail.mails
    assert (taken.sender, taken.recipients) == ("d@example.com", ("a@example.com", "b@example.com"))
    assert taken.message["Subject"] == MESSAGE.title
    assert taken.message["To"] == "a@example.com, Bé Q <b@example.com>"
    assert taken.message["Auto-Submitted"] == "auto-generated"
    assert taken.text.splitlines() == [
        MESSAGE.title,
        "",
        "2 rows are wrong.",
        "",
        "First",
        "second <b>",
        "",
        "run:       0f3a",
        "partition: 2013-01-31",
        "",
        str(MESSAGE.link),
    ]
    html = taken.message.get_body(("html",))
    assert html is not None
    assert "second &lt;b&gt;" in html.get_content()
    assert 'href="https://dagster.example.com/runs/0f3a?a=1&amp;b=2"' in html.get_content()
    assert taken.attachments == {"wrong.csv": MESSAGE.attachments[0].content}


def test_page_of_a_message_takes_the_place_of_the_html(mail: MailServer) -> None:
    Email(email_config(mail)).send(Message("a", ("b",), page="<p>all of it</p>"))
    body = mail.mails[0].message.get_body(("html",))
    assert body is not None and body.get_content().strip() == "<p>all of it</p>"
    assert mail.mails[0].text == "a\n\nb\n"


def test_same_message_to_the_same_people_has_the_same_id_and_any_other_another() -> None:
    def message_id(identity: str, *to: str) -> str:
        return str(composed(Message("a", identity=identity), "d@example.com", to)["Message-ID"])

    assert message_id("1", "a@b.c") == message_id("1", "a@b.c")
    others = {message_id("1", "a@b.c"), message_id("2", "a@b.c"), message_id("1", "x@b.c")}
    assert len({*others, message_id("", "a@b.c"), message_id("", "a@b.c")}) == 5


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300), st.text(max_size=300), st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_no_text_breaks_a_mail_or_adds_a_header(title: str, paragraph: str, file: str) -> None:
    title, paragraph = (text.encode(errors="replace").decode() for text in (title, paragraph))
    message = Message(title, (paragraph,), facts=((title, paragraph),), attachments=(Attachment(file or "f", b"x"),))
    parsed = composed(message, "d@example.com", ("a@example.com",))
    assert set(parsed.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }
    assert parsed.as_bytes().count(b"\r\nSubject:") == 1


@pytest.mark.filterwarnings(
    "ignore:Requiring AUTH while not requiring TLS"
)  # aiosmtpd overlooks TLS from the first byte
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_encrypted_login(authority: Authority, security: str) -> None:
    with mail_server(authority, security=security, login=True) as server:
        account: dict[str, Any] = {"security": security, "ca_file": authority.file, "user": USER}
        Email(email_config(server, password=PASSWORD, **account)).send(MESSAGE)
        assert len(server.mails) == 1

        wrong = failure(Email(email_config(server, password="wrong", **account)))
        assert (
            wrong.message
            == f"The mail server localhost:{server.port} refused the login of dagster: 535 5.7.8 Authentication credentials invalid"
        )
        assert "notifications.email.user" in wrong.advice and not wrong.passing

        stranger = failure(Email(email_config(server, password=PASSWORD, security=security, user=USER)))
        assert "The certificate of localhost" in stranger.message and "is not trusted" in stranger.message
        assert "ca_file" in stranger.advice and not stranger.passing

        by_address = failure(Email(email_config(server, password=PASSWORD, **account, host="127.0.0.1")))
        assert "is not trusted: " in by_address.message and "127.0.0.1" in by_address.message


def test_server_without_starttls_or_login_says_what_to_set(mail: MailServer) -> None:
    refused = failure(Email(email_config(mail, security="starttls", user=USER, password=PASSWORD)))
    assert refused.message == f"The mail server localhost:{mail.port} offers no STARTTLS."
    assert "notifications.email.security" in refused.advice
    assert mail.mails == []


def test_port_that_speaks_no_tls(mail: MailServer) -> None:
    refused = failure(Email(email_config(mail, security="tls")))
    assert "could not be encrypted" in refused.message
    assert "speaks TLS" in refused.advice


def test_recipients_that_are_refused_are_named_and_the_others_have_the_mail(mail: MailServer) -> None:
    mail.refuse["gone@example.com"] = "550 5.1.1 no such user"
    email = Email(email_config(mail), ("gone@example.com", "here@example.com"))
    error = failure(email)
    assert isinstance(error, RecipientsRefusedError)
    assert (error.refused, error.others) == (("gone@example.com",), ("here@example.com",))
    assert "gone@example.com: 550 5.1.1 no such user" in error.message
    assert "here@example.com got the mail" in error.message
    assert [each.recipients for each in mail.mails] == [("here@example.com",)]

    nobody = failure(Email(email_config(mail), ("gone@example.com",)))
    assert isinstance(nobody, RecipientsRefusedError) and nobody.others == () and not nobody.passing
    assert len(mail.mails) == 1


@pytest.mark.parametrize(("answer", "passing"), [("451 4.3.0 try again later", True), ("552 5.3.4 too big", False)])
def test_refused_mail_says_what_the_server_said_and_whether_it_passes(
    mail: MailServer, answer: str, passing: bool
) -> None:
    mail.answers.append(answer)
    error = failure(Email(email_config(mail)))
    assert error.message.endswith(f"refused the mail: {answer}")
    assert error.passing is passing


def test_nobody_listens_nobody_answers_and_nobody_knows_the_host(mail: MailServer) -> None:
    nothing = failure(Email(email_config(mail, port=free_port())))
    assert "cannot be reached: Connection refused" in nothing.message and nothing.passing
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silence = failure(Email(email_config(mail, port=silent.getsockname()[1], timeout=0.2)))
    assert "was silent for 0.2 s" in silence.message and silence.passing
    unknown = failure(Email(email_config(mail, host="mail.invalid")))
    assert "The mail server mail.invalid is unknown" in unknown.message and unknown.passing


def test_server_that_says_nothing_of_the_whole_mail_leaves_it_in_doubt(mail: MailServer) -> None:
    mail.before_answer["DATA"] = lambda: time.sleep(0.4)
    silence = failure(Email(email_config(mail, timeout=0.2)))
    assert silence.message == (
        f"The mail server localhost:{mail.port} was silent after it had the whole mail, so that it may have arrived."
    )
    assert silence.passing and silence.uncertain
    mail.before_answer = {"RCPT": lambda: time.sleep(0.4)}
    assert not failure(Email(email_config(mail, timeout=0.2))).uncertain
    assert len(mail.mails) == 1


def test_last_word_is_announced_and_without_it_nothing_arrives(mail: MailServer) -> None:
    class StopError(Exception):
        """Ends the process, as far as the mail is concerned."""

    def stop() -> None:
        raise StopError

    with pytest.raises(StopError):
        Email(email_config(mail)).send(MESSAGE, stop)
    assert (mail.mails, mail.attempts) == ([], 0)
    dots = Message("dots", (".", "..a", ".\n.\n"))
    said: list[str] = []
    Email(email_config(mail)).send(dots, lambda: said.append("last word"))
    assert (said, mail.mails[0].text) == (["last word"], "dots\n\n.\n\n..a\n\n.\n.\n\n")
