"""A TCP proxy in front of a server, which does to connections what networks do."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Self

_CHUNK = 65_536
_TICK_SECONDS = 0.02


class Side(Enum):
    """Who sends."""

    CLIENT = "client"
    SERVER = "server"


class End(Enum):
    """What becomes of a connection when its fault strikes."""

    CLOSE = "both sides read to the end"
    RESET = "both sides get a reset"
    HOLE = "nothing passes any more, and nobody is told"


@dataclass(frozen=True)
class Fault:
    """A fault of one connection: it strikes once `side` has sent `after` bytes.

    With `triggers` everything passes until the client has sent each of these in turn; bytes are counted from the
    beginning of the chunk with the last one.
    """

    side: Side
    after: int
    end: End = End.CLOSE
    triggers: tuple[bytes, ...] = ()


class Proxy:
    """Passes connections on to a port of loopback; a context manager.

    Attributes:
        faults: Faults of the next connections, one each, None for one without; those after them have none.
        delay: Seconds that each chunk waits before it goes on.
        rate: Bytes a second that pass in each direction; None for any.
        refusing: Whether new connections are closed at once.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.faults: deque[Fault | None] = deque()
        self.delay = 0.0
        self.rate: int | None = None
        self.refusing = False
        self.hole = threading.Event()
        self.accepted = 0
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.hole.clear()
        self.end_all(End.RESET)

    def end_all(self, how: End) -> None:
        """Do to every open connection what a fault would."""
        for link in self.links:
            link.strike(how)

    @property
    def links(self) -> list[_Link]:
        """Connections that are open."""
        with self._lock:
            return list(self._links)

    def open_hole(self) -> None:
        """Let nothing pass from now on, on any connection, and answer nothing on new ones."""
        self.hole.set()

    def close_hole(self) -> None:
        """Let new connections pass again; what fell into the hole is lost."""
        self.end_all(End.RESET)
        self.hole.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            fault = self.faults.popleft() if self.faults else None
            if self.refusing:
                client.close()
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 2)
            except OSError:
                client.close()
                continue
            link = _Link(self, client, server, fault)
            with self._lock:
                self._links.add(link)
            threading.Thread(target=link.run, name="proxy-link", daemon=True).start()

    def forget(self, link: _Link) -> None:
        """Take a connection that has ended off the list."""
        with self._lock:
            self._links.discard(link)


class _Link:
    """One connection."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket, fault: Fault | None) -> None:
        self._proxy = proxy
        self._sockets = {Side.CLIENT: client, Side.SERVER: server}
        self._fault = fault
        self._awaited = deque(fault.triggers if fault else ())
        self._ended: End | None = None
        self.sent = {Side.CLIENT: 0, Side.SERVER: 0}
        self._counted = {Side.CLIENT: 0, Side.SERVER: 0}

    def run(self) -> None:
        for each in self._sockets.values():
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with selectors.DefaultSelector() as selector:
            for side, each in self._sockets.items():
                selector.register(each, selectors.EVENT_READ, side)
            try:
                while self._ended is None:
                    for key, _ in selector.select(_TICK_SECONDS):
                        self._pass_on(key.data)
            except OSError:
                self._ended = self._ended or End.RESET
        self._finish()

    def strike(self, how: End) -> None:
        """End the connection."""
        self._ended = how

    def _pass_on(self, side: Side) -> None:
        if self._proxy.hole.is_set():
            self._ended = End.HOLE
            return
        chunk = self._sockets[side].recv(_CHUNK)
        if not chunk:
            self._ended = End.CLOSE
            return
        if self._proxy.delay:
            time.sleep(self._proxy.delay)
        if self._proxy.rate:
            time.sleep(len(chunk) / self._proxy.rate)
        fault = self._fault
        if self._awaited and side is Side.CLIENT and self._awaited[0] in chunk:
            self._awaited.popleft()
        if fault and not self._awaited:
            allowed = fault.after - self._counted[side] if side is fault.side else len(chunk)
            self._counted[side] += len(chunk)
            if side is fault.side and allowed < len(chunk):
                chunk, self._ended = chunk[: max(0, allowed)], fault.end
        other = self._sockets[Side.SERVER if side is Side.CLIENT else Side.CLIENT]
        other.sendall(chunk)
        self.sent[side] += len(chunk)

    def _finish(self) -> None:
        if self._ended is End.HOLE:
            while self._ended is End.HOLE:  # open and silent, until the proxy says otherwise
                time.sleep(_TICK_SECONDS)
        for each in self._sockets.values():
            if self._ended is End.RESET:
                with contextlib.suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            each.close()
        self._proxy.forget(self)
