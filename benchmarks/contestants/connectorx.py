"""ConnectorX, by its binary protocol, the fastest of those it has."""

from __future__ import annotations

import connectorx
import pyarrow as pa

from benchmarks.contestants.contestant import Contestant


class ReadTable(Contestant):
    """The whole result as one Arrow table; connecting, a few milliseconds, is part of every call."""

    def run(self) -> None:
        self.result = connectorx.read_sql(self.place.url(), self.subject.query, return_type="arrow", protocol="binary")

    def close(self) -> None:
        """Nothing is kept open between two calls."""

    def table(self) -> pa.Table:
        return self.result
