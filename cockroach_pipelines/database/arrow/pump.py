"""Moving a result from the driver to the parsers."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue
from typing import Any

import jpype

from cockroach_pipelines.database.arrow.describe import Description
from cockroach_pipelines.database.arrow.marks import Marks
from cockroach_pipelines.database.arrow.parse import parse_block
from cockroach_pipelines.database.arrow.source import Source
from cockroach_pipelines.database.arrow.types import Special
from cockroach_pipelines.database.arrow.worker import ConnectionWorker

_BATCHES_AHEAD = 4

Parse = Callable[[bytes, Description, Special, Marks], Any]


class Pump(ConnectionWorker):
    """Describes and opens a source, then moves block after block to the parsers, at most four ahead of the consumer.

    Opening stands in the thread too: it blocks until the server has something to say, and a slow statement must be
    cancellable before its first byte.

    Args:
        jdbc: The connection.
        source: What is described, opened and read.
        special: What becomes of values that Arrow's types cannot hold.
        parse: Makes of each block what the consumer takes.
    """

    def __init__(self, jdbc: Any, source: Source, special: Special, parse: Parse = parse_block) -> None:
        super().__init__(jdbc, "arrow-pump")
        self._source = source
        self._special = special
        self._parse = parse
        self._described: Future[Description] = Future()
        self._batches: Queue[Future[Any] | None] = Queue(_BATCHES_AHEAD)

    def begin(self) -> Description:
        """Start the work and wait for the columns, interruptibly; where that fails, the pump is closed.

        Raises:
            DatabaseError: The server refused the statement, or it was stopped.
        """
        try:
            self.start()
            return self._wait_for(self._described)
        except BaseException:
            self.close()
            raise

    def take(self) -> Any:
        """Wait for the next batch, interruptibly, and give it; None at the end, when the connection is free again.

        Raises:
            DatabaseError: The statement failed, a value has no counterpart, or it was stopped.
        """
        batch = self._take_from(self._batches)
        if batch is not None:
            return self._wait_for(batch)
        self._wait_for_end()
        self._give_outcome()
        if self._stopping.is_set():  # what was read so far is not the whole result
            self._raise_cancelled()
        return None

    def _work(self) -> None:
        description = self._source.describe()
        self._described.set_result(description)
        if self._stopping.is_set():
            return
        self._source.open()
        while not self._stopping.is_set():
            block = self._source.next_block()
            if not block:
                return
            parsed = _parsers().submit(self._parse, block, description, self._special, self._source.marks)
            self._put_into(self._batches, parsed)

    def _leave(self) -> None:
        try:
            if self._source.runs:
                self._source.next_block()  # a small result ends here by itself, and its connection is beyond doubt
            if self._source.runs:
                self._cancellation.send()
                self._source.drain()
        except jpype.JException as error:
            self._translated(error)  # the cancel's effect
        finally:
            self._source.close()

    def _over(self) -> None:
        if not self._described.done():
            self._described.set_exception(self.outcome or RuntimeError("the statement was not described"))
        self._put_into(self._batches, None)


@functools.cache
def _parsers() -> ThreadPoolExecutor:
    # Shared by all streams: two keep up with one server, and a thread that ends may leak in the virtual machine.
    return ThreadPoolExecutor(max(2, min(4, os.cpu_count() or 2)), thread_name_prefix="arrow-parser")
