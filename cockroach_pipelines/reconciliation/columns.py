"""Columns of a relation, and which of them stand against each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from cockroach_pipelines.reconciliation.errors import KeyColumnError, NoCommonColumnsError, ReconciliationError
from cockroach_pipelines.reconciliation.families import (
    Family,
    common_family,
    equals_literals,
    family_of,
    has_faithful_text,
    plain_type,
)
from cockroach_pipelines.reconciliation.spec import EXACT, ReconciliationSpec, Tolerance
from cockroach_pipelines.reconciliation.tolerance_rules import TEXTS, without_effect


@dataclass(frozen=True)
class Column:
    """A column of one side.

    Attributes:
        name: Its name.
        pg_type: The server's name of its type, such as `int4` or `_text`.
        declared: The type as in its definition, such as `numeric(12,2)`.
        nullable: None where that is not known, as for the columns of a query.
        bytewise: Whether the column's own order of text is that of its bytes.
        is_enum: Whether the type is an enumeration.
        computed: Whether the server computes it from other columns, so that nobody writes it.
        numbered: Whether it is an identity that is always generated: a row gets another value only while it is inserted.
    """

    name: str
    pg_type: str
    declared: str
    nullable: bool | None = None
    bytewise: bool = True
    is_enum: bool = False
    computed: bool = False
    numbered: bool = False

    @property
    def family(self) -> Family:
        """What its values mean."""
        return Family.OTHER if self.is_enum else family_of(self.pg_type)

    @property
    def may_be_null(self) -> bool:
        """Whether it has to be reckoned with NULL."""
        return self.nullable is not False

    @property
    def equals_literals(self) -> bool:
        """Whether it can be compared with a literal of a value's text, and equals it where that means the very value."""
        return equals_literals(self.pg_type, is_enum=self.is_enum)

    @property
    def limited(self) -> bool:
        """Whether it is a numeric with a precision, which holds no infinity."""
        return "(" in self.declared


@dataclass(frozen=True)
class RelationShape:
    """What is known of a relation before it is read.

    Attributes:
        columns: In order.
        primary_key: Names of its columns, empty when there is none or it is a query.
        unique_keys: Sets of columns that name at most one row and are never NULL.
        estimated_rows: What the server believes; None when it does not know.
        indexes: Columns of its indexes, in order.
        has_policies: Whether row security decides which rows the connection's role sees.
        row_bytes: How many a row takes on disk, about; None when the server does not say.
    """

    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[frozenset[str], ...] = ()
    estimated_rows: int | None = None
    indexes: tuple[tuple[str, ...], ...] = ()
    has_policies: bool = False
    row_bytes: float | None = None

    @property
    def indexed(self) -> frozenset[str]:
        """First columns of its indexes."""
        return frozenset(names[0] for names in self.indexes if names)

    def column(self, name: str) -> Column | None:
        """Give the column of that name, None when there is none."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Pair:
    """A column of the source and the one of the target that it is compared with.

    Attributes:
        source: The source's column.
        target: The target's.
        family: In which both are compared.
        tolerance: When unequal values count as equal.
        normalize: An SQL expression with `{}` for the column; empty for the column itself.
        note: Where the comparison is less than exact, how it is made.
    """

    source: Column
    target: Column
    family: Family
    tolerance: Tolerance = EXACT
    normalize: str = ""
    note: str = ""

    @property
    def name(self) -> str:
        """What reports call it: the source's name."""
        return self.source.name

    @property
    def may_be_null(self) -> bool:
        """Whether either side may hold NULL."""
        return bool(self.normalize) or self.source.may_be_null or self.target.may_be_null

    @property
    def same_type(self) -> bool:
        """Whether both sides have the very same type, and the values are taken as they are."""
        return not self.normalize and plain_type(self.source.pg_type) == plain_type(self.target.pg_type)

    @property
    def equals_literals(self) -> bool:
        """Whether both columns can be compared with the text of a value, as it is."""
        return self.source.equals_literals and self.target.equals_literals

    def column(self, *, is_source: bool) -> Column:
        """Give the column of one side."""
        return self.source if is_source else self.target


@dataclass(frozen=True)
class SchemaDifference:
    """Something about the columns themselves that differs.

    Attributes:
        column: The source's name, or the target's for a column that the source lacks; empty for what rows there are.
        what: `missing` in the target, `extra` in the target, `type`, `nullability`, `comparison` (how it is compared) or
            `row security` (of the rows).
        source: What the source has.
        target: What the target has.
        note: What follows for the comparison.
    """

    column: str
    what: str
    source: str | None
    target: str | None
    note: str = ""


