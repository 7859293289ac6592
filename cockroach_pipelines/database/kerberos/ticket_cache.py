"""What is inside a ticket cache, without its session keys."""

from __future__ import annotations

import datetime as dt
import os
import struct
from dataclasses import dataclass
from pathlib import Path

from cockroach_pipelines.database.kerberos.krb5_conf import Krb5Conf

FILE_CACHE = "FILE"

_VERSIONS = (b"\x05\x03", b"\x05\x04")
_CONFIGURATION_REALM = "X-CACHECONF:"


@dataclass(frozen=True)
class CacheLocation:
    """Where a cache is: its kind, such as FILE or KCM, the rest of its name, and which setting said so."""

    kind: str
    rest: str
    source: str

    @property
    def name(self) -> str:
        """The name as Kerberos writes it, such as `FILE:/tmp/krb5cc_1000`."""
        return f"{self.kind}:{self.rest}"

    @property
    def path(self) -> Path:
        """The file of a FILE cache."""
        return Path(self.rest).absolute()


@dataclass(frozen=True)
class CachedTicket:
    """One ticket: the service it is for, and until when."""

    server: str
    expiry: dt.datetime
    renewable_until: dt.datetime | None


@dataclass(frozen=True)
class TicketCache:
    """Whose cache it is, and what it holds."""

    principal: str
    tickets: tuple[CachedTicket, ...]

    @property
    def ticket_granting_ticket(self) -> CachedTicket | None:
        """The ticket that every other one is got with; the one of the principal's own realm that lasts longest."""
        realm = self.principal.rpartition("@")[2]
        own = [ticket for ticket in self.tickets if ticket.server == f"krbtgt/{realm}@{realm}"]
        return max(own, key=lambda ticket: ticket.expiry, default=None)


def locate_ticket_cache(configured: str | None, krb5_conf: Krb5Conf) -> CacheLocation:
    """Find the cache: the configured one, KRB5CCNAME, what krb5.conf names, else MIT's default `/tmp/krb5cc_<uid>`."""
    if configured:
        return _location(configured, "ticket_cache")
    if named := os.environ.get("KRB5CCNAME"):
        return _location(named, "KRB5CCNAME")
    customary = _location(f"/tmp/krb5cc_{os.getuid()}", "the default")  # noqa: S108 - MIT's own default
    if not krb5_conf.default_cache:
        return customary
    named_there = _location(krb5_conf.default_cache, f"default_ccache_name of {krb5_conf.path}")
    readable_by_java = named_there.kind == FILE_CACHE or not customary.path.exists()
    return named_there if readable_by_java else customary


def read_ticket_cache(path: Path) -> TicketCache:
    """Read a FILE cache, versions 3 and 4.

    Format: https://web.mit.edu/kerberos/krb5-latest/doc/formats/ccache_file_format.html

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is no ticket cache, or is cut off.
    """
    data = path.read_bytes()
    if data[:2] not in _VERSIONS:
        raise ValueError(f"it begins with {data[:2].hex(' ') or 'nothing'}, a ticket cache with 05 04")
    reader = _Reader(data)
    reader.skip(2)
    try:
        if data[:2] == _VERSIONS[1]:
            reader.skip(reader.number("H"))
        principal = reader.principal()
        tickets = []
        while not reader.at_end:
            ticket = reader.ticket(old=data[:2] == _VERSIONS[0])
            if not ticket.server.endswith(f"@{_CONFIGURATION_REALM}"):
                tickets.append(ticket)
    except struct.error as error:
        raise ValueError("it is cut off") from error
    return TicketCache(principal, tuple(tickets))


def _location(name: str, source: str) -> CacheLocation:
    kind, colon, rest = name.partition(":")
    if colon and kind.isalpha() and len(kind) > 1:
        return CacheLocation(kind.upper(), rest, source)
    return CacheLocation(FILE_CACHE, name, source)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def at_end(self) -> bool:
        return self._position >= len(self._data)

    def skip(self, count: int) -> bytes:
        start, self._position = self._position, self._position + count
        if self._position > len(self._data):
            raise ValueError("it is cut off")
        return self._data[start : self._position]

    def number(self, code: str) -> int:
        (value,) = struct.unpack(f">{code}", self.skip(struct.calcsize(f">{code}")))
        return int(value)

    def octets(self) -> bytes:
        return self.skip(self.number("I"))

    def principal(self) -> str:
        self.number("I")  # type of the name
        components = self.number("I")
        realm = self.octets().decode(errors="replace")
        return f"{'/'.join(self.octets().decode(errors='replace') for _ in range(components))}@{realm}"

    def ticket(self, *, old: bool) -> CachedTicket:
        self.principal()  # the client, the cache's own
        server = self.principal()
        self.skip(4 if old else 2)  # encryption type, twice in version 3
        self.octets()  # session key
        _, _, end, renewable = (self.number("I") for _ in range(4))
        self.skip(1 + 4)  # whether it is for user-to-user, flags
        for _ in range(2):  # addresses, authorization data
            for _ in range(self.number("I")):
                self.skip(2)
                self.octets()
        self.octets()  # the ticket itself
        self.octets()  # the second ticket
        return CachedTicket(server, _instant(end), _instant(renewable) if renewable else None)


def _instant(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)
