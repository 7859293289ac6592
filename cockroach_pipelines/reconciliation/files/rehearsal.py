"""Trying what the author wrote, before anything is compared, so that errors of the server have their place in the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cockroach_pipelines.database import StatementError
from cockroach_pipelines.execution import QueryExecutor, Transaction, arranged, locate
from cockroach_pipelines.queries import ComparedSide, Comparison
from cockroach_pipelines.queries.parsing import BoundSQL


@dataclass
class _Assembled:
    """A statement made of pieces, which knows whose each of its characters is."""

    text: str = ""

    def __post_init__(self) -> None:
        self._pieces: list[tuple[int, BoundSQL]] = []

    def add(self, before: str, piece: BoundSQL, after: str) -> None:
        self.text += before
        self._pieces.append((len(self.text), piece))
        self.text += piece.text + after

    def parameters(self, values: Mapping[str, object]) -> list[object]:
        return [value for _, piece in self._pieces for value in arranged(piece, values)]

    def locate(self, error: StatementError) -> None:
        position = (error.server.position or 0) - 1
        for start, piece in reversed(self._pieces):
            if position >= start:
                locate(error, piece, numbered=False, before=start)
                return


def rehearse(executor: QueryExecutor, comparison: Comparison, values: Mapping[str, object]) -> None:
    """Let both servers plan the statements and conditions of a file, with the values of its parameters.

    Raises:
        StatementError: A server refused one; the place is that in the file.
    """
    header = comparison.header
    transaction = Transaction(
        read_only=True, timeout=header.timeout, timezone=header.effective_timezone, as_of=header.as_of
    )
    for side in comparison.sides:
        assembled = _assembled(side, comparison)
        if assembled is None:
            continue
        with executor.snapshot(side.connection, transaction=transaction) as snapshot:
            try:
                snapshot.read_text(assembled.text, assembled.parameters(values), special="text").to_table()
            except StatementError as error:
                assembled.locate(error)
                raise


def _assembled(side: ComparedSide, comparison: Comparison) -> _Assembled | None:
    conditions = [each.bound for each in (side.where, comparison.where) if each]
    if side.statement is None and not conditions:
        return None
    assembled = _Assembled()
    if side.statement:
        assembled.add("SELECT * FROM (\n", side.statement.bound, "\n) AS r")
    else:
        assembled.text = f"SELECT * FROM {side.table} AS r"
    for number, condition in enumerate(conditions):
        assembled.add(" AND (" if number else " WHERE (", condition, "\n)")
    assembled.text += " LIMIT 0"
    return assembled