@dataclass(frozen=True)
class ColumnMap:
    """Which columns are the key, which are compared, and how the schemas differ."""

    key: tuple[Pair, ...]
    values: tuple[Pair, ...]
    differences: tuple[SchemaDifference, ...]
    keyless: bool = False
    """Whether whole rows are compared; then every column is in `key`."""

    @property
    def all(self) -> tuple[Pair, ...]:
        """The key's columns and the others."""
        return self.key + self.values


def map_columns(source: RelationShape, target: RelationShape, spec: ReconciliationSpec) -> ColumnMap:
    """Say what is compared with what.

    Raises:
        KeyColumnError: The key names a column that a side lacks.
        NoCommonColumnsError: Nothing can be compared.
        ReconciliationError: The spec names a column that is not there.
    """
    _refuse_unknown(source, target, spec)
    key = _key(source, target, spec)
    wanted = [
        column
        for column in source.columns
        if column.name not in spec.exclude and (spec.columns is None or column.name in (*spec.columns, *key))
    ]
    pairs: dict[str, Pair] = {}
    differences = list(_policies(source, target))
    for ours in wanted:
        name = ours.name
        theirs = target.column(spec.rename.get(name, name))
        if theirs is None:
            differences.append(SchemaDifference(name, "missing", ours.declared, None, "the target lacks the column"))
            continue
        pairs[name] = pair = pair_of(ours, theirs, spec)
        _refuse_without_effect(pair, spec)
        differences += _type_differences(pair)
    taken = {spec.rename.get(column.name, column.name) for column in wanted}
    if spec.columns is None:
        differences += [
            SchemaDifference(column.name, "extra", None, column.declared, "the source lacks the column")
            for column in target.columns
            if column.name not in taken and column.name not in spec.exclude
        ]
    if not pairs:
        raise NoCommonColumnsError(
            "The two sides have no column of the same name.",
            advice="Say with `rename` which column of the target stands for which of the source.",
        )
    if not key:
        return ColumnMap(_strict(pairs.values(), spec, "whole rows are compared"), (), tuple(differences), keyless=True)
    values = tuple(pair for name, pair in pairs.items() if name not in key)
    keys = _strict((pairs[name] for name in key), spec, "it is part of the key")
    for pair in keys:
        if pair.family in (Family.JSON, Family.ARRAY):
            raise KeyColumnError(
                f"The key column {pair.name!r} is of the type {pair.source.declared}, equal values of which have many texts.",
                advice="Choose another key, or `normalize` the column to text.",
            )
    return ColumnMap(keys, values, tuple(differences))


def has_unique_key(columns: ColumnMap, source: RelationShape, target: RelationShape) -> bool:
    """Whether both servers see to it that no two rows have the same key, and none a NULL in it."""
    key = {pair.source.name for pair in columns.key}, {pair.target.name for pair in columns.key}
    return (
        not columns.keyless
        and not any(pair.normalize for pair in columns.key)
        and all(
            any(names <= own for names in shape.unique_keys) for own, shape in zip(key, (source, target), strict=True)
        )
    )


def _strict(pairs: Iterable[Pair], spec: ReconciliationSpec, why: str) -> tuple[Pair, ...]:
    """Give the pairs without tolerance by type, and refuse a column's own: what names a row is equal or not."""
    pairs = tuple(pairs)
    for pair in pairs:
        if spec.tolerance.get(pair.name):
            raise ReconciliationError(
                f"The column {pair.name!r} cannot have a tolerance: {why}.",
                advice="Give another `key`, or `normalize` the column.",
            )
    return tuple(replace(pair, tolerance=EXACT) for pair in pairs)


def _refuse_unknown(source: RelationShape, target: RelationShape, spec: ReconciliationSpec) -> None:
    names = [column.name for column in source.columns]
    types = {plain_type(column.pg_type) for column in (*source.columns, *target.columns)}
    targets = [column.name for column in target.columns]
    for said, known, where in (
        *((name, names, "columns") for name in spec.columns or ()),
        *((name, [*names, *targets], "exclude") for name in spec.exclude),
        *((name, names, "rename") for name in spec.rename),
        *((name, targets, "rename") for name in spec.rename.values()),
        *((name, [*names, *types], "tolerance") for name in spec.tolerance),
        *((name, names, "normalize") for name in spec.normalize),
    ):
        if said not in known:
            raise ReconciliationError(f"`{where}` names {said!r}, which is no column here.", advice=_near(said, known))
    for name, rule in spec.tolerance.items():
        if name not in names and (wrong := without_effect(rule, family_of(name))):
            raise ReconciliationError(
                f"The tolerance of {name!r} would have no effect: {wrong}.", advice="Give a rule for such values."
            )


