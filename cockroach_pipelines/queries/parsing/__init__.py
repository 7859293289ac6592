"""SQL text: its words, its parameters, what a statement is, and which tables and columns it speaks of."""

from cockroach_pipelines.queries.parsing.commands import StatementKind
from cockroach_pipelines.queries.parsing.lineage import ColumnOrigin, column_origins
from cockroach_pipelines.queries.parsing.parameters import BoundSQL, LocatedSQL, bind_positions
from cockroach_pipelines.queries.parsing.parser import Effect, ParsedSQL, SQLParser
from cockroach_pipelines.queries.parsing.statement import Statement
from cockroach_pipelines.queries.parsing.table_names import TableName, TableOn, parse_table_name

__all__ = [
    "BoundSQL",
    "ColumnOrigin",
    "Effect",
    "LocatedSQL",
    "ParsedSQL",
    "SQLParser",
    "Statement",
    "StatementKind",
    "TableName",
    "TableOn",
    "bind_positions",
    "column_origins",
    "parse_table_name",
]
