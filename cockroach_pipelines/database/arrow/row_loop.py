"""A loop over the rows of a result set that runs inside the virtual machine, put together from JDK method handles.

A loop over cells in Python calls into Java for each and gives 50,000 rows a second at most; this one is called once per
block, and needs no Java source, compiler or jar.
"""

from __future__ import annotations

import functools
from typing import Any

import jpype

from cockroach_pipelines.database.jvm import java

_BLOCK_CHARACTERS = 1 << 20


@functools.cache
def csv_row_loop(columns: int) -> Any:
    """Give a `BiConsumer<StringBuilder, ResultSet>` that appends rows of CSV until a block is full or the rows end.

    Values are the driver's `getString`, always quoted; NULL is empty.

        while (builder.length() < BLOCK && rows.next())
            for each column: builder.append(cell(rows.getString(column)) + separator)
    """
    return _Handles().loop(columns)


class _Handles:
    """The method handles that the loop is made of; Java's own names and types where nothing else is said."""

    def __init__(self) -> None:
        self.combine = java("java.lang.invoke.MethodHandles")
        self.lookup = self.combine.publicLookup()
        self.string, self.char_sequence, self.builder, self.object, self.integer, self.math = (
            java(f"java.lang.{name}").class_
            for name in ("String", "CharSequence", "StringBuilder", "Object", "Integer", "Math")
        )
        self.rows = java("java.sql.ResultSet").class_
        self.int, self.boolean, self.void = jpype.JInt.class_, jpype.JBoolean.class_, java("java.lang.Void").TYPE

    def loop(self, columns: int) -> Any:
        """Give the whole loop as a `BiConsumer`."""
        row = self.append_cell(columns, "\n")
        for column in range(columns - 1, 0, -1):
            row = self.combine.foldArguments(row, self.append_cell(column, ","))
        loop = self.combine.whileLoop(None, self.goes_on(), row)
        consumer = java("java.util.function.BiConsumer").class_
        return java("java.lang.invoke.MethodHandleProxies").asInterfaceInstance(consumer, loop)

    def append_cell(self, column: int, separator: str) -> Any:
        """(builder, rows) -> void: append one value and what follows it."""
        get_string = self.lookup.findVirtual(self.rows, "getString", self.type(self.string, self.int))
        value = self.bind(get_string, 1, java("java.lang.Integer")(column))
        cell = self.combine.filterReturnValue(value, self.cell(separator))
        append = self.lookup.findVirtual(self.builder, "append", self.type(self.builder, self.string))
        append = append.asType(self.type(self.void, self.builder, self.string))
        return self.combine.filterArguments(append, 1, jpype.JArray(java("java.lang.invoke.MethodHandle"))([cell]))

    def cell(self, separator: str) -> Any:
        """(String) -> String: the value in quotes, its own doubled, or nothing for null; then the separator."""
        concat = self.lookup.findVirtual(self.string, "concat", self.type(self.string, self.string))
        replace = self.lookup.findVirtual(
            self.string, "replace", self.type(self.string, self.char_sequence, self.char_sequence)
        )
        doubled = self.bind(replace, 1, self.text('"'), self.text('""'))
        opened = self.combine.filterReturnValue(doubled, self.bind(concat, 0, self.text('"')))
        quoted = self.combine.filterReturnValue(opened, self.bind(concat, 1, self.text(f'"{separator}')))
        objects = java("java.util.Objects").class_
        is_null = self.lookup.findStatic(objects, "isNull", self.type(self.boolean, self.object))
        empty = self.ignoring(self.combine.constant(self.string, self.text(separator)), 0, self.string)
        return self.combine.guardWithTest(is_null.asType(self.type(self.boolean, self.string)), empty, quoted)

    def goes_on(self) -> Any:
        """(builder, rows) -> boolean: there is room, and then the cursor moved to another row."""
        moved = self.lookup.findVirtual(self.rows, "next", self.type(self.boolean))
        no = self.combine.constant(self.boolean, java("java.lang.Boolean").FALSE)
        return self.combine.guardWithTest(
            self.has_room(), self.ignoring(moved, 0, self.builder), self.ignoring(no, 0, self.builder, self.rows)
        )

    def has_room(self) -> Any:
        """(builder) -> boolean: max(0, compare(BLOCK, length)), whose lowest bit is set when the block is larger."""
        length = self.lookup.findVirtual(self.builder, "length", self.type(self.int))
        compare = self.lookup.findStatic(self.integer, "compare", self.type(self.int, self.int, self.int))
        maximum = self.lookup.findStatic(self.math, "max", self.type(self.int, self.int, self.int))
        integer = java("java.lang.Integer")
        sign = self.combine.filterReturnValue(length, self.bind(compare, 0, integer(_BLOCK_CHARACTERS)))
        larger = self.combine.filterReturnValue(sign, self.bind(maximum, 0, integer(0)))
        return self.combine.explicitCastArguments(larger, self.type(self.boolean, self.builder))

    def bind(self, handle: Any, position: int, *values: Any) -> Any:
        """Give the handle with arguments filled in from a position on."""
        return self.combine.insertArguments(handle, position, jpype.JArray(jpype.JObject)([*values]))

    def ignoring(self, handle: Any, position: int, *types: Any) -> Any:
        """Give the handle with arguments put in that it does not look at."""
        return self.combine.dropArguments(handle, position, jpype.JArray(java("java.lang.Class"))([*types]))

    @staticmethod
    def type(result: Any, *parameters: Any) -> Any:
        """Give the type of a method."""
        classes = jpype.JArray(java("java.lang.Class"))([*parameters])
        return java("java.lang.invoke.MethodType").methodType(result, classes)

    @staticmethod
    def text(value: str) -> Any:
        """Give a Java string."""
        return java("java.lang.String")(value)
