"""What is told to people, whatever the way it takes to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Level(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Attachment:
    """A file that travels with a message, by the ways that take files."""

    name: str
    content: bytes = field(repr=False)
    media_type: str = "application/octet-stream"


@dataclass(frozen=True)
class Message:
    """Something to tell.

    Args:
        title: One line: the subject of an e-mail.
        paragraphs: The text. A line break within one is kept.
        facts: Names and values, shown as a table.
        level: How bad it is.
        link: Where to look further.
        attachments: Files.
        identity: The same for every copy of the same message, so that a mail reader shows one that arrived twice once.
        page: The whole e-mail as HTML, where it is more than what is said above; that stays its plain text.
    """

    title: str
    paragraphs: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    level: Level = Level.INFO
    link: str | None = None
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    identity: str = ""
    page: str | None = field(default=None, repr=False)


def nothing() -> None:
    """Do nothing."""


class Channel(Protocol):
    """A way to people."""

    @property
    def name(self) -> str:
        """Where it leads, for people; nothing secret."""

    def send(self, message: Message, before_last_word: Callable[[], None] = nothing) -> None:
        """Try once to deliver a message.

        Args:
            message: What to tell.
            before_last_word: Called while nothing can have arrived, before that is sent after which it may have.

        Raises:
            DeliveryError: It was not delivered; or nobody knows, where the error is `uncertain`.
        """


def one_line(text: str) -> str:
    """Give a text as one line of printable characters, for a subject or a log."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
