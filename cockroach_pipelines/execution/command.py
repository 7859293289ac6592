"""A statement with its values, and what running it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from cockroach_pipelines.database import CockroachDBConnection
from cockroach_pipelines.database.arrow import Special, read
from cockroach_pipelines.execution.narrator import Narrator
from cockroach_pipelines.execution.session import arranged, located
from cockroach_pipelines.queries.parsing import SQLParser, Statement, StatementKind, bind_positions

_CHANGES_ROWS = frozenset(
    {StatementKind.INSERT, StatementKind.UPSERT, StatementKind.UPDATE, StatementKind.DELETE, StatementKind.MERGE}
)


@dataclass(frozen=True)
class Command:
    """A statement with the values that it binds.

    Args:
        statement: That of a file, or SQL text.
        values: By the names of `:name` parameters; for SQL text also in the order of its `?`.
        name: What events call it; the file's name, or `statement`, when silent.
        special: What becomes of returned values that Arrow's types cannot hold, such as infinity.
    """

    statement: Statement | str
    values: Mapping[str, object] | Sequence[object] = field(default=(), repr=False)
    name: str = ""
    special: Special = "error"

    @property
    def shown_name(self) -> str:
        """What events call it."""
        if self.name:
            return self.name
        return self.statement.path.name if isinstance(self.statement, Statement) else "statement"

    def arranged(self) -> tuple[str, list[object]]:
        """Give the text with `?` for each parameter, and their values in order."""
        if not isinstance(self.values, Mapping):
            text = self.statement.bound.text if isinstance(self.statement, Statement) else self.statement
            return text, list(self.values)
        bound = self.statement.bound if isinstance(self.statement, Statement) else bind_positions(self.statement)
        return bound.text, arranged(bound, self.values)


@dataclass(frozen=True)
class CommandResult:
    """What a statement came to: rows affected (-1 where the server does not say), and the rows it returned, if any."""

    rows: int
    returned: pa.Table | None


def run_command(connection: CockroachDBConnection, command: Command, narrator: Narrator) -> CommandResult:
    """Run a statement.

    Raises:
        StatementError: The server refused the statement; its place is the line of the SQL file.
    """
    with narrator.statement(command.shown_name) as tally:
        text, parameters = command.arranged()
        if isinstance(command.statement, Statement):
            result = _run_file(connection, command.statement, text, parameters, command.special)
        elif SQLParser().parse(command.statement).returns_rows:
            returned = _read(connection, text, parameters, command.special)
            result = CommandResult(returned.num_rows, returned)
        else:
            result = CommandResult(connection.execute(text, parameters), None)
        tally.rows = result.rows
        return result


def _run_file(
    connection: CockroachDBConnection, statement: Statement, text: str, parameters: Sequence[object], special: Special
) -> CommandResult:
    changes = statement.parsed.kind in _CHANGES_ROWS
    if not statement.parsed.returns_rows:
        with located(statement):
            affected = connection.execute(text, parameters)
        return CommandResult(affected if changes else -1, None)
    with located(statement, numbered=False):
        returned = _read(connection, text, parameters, special)
    return CommandResult(returned.num_rows if changes else -1, returned)


def _read(connection: CockroachDBConnection, sql: str, parameters: Sequence[object], special: Special) -> pa.Table:
    stream = read(connection.jdbc, sql, parameters, special=special, copy=False)
    try:
        with stream:
            return stream.to_table()
    finally:
        connection.broken |= stream.tainted