def _refuse_without_effect(pair: Pair, spec: ReconciliationSpec) -> None:
    if wrong := without_effect(spec.tolerance.get(pair.name, EXACT), pair.family):
        how = "as text" if pair.family in TEXTS else f"as {pair.family}"
        raise ReconciliationError(
            f"The tolerance of {pair.name!r} would have no effect: {wrong}, and the column is compared {how}.",
            advice="Remove it, or give a rule for such values.",
        )


def _near(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(known)}."


def _key(source: RelationShape, target: RelationShape, spec: ReconciliationSpec) -> tuple[str, ...]:
    back = {theirs: ours for ours, theirs in spec.rename.items()}
    if spec.key is None:
        key = source.primary_key or tuple(back.get(name, name) for name in target.primary_key)
        renamed = {spec.rename.get(name, name) for name in key}
        if all(source.column(name) for name in key) and all(target.column(name) for name in renamed):
            return key
        return ()
    for name in spec.key:
        for side, shape, own in (("source", source, name), ("target", target, spec.rename.get(name, name))):
            if shape.column(own) is None:
                raise KeyColumnError(
                    f"The key column {own!r} does not exist in the {side}.",
                    advice=_near(own, [column.name for column in shape.columns]),
                )
        if name in spec.exclude:
            raise KeyColumnError(f"The key column {name!r} is excluded.", advice="Leave it out of `exclude`.")
    if len(set(spec.key)) < len(spec.key):
        raise KeyColumnError("The key names a column twice.", advice="Name each once.")
    return spec.key


def pair_of(source: Column, target: Column, spec: ReconciliationSpec) -> Pair:
    """Set a column against another."""
    tolerance = (
        spec.tolerance.get(source.name)
        or spec.tolerance.get(plain_type(source.pg_type))
        or spec.tolerance.get(plain_type(target.pg_type))
        or EXACT
    )
    normalize = spec.normalize.get(source.name, "")
    if normalize:  # the expression's type is its own affair: texts of both sides are compared
        note = f"compared as the text of {normalize.replace('{}', source.name)}"
        return Pair(source, target, Family.TEXT, tolerance, normalize, note)
    family, note = common_family(source.family, target.family), ""
    if family is None:
        family, note = Family.OTHER, "the types have nothing in common: their texts are compared"
    elif family is Family.ARRAY and plain_type(source.pg_type) != plain_type(target.pg_type):
        note = "arrays of different types: their elements are compared as text"
    elif family is Family.OTHER and not (
        plain_type(source.pg_type) == plain_type(target.pg_type)
        and has_faithful_text(source.pg_type, is_enum=source.is_enum)
    ):
        note = f"{source.pg_type} is compared as the servers' text of it"
    elif family is Family.TIMESTAMPTZ and source.family is not target.family:
        note = "values without a time zone are taken as UTC"
    return Pair(source, target, family, tolerance, "", note)


def _policies(source: RelationShape, target: RelationShape) -> Iterator[SchemaDifference]:
    if source.has_policies or target.has_policies:
        note = "rows that are hidden from a connection's role are not compared"
        yield SchemaDifference("", "row security", _visible(source), _visible(target), note)


def _visible(shape: RelationShape) -> str:
    return "what policies show" if shape.has_policies else "all rows"


def _type_differences(pair: Pair) -> list[SchemaDifference]:
    source, target = pair.source, pair.target
    found = []
    if source.declared != target.declared:
        found.append(SchemaDifference(pair.name, "type", source.declared, target.declared, pair.note))
    elif pair.note and not pair.normalize:
        found.append(SchemaDifference(pair.name, "comparison", source.declared, target.declared, pair.note))
    if None not in (source.nullable, target.nullable) and source.nullable != target.nullable:
        said = {True: "NULL", False: "NOT NULL"}
        found.append(
            SchemaDifference(pair.name, "nullability", said[bool(source.nullable)], said[bool(target.nullable)])
        )
    return found


def renamed(names: Sequence[str], rename: Mapping[str, str]) -> tuple[str, ...]:
    """Give the target's names of columns of the source."""
    return tuple(rename.get(name, name) for name in names)


def quoted(name: str) -> str:
    """Write a name as SQL takes it whatever it is."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text as SQL takes it, with `standard_conforming_strings` on, as every session here has it."""
    return "'" + text.replace("'", "''") + "'"
