"""Numerics without precision and scale in files that have types."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

import pyarrow as pa

from cockroach_pipelines.database.arrow.decimals import DecimalFit
from cockroach_pipelines.execution.files.encoders import EncodedFile, TypedFormat
from cockroach_pipelines.execution.files.ipc import ArrowIPC
from cockroach_pipelines.execution.files.sink import LocalFile, Sink

_TEXTS = ArrowIPC()


def is_unscaled_numeric(field: pa.Field) -> bool:
    """Whether a column is a numeric that came as text because no decimal type was known for it beforehand."""
    said = field.metadata or {}
    return pa.types.is_string(field.type) and said.get(b"pg.type") == b"numeric" and b"pg.special" not in said


class FittedFile:
    """A file in which such numerics are the narrowest decimal that holds every value exactly, or text where none does.

    The types are those that fit the first group of rows. Later values mostly fit them too; the texts are kept aside
    nevertheless, and when one does not fit, the file is written again with types that do. A result of one group is
    written to the sink at once; a longer one to a scratch file that becomes the sink's content.

    Args:
        form: The format.
        sink: Where it goes.
        schema: What the tables have, the numerics being text.
        numerics: Positions of the numerics.
    """

    def __init__(self, form: TypedFormat, sink: Sink, schema: pa.Schema, numerics: Sequence[int]) -> None:
        self.schema = schema
        self._format = form
        self._sink = sink
        self._numerics = numerics
        self._fitted: _Scratch | None = None
        self._texts: _Scratch | None = None
        self._fits = [DecimalFit() for _ in numerics]
        self._misfit = False

    def write(self, table: pa.Table) -> None:
        """Append a group.

        Raises:
            FileWriteError: It cannot be written, or the format cannot hold it.
        """
        texts = table.select(self._numerics)
        self._observe(texts)
        if self._fitted is None or self._texts is None:
            self.schema = self._fitting_schema()
            self._fitted = _Scratch(self._format, self._sink, self.schema)
            self._texts = _Scratch(_TEXTS, self._sink, texts.schema)
        self._texts.file.write(texts)
        self._fitted.file.write(self._with(table, texts))

    def finish(self, rest: pa.Table | None = None) -> None:
        """Append the last group and end the file; then `schema` is that of the file."""
        if self._fitted is None or self._texts is None:
            groups = [] if rest is None else [(rest, rest.select(self._numerics))]
            for _, texts in groups:
                self._observe(texts)
            self._write_all(groups)
            return
        if rest is not None:
            self.write(rest)
        self._fitted.close()
        self._texts.close()
        if self._misfit:
            self._misfit = False
            stored, texts_aside = self._format.groups(self._fitted.path), _TEXTS.groups(self._texts.path)
            self._write_all(zip(stored, texts_aside, strict=True))
            self._fitted.remove()
        else:
            self._sink.take(self._fitted.path)
        self._texts.remove()

    def abandon(self) -> None:
        """Let go of it, unfinished."""
        for scratch in (self._fitted, self._texts):
            if scratch is not None:
                scratch.abandon()

    def _observe(self, texts: pa.Table) -> None:
        for fit, column in zip(self._fits, texts.columns, strict=True):
            fit.observe(column)

    def _fitting_schema(self) -> pa.Schema:
        schema = self.schema
        for position, fit in zip(self._numerics, self._fits, strict=True):
            schema = schema.set(position, schema.field(position).with_type(fit.type))
        return schema

    def _with(self, table: pa.Table, texts: pa.Table) -> pa.Table:
        """Give a table with its numerics in the types of the schema; without them once there was a misfit."""
        # A cast would not tell: beyond the precision of its type pyarrow's gives other numbers.
        self._misfit |= self.schema != self._fitting_schema()
        columns = table.columns
        for position, text in zip(self._numerics, texts.columns, strict=True):
            kind = self.schema.field(position).type
            columns[position] = pa.nulls(len(text), kind) if self._misfit else text.cast(kind)
        return pa.Table.from_arrays(columns, schema=self.schema)

    def _write_all(self, groups: Iterable[tuple[pa.Table, pa.Table]]) -> None:
        """Write groups, each with the texts of its numerics, to the sink, now that every value was observed."""
        self.schema = self._fitting_schema()
        whole = EncodedFile(self._format, self._sink, self.schema)
        try:
            for table, texts in groups:
                whole.write(self._with(table, texts))
            whole.finish()
        except BaseException:
            whole.abandon()
            raise


class _Scratch:
    """A file beside the sink's."""

    def __init__(self, form: TypedFormat, sink: Sink, schema: pa.Schema) -> None:
        self.path = sink.scratch / f"{uuid.uuid4().hex}.scratch"
        self._local = LocalFile(self.path)
        self.file = EncodedFile(form, self._local, schema)

    def close(self) -> None:
        self.file.finish()
        self._local.close(synchronise=False)

    def abandon(self) -> None:
        self.file.abandon()
        self.remove()

    def remove(self) -> None:
        self._local.discard()
