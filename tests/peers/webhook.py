"""A web address on loopback that keeps the JSON posted to it, and serves as another web application where one is needed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What the server says instead of 200."""

    code: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class WebhookServer:
    """What was posted; `answers` holds what the next posts are answered with before they are taken again.

    `before_answer` is called once a post was taken, before its answer.
    """

    address: str = ""
    posts: list[Any] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    before_answer: Callable[[], None] | None = None
    attempts: int = 0
    reply: str = "ok"

    def clear(self) -> None:
        """Forget what came, and answer as at first."""
        self.posts.clear()
        self.headers.clear()
        self.answers.clear()
        self.before_answer = None
        self.attempts = 0
        self.reply = "ok"


@contextmanager
def webhook_server() -> Iterator[WebhookServer]:
    """Run a web server for the length of a block; `address` has a secret path, as Slack's has."""
    state = WebhookServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.attempts += 1
            answer = state.answers.pop(0) if state.answers else Answer(200, state.reply)
            if answer.code == 200:
                state.posts.append(json.loads(body))
                state.headers.append(dict(self.headers))
                if state.before_answer:
                    state.before_answer()
            self.send_response(answer.code)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            text = answer.text.encode()
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            state.posts.append("a GET, as a redirect makes of a POST")
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.address = f"http://localhost:{server.server_port}/services/T000/B000/s3cretpath"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
