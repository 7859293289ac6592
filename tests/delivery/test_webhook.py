"""What is posted is what Slack takes, harmless whatever it holds; what is secret in the address is in no error."""

from __future__ import annotations

import json
import socket
import time
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockroach_pipelines.config import WebhookConfig
from cockroach_pipelines.delivery import Attachment, DeliveryError, Level, Message, Webhook
from cockroach_pipelines.delivery.webhook import payload
from tests.delivery.conftest import webhook_config
from tests.peers.processes import free_port
from tests.peers.webhook import Answer, WebhookServer

MESSAGE = Message(
    "reporting/routes failed",
    ("2 rows are wrong.",),
    facts=(("run", "0f3a"),),
    level=Level.ERROR,
    link="https://dagster.example.com/runs/0f3a",
    attachments=(Attachment("wrong.csv", b"secret rows", "text/csv"),),
)


def failure(config: WebhookConfig) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        Webhook(config).send(MESSAGE)
    assert "s3cret" not in "".join(traceback.format_exception(caught.value))
    return caught.value


def test_message_is_posted_as_slack_takes_it_without_files(webhook: WebhookServer) -> None:
    channel = Webhook(webhook_config(webhook))
    channel.send(MESSAGE)
    (post,) = webhook.posts
    assert post["text"] == "*reporting/routes failed*"
    (attachment,) = post["attachments"]
    assert attachment["text"] == "2 rows are wrong."
    assert attachment["fields"] == [{"title": "run", "value": "0f3a", "short": True}]
    assert attachment["title_link"] == MESSAGE.link
    assert attachment["color"] == "#b3261e"
    assert "secret rows" not in json.dumps(post)
    assert webhook.headers[0]["Content-Type"] == "application/json"
    assert "Authorization" not in webhook.headers[0]
    assert channel.name == "webhook at localhost"
    assert "s3cret" not in repr(channel)


def test_token_is_sent(webhook: WebhookServer) -> None:
    Webhook(webhook_config(webhook, token="s3cret-token")).send(MESSAGE)
    assert webhook.headers[0]["Authorization"] == "Bearer s3cret-token"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_calls_a_channel_or_makes_a_link(text: str) -> None:
    hostile = f"<!channel> <https://evil.example|bank> {text}"
    posted = json.loads(payload(Message(hostile, (hostile,), facts=(("x", hostile),))))
    (attachment,) = posted["attachments"]
    for shown in (posted["text"], attachment["text"], attachment["fields"][0]["value"]):
        assert "<" not in shown and ">" not in shown


def test_long_text_is_cut() -> None:
    posted = json.loads(payload(Message("t", ("é" * 10_000,))))
    assert len(posted["attachments"][0]["text"]) == 3000


@pytest.mark.parametrize(
    ("code", "passing", "words"),
    [
        (404, False, "localhost answered 404 Not Found: no_service"),
        (400, False, "localhost answered 400 Bad Request: no_service"),
        (429, True, "localhost answered 429 Too Many Requests: no_service"),
        (503, True, "localhost answered 503 Service Unavailable: no_service"),
    ],
)
def test_answers_are_told(webhook: WebhookServer, code: int, passing: bool, words: str) -> None:
    webhook.answers.append(Answer(code, "no_service"))
    error = failure(webhook_config(webhook))
    assert (error.message, error.passing) == (words, passing)


def test_answer_that_repeats_what_is_secret_is_told_without_it(webhook: WebhookServer) -> None:
    webhook.answers.append(Answer(400, "bad /services/T000/B000/s3cretpath with s3cret-token"))
    error = failure(webhook_config(webhook, token="s3cret-token"))
    assert error.message == "localhost answered 400 Bad Request: bad /… with …"


@pytest.mark.parametrize("said", ["7", "Wed, 21 Oct 2065 07:28:00 GMT"])
def test_wait_that_the_receiver_wants(webhook: WebhookServer, said: str) -> None:
    webhook.answers.append(Answer(429, headers={"Retry-After": said}))
    wait = failure(webhook_config(webhook)).wait
    assert wait is not None and wait >= 7


def test_redirect_is_refused_since_the_message_would_be_lost(webhook: WebhookServer) -> None:
    webhook.answers.append(Answer(302, headers={"Location": webhook.address}))
    error = failure(webhook_config(webhook))
    assert "sends the message on to localhost (302)" in error.message and not error.passing
    assert webhook.posts == []


def test_nobody_listens_nobody_answers_and_nobody_knows_the_host() -> None:
    def error(address: str) -> DeliveryError:
        return failure(WebhookConfig.model_validate({"url": f"{address}/s3cret", "timeout": 0.2}))

    nothing = error(f"http://127.0.0.1:{free_port()}")
    assert "cannot be reached: Connection refused" in nothing.message and nothing.passing
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silence = error(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert "was silent for 0.2 s" in silence.message and silence.passing
    unknown = error("http://hooks.invalid")
    assert "The host hooks.invalid is unknown" in unknown.message and unknown.passing


def test_address_without_tls_behind_https(webhook: WebhookServer) -> None:
    error = failure(webhook_config(webhook, url=webhook.address.replace("http:", "https:")))
    assert "could not be encrypted" in error.message


def test_receiver_that_says_nothing_of_a_post_leaves_it_in_doubt(webhook: WebhookServer) -> None:
    webhook.before_answer = lambda: time.sleep(0.4)
    silence = failure(webhook_config(webhook, timeout=0.2))
    assert silence.message == (
        "localhost was silent for 0.2 s after the message was sent, so that it may have arrived."
    )
    assert silence.passing and silence.uncertain
    webhook.before_answer = None
    webhook.answers = [Answer(504), Answer(503)]
    assert [failure(webhook_config(webhook)).uncertain for _ in range(2)] == [True, False]


def test_post_is_announced_and_has_the_key_of_its_identity(webhook: WebhookServer) -> None:
    class StopError(Exception):
        """Ends the process, as far as the message is concerned."""

    def stop() -> None:
        raise StopError

    channel = Webhook(webhook_config(webhook))
    with pytest.raises(StopError):
        channel.send(MESSAGE, stop)
    assert webhook.attempts == 0
    said: list[str] = []
    for identity in ("a", "a", "b"):
        channel.send(Message("t", identity=identity), lambda: said.append("last word"))
    channel.send(MESSAGE)
    keys = [headers.get("Idempotency-Key") for headers in webhook.headers]
    assert len(said) == 3
    assert (keys[0] == keys[1] != keys[2], keys[3]) == (True, None)
