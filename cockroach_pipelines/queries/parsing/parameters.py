"""`:name` parameters as the driver's `?`, and positions in what the server saw as places in the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlglot.tokenizer_core import TokenType

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.errors import ParameterError
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.parsing.lexing import QUOTED, Bind, LexedSQL, lex


@dataclass(frozen=True)
class _Edit:
    """A stretch of the file's text, and what stands for it in the text that runs."""

    start: int
    stop: int
    replacement: str


@dataclass(frozen=True)
class LocatedSQL:
    """SQL made from a file's text, which still knows where each of its characters comes from."""

    text: str
    source: SourceText
    edits: tuple[_Edit, ...]

    def place(self, position: int) -> Place:
        """Give line and column in the file of a character of `text`, counted from 1 as servers do.

        A position within a replaced parameter is the place of the parameter; one beyond the end that of the end.
        """
        offset = max(position, 1) - 1
        shift = 0
        for edit in self.edits:
            start = edit.start + shift
            if offset < start:
                break
            if offset < start + len(edit.replacement):
                return self.source.place(edit.start)
            shift += len(edit.replacement) - (edit.stop - edit.start)
        return self.source.place(min(offset, len(self.text)) - shift)


@dataclass(frozen=True)
class BoundSQL:
    """A statement whose parameters are `?`, ready for `java.sql.PreparedStatement`.

    `text` is the author's text without a semicolon at its end; the operators `?`, `?|`, `?&`, … are `??`, … as pgjdbc
    wants them. `names` holds the parameters in order, repeated as often as they stand in the text.
    """

    text: str
    names: tuple[str, ...]
    source: SourceText
    binds: tuple[Bind, ...]

    def arrange(self, values: Mapping[str, object]) -> list[object]:
        """Put values into the order of the `?`.

        Raises:
            ParameterError: A parameter has no value, or a value has no parameter.
        """
        refuse_unknown(values, self.names)
        for bind in self.binds:
            if bind.name not in values:
                raise ParameterError(
                    f"The parameter {bind.name!r} has no value.",
                    place=self.source.place(bind.start),
                    advice=f"Give it one: {_example(self.names, values)}.",
                )
        return [values[name] for name in self.names]

    def place(self, position: int, *, numbered: bool = True) -> Place:
        """Give line and column in the file of a character position (from 1) that the server reported.

        Args:
            position: Counted in what the server saw, which is pgjdbc's rewriting of `text` with `$1`, `$2`, … for the
                parameters and the operators as the author wrote them.
            numbered: Whether it still is; False when the caller has counted it back to a text with `?` for each
                parameter, as `database.arrow.read` does.
        """
        marks = [f"${number}" if numbered else "?" for number, _ in enumerate(self.binds, 1)]
        text = self.source.text
        edits = [
            _Edit(bind.start, bind.stop, _apart(text, bind, mark)) for bind, mark in zip(self.binds, marks, strict=True)
        ]
        return _edited(self.source, edits).place(position)

    def inlined(self, literals: Sequence[str]) -> LocatedSQL:
        """Put one piece of SQL for each parameter, in order, for statements that take no parameters (COPY).

        The caller writes the literals and answers for their quoting. Operators stay as the author wrote them.

        Raises:
            ValueError: There are more or fewer pieces than parameters.
        """
        edits = [_Edit(bind.start, bind.stop, literal) for bind, literal in zip(self.binds, literals, strict=True)]
        return _edited(self.source, edits)


def bind_positions(sql: str | SourceText | LexedSQL) -> BoundSQL:
    """Replace each `:name` by `?` and double the `?` of operators, so that the driver counts the same parameters.

    White space around the statement, and semicolons and comments after it, are left out.

    Raises:
        QueryFileError: The text cannot be cut into tokens.
    """
    lexed = sql if isinstance(sql, LexedSQL) else lex(sql)
    start, stop = _extent(lexed)
    source = lexed.source.part(start, stop)
    text = source.text
    binds = tuple(Bind(bind.name, bind.start - start, bind.stop - start) for bind in lexed.binds)
    edits = [_Edit(bind.start, bind.stop, _apart(text, bind, "?")) for bind in binds]
    for token in lexed.tokens if "?" in text else ():
        if token.token_type not in QUOTED:
            edits += [
                _Edit(offset, offset + 1, "??")
                for offset in range(token.start - start, token.end + 1 - start)
                if text[offset : offset + 1] == "?"
            ]
    edits.sort(key=lambda edit: edit.start)
    return BoundSQL(_edited(source, edits).text, tuple(bind.name for bind in binds), source, binds)


def _apart(text: str, bind: Bind, mark: str) -> str:
    """Keep a parameter's mark away from an operator's or another parameter's `?`: pgjdbc takes `??` for an operator."""
    after = text[bind.stop : bind.stop + 2]
    touches = text[bind.start - 1 : bind.start] == "?" or after[:1] == "?" or (after[:1] == ":" and after != "::")
    return f" {mark} " if touches else mark


def refuse_unknown(values: Iterable[str], known: Iterable[str]) -> None:
    """Raise for the first value that no parameter takes.

    Raises:
        ParameterError: A name is unknown.
    """
    names = set(known)
    for name in values:
        if name not in names:
            advice = did_you_mean(name, names) if names else "This statement takes no parameters."
            raise ParameterError(f"There is no parameter {name!r}.", advice=advice)


def _example(names: Iterable[str], values: Mapping[str, object]) -> str:
    missing = [name for name in dict.fromkeys(names) if name not in values]
    return ", ".join(f"{name}=…" for name in missing)


def _extent(lexed: LexedSQL) -> tuple[int, int]:
    text = lexed.source.text
    meaning = [token for token in lexed.tokens if token.token_type is not TokenType.SEMICOLON]
    start = len(text) - len(text.lstrip())
    return (start, max(start, meaning[-1].end + 1)) if meaning else (start, start)


def _edited(source: SourceText, edits: Sequence[_Edit]) -> LocatedSQL:
    text = source.text
    bounds = [0, *(bound for edit in edits for bound in (edit.start, edit.stop)), len(text)]
    kept = [text[start:stop] for start, stop in list(pairwise(bounds))[::2]]
    pieces = [piece for pair in zip(kept, [edit.replacement for edit in edits], strict=False) for piece in pair]
    return LocatedSQL("".join([*pieces, kept[-1]]), source, tuple(edits))
