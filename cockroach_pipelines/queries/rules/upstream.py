"""What can be wrong between a file and the files that it comes after."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.suggestions import nearest
from cockroach_pipelines.queries.errors import QueryFileError, combine
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.files.yaml_document import Path as KeyPath
from cockroach_pipelines.queries.headers.automation import MappingKind, PartitionMapping
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.partition import (
    KeysPartition,
    Partition,
    QueryPartition,
    TimePartition,
    TwoDimensions,
)
from cockroach_pipelines.queries.headers.reading import read_header
from cockroach_pipelines.queries.partitions import name_of_keys
from cockroach_pipelines.queries.query import BrokenQuery, Query

_ALIKE = 0.85
_LISTS = ("depends_on", "after")


def upstream_problems(
    queries: Mapping[str, Query], upstream: Mapping[str, Collection[str]], broken: Collection[str]
) -> Iterator[BrokenQuery]:
    """Give the queries that name others which are not there, or whose partitions do not follow from those of others.

    A name that no file has is that of an asset from elsewhere, unless a file's is almost the same.

    Args:
        queries: Those that can be used by themselves.
        upstream: Those that come before each.
        broken: Names of the others.
    """
    known = {*queries, *broken}
    for name, query in queries.items():
        before = upstream[name]
        problems = [
            *_misspelt(query, known),
            *_mappings(query, before, queries, known),
            *_unmapped(query, before, queries),
        ]
        if problems:
            yield BrokenQuery(name, query.path, query.kind, combine(problems))


def _misspelt(query: Query, known: Collection[str]) -> Iterator[QueryFileError]:
    for key in _LISTS:
        for number, other in enumerate(getattr(query.header, key)):
            if other == query.name:
                yield QueryFileError(
                    f"`{key}`: a file cannot come after itself.",
                    place=_place(query, (key, number)),
                    advice="Remove it.",
                )
            elif other not in known and (close := nearest(other, known, likeness=_ALIKE)):
                yield QueryFileError(
                    f"`{key}`: there is no file {other!r}.",
                    place=_place(query, (key, number)),
                    advice=f"Did you mean {close!r}?",
                )


def _mappings(
    query: Query, before: Collection[str], queries: Mapping[str, Query], known: Collection[str]
) -> Iterator[QueryFileError]:
    named = {*query.header.depends_on, *query.header.after}
    for other, mapping in query.header.partition_mapping.items():
        path: KeyPath = ("partition_mapping", other)
        if other not in before and (other in known or other not in named):
            close = nearest(other, before)
            yield QueryFileError(
                f"`partition_mapping`: {query.name} does not come after {other}.",
                place=_place(query, path, key=True),
                advice=f"Did you mean {close!r}?" if close else f"Add it to the header: `depends_on: [{other}]`.",
            )
        elif other in queries and (
            problem := _misfit(query.header.partition, queries[other].header.partition, mapping)
        ):
            yield QueryFileError(
                f"`partition_mapping`: {mapping.kind} does not fit {other}: {problem}.",
                place=_place(query, path),
                advice="Write all, or last.",
            )


def _unmapped(query: Query, before: Collection[str], queries: Mapping[str, Query]) -> Iterator[QueryFileError]:
    for other in sorted(before):
        if other in query.header.partition_mapping:
            continue
        if problem := _no_inference(query, queries[other]):
            yield QueryFileError(
                f"Which partitions of {other} those of this file come after cannot be told: {problem}.",
                place=_place(query, ("partition",), key=True),
                advice=f"Say it in the header: `partition_mapping: {{{other}: all}}`, or `last`.",
            )


def _misfit(own: Partition | None, other: Partition | None, mapping: PartitionMapping) -> str | None:
    """Say why a mapping cannot be between two files, None when it can."""
    if other is None:
        return "it has no partitions"
    if mapping.kind in (MappingKind.ALL, MappingKind.LAST):
        return None
    if own is None:
        return "this file has no partitions"
    if mapping.kind is MappingKind.IDENTITY:
        return None if _same_kind(own, other) else "its partitions are of another kind"
    if not isinstance(own, TimePartition) or not isinstance(other, TimePartition):
        return "both need partitions by time, and no other dimension"
    return _zones_differ(own, other)


def _no_inference(query: Query, upstream: Query) -> str | None:
    """Say why nothing follows from the partitions of two files, None when it does."""
    own, other = query.header.partition, upstream.header.partition
    if own is None or other is None:
        return None
    times = own.time, other.time
    if isinstance(own, TimePartition) or isinstance(other, TimePartition):
        if times[0] is None or times[1] is None:
            return "one is partitioned by time, and the other by keys"
        return _zones_differ(times[0], times[1])
    if times[0] and times[1] and (problem := _zones_differ(times[0], times[1])):
        return problem
    if isinstance(own, TwoDimensions) != isinstance(other, TwoDimensions):
        members = [each.members if isinstance(each, TwoDimensions) else each for each in (own, other)]
        connections = query.header.connection, upstream.header.connection
        same = len({_keys_of(each, connection) for each, connection in zip(members, connections, strict=True)}) == 1
        return None if same else "the keys of one are others than those of the other's second dimension"
    return None if _same_kind(own, other) else "the partitions of both are of different kinds"


def _keys_of(partition: Partition, connection: str) -> object:
    if isinstance(partition, QueryPartition):
        return name_of_keys(partition, connection)
    return partition.keys if isinstance(partition, KeysPartition) else None


def _same_kind(own: Partition, other: Partition) -> bool:
    if isinstance(own, TwoDimensions) and isinstance(other, TwoDimensions):
        return own.names == other.names and own.time_name == other.time_name
    return type(own) is type(other)


def _zones_differ(own: TimePartition, other: TimePartition) -> str | None:
    if own.timezone == other.timezone:
        return None
    return f"its windows are of {other.timezone}, and those of this file of {own.timezone}"


def _place(query: Query, path: KeyPath, *, key: bool = False) -> Place:
    """Find a key of a header again: nobody kept where it stood."""
    for file in dict.fromkeys([query.path, *(statement.path for statement in query.statements.values())]):
        document = read_header(SourceText(file, file.read_text("utf-8-sig")), Header).document
        if document and document.value(path[:1]) is not None:
            return document.key_place(path) if key else document.place(path)
    return Place(query.path, 1, 1)
