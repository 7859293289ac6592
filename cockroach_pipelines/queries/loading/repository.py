"""All the queries below a folder."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.models import DatabaseConfig
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.errors import QueryFileError, QueryNotFoundError
from cockroach_pipelines.queries.loading.cache import QueryCache
from cockroach_pipelines.queries.loading.cache import digest as digest_of
from cockroach_pipelines.queries.loading.collecting import collecting_rarely
from cockroach_pipelines.queries.loading.dependencies import (
    cycles,
    databases,
    in_database,
    table_writers,
    unwritten_tables,
    upstream_queries,
)
from cockroach_pipelines.queries.loading.loader import SQLLoader
from cockroach_pipelines.queries.parsing.table_names import TableOn
from cockroach_pipelines.queries.query import BrokenQuery, Query
from cockroach_pipelines.queries.rules.upstream import upstream_problems


class SQLRepository:
    """The queries of a SQL folder; a file that cannot be used never hides the others.

    Files are read when the first of `queries`, `broken` or what builds on them is asked for, and kept.

    Args:
        folder: The SQL folder, which holds `queries/` and in it a folder for each kind.
        connections: The connections that there are, or their names alone; a header that names another is wrong. Files
            meet in a table where their connections reach the same database. Not looked at when None.
        defaults: What holds for files whose header is silent; see `header_defaults`.
        cache_folder: Where what was read is kept, so that files that did not change are not parsed again; nowhere when
            None.
        prefix: What the names of all begin with; see `checked_prefix`.
        may_be_empty: Whether a folder without a SQL file holds no queries; else it is an error.

    Raises:
        QueryFileError: The folder, or `queries/` in it, does not exist.
    """

    def __init__(
        self,
        folder: Path,
        connections: Mapping[str, DatabaseConfig] | Collection[str] | None = None,
        defaults: Mapping[str, object] = MappingProxyType({}),
        cache_folder: Path | None = None,
        prefix: str = "",
        *,
        may_be_empty: bool = False,
    ) -> None:
        self.folder = folder
        self.queries_folder = folder / "queries"
        self._connections = connections
        self._databases = databases(connections)
        self._defaults = defaults
        self._cache_folder = cache_folder
        self._prefix = prefix
        self._may_be_empty = may_be_empty
        for needed in (folder, self.queries_folder):
            if not needed.is_dir():
                raise QueryFileError(
                    "This is no folder." if needed.exists() else "This folder does not exist.",
                    place=Place(needed),
                    advice="Run in the project's folder, or set `sql_folder` to the folder that holds queries/.",
                )

    @property
    def queries(self) -> Mapping[str, Query]:
        """The queries that can be used, by name, in the order of their names."""
        return self._loaded[0]

    @property
    def broken(self) -> Mapping[str, BrokenQuery]:
        """The files that cannot, by a name that no other query has."""
        return self._loaded[1]

    def get(self, name: str | Path) -> Query:
        """Give a query by its name, by the last part of its name when no other has it, or by the path of a file.

        Raises:
            QueryFileError: The file of that name cannot be used.
            QueryNotFoundError: There is no such query, or more than one.
        """
        asked = str(name)
        known: dict[str, Query | BrokenQuery] = {**self.queries, **self.broken}
        found = known.get(asked.removesuffix(".sql").strip("/")) or self._by_path(asked)
        if found is None:
            alike = [each for each in known if each.rpartition("/")[2] == asked]
            if len(alike) > 1:
                raise QueryNotFoundError(
                    f"{asked!r} is more than one query.", advice=f"Say which: {', '.join(sorted(alike))}."
                )
            found = known[alike[0]] if alike else None
        if found is None:
            raise QueryNotFoundError(f"There is no query {asked!r}.", advice=self._nearest(asked, known))
        if isinstance(found, BrokenQuery):
            raise found.error
        return found

    def dependencies(self) -> Mapping[str, set[str]]:
        """Give for each query the queries that come before it: writers of the tables it reads, and what `depends_on` and `after` name."""
        return self._loaded[2]

    def external_tables(self) -> Mapping[TableOn, set[str]]:
        """Give the tables that no query writes, each on the connection that it is read on, with the queries that read it."""
        return unwritten_tables(self.queries, self._databases)

    def writers(self) -> Mapping[TableOn, set[str]]:
        """Give the tables that queries write and others read, each on the connection that it is read on, with the writers."""
        written = table_writers(self.queries, self._databases)
        read = {each for query in self.queries.values() for each in query.reads}
        return {on: names for on in read if (names := written.get(in_database(self._databases, on)))}

    @cached_property
    def _loaded(self) -> tuple[Mapping[str, Query], Mapping[str, BrokenQuery], Mapping[str, set[str]]]:
        loader = SQLLoader(self.queries_folder, self._connections, self._defaults, self._prefix)
        by_name: defaultdict[str, list[Path]] = defaultdict(list)
        for path in sql_files(self.queries_folder):
            by_name[_group(path)].append(path)
        if not by_name and not self._may_be_empty:
            raise QueryFileError(
                "There is no .sql file below this folder.",
                place=Place(self.queries_folder),
                advice="Write one, such as queries/reporting/first_report.sql.",
            )
        with collecting_rarely():
            loaded = self._read(loader, list(by_name.values()))
        queries = {each.name: each for each in loaded if isinstance(each, Query)}
        doubles = list(_indistinguishable(queries))
        for double in doubles:
            del queries[double.name]
        broken: dict[str, BrokenQuery] = {}
        for each in (*loaded, *doubles):
            if isinstance(each, BrokenQuery):
                free = _free_name(each.name, {*queries, *broken})
                broken[free] = BrokenQuery(free, each.path, each.kind, each.error)
        upstream = upstream_queries(queries, self._databases)
        for each in upstream_problems(queries, upstream, broken):
            broken[each.name] = each
        for circle in cycles(upstream):
            for name in circle:
                broken[name] = _in_circle(queries[name], circle)
        for name in broken:
            queries.pop(name, None)
        return (
            MappingProxyType(dict(sorted(queries.items()))),
            MappingProxyType(dict(sorted(broken.items()))),
            MappingProxyType({name: upstream[name] & queries.keys() for name in queries}),
        )

    def _read(self, loader: SQLLoader, files: Sequence[Sequence[Path]]) -> list[Query | BrokenQuery]:
        if self._cache_folder is None:
            return [loader.load(*paths) for paths in files]
        connections = None if self._connections is None else sorted(self._connections)
        kept = QueryCache(self._cache_folder, (self.queries_folder, connections, dict(self._defaults), self._prefix))
        kept.load()
        loaded: list[Query | BrokenQuery] = []
        for paths in files:
            digest = digest_of(paths)
            query = (digest and kept.get(digest)) or loader.load(*paths)
            if digest and isinstance(query, Query):
                kept.put(digest, query)
            loaded.append(query)
        kept.save()
        return loaded

    def _nearest(self, asked: str, known: Collection[str]) -> str:
        last_parts = {name.rpartition("/")[2]: name for name in known}
        for word, among in ((asked, {name: name for name in known}), (asked.rpartition("/")[2], last_parts)):
            hint = did_you_mean(word, among)
            if hint.startswith("Did"):
                meant = next(name for short, name in among.items() if repr(short) in hint)
                return f"Did you mean {meant!r}?"
        return f"There are {len(known)} queries below {self.queries_folder}."

    def _by_path(self, asked: str) -> Query | BrokenQuery | None:
        if not asked.endswith(".sql"):
            return None
        path = Path(asked).absolute()
        for query in self.queries.values():
            if path in {query.path.absolute(), *(each.path.absolute() for each in query.statements.values())}:
                return query
        return next((broken for broken in self.broken.values() if broken.path.absolute() == path), None)


def sql_files(folder: Path) -> Iterator[Path]:
    """Give the SQL files below a folder in order, links followed, hidden ones and circles of links left out."""
    visited: set[str] = set()
    for current, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(current)
        if real in visited:
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (
            Path(current, file) for file in sorted(files) if file.lower().endswith(".sql") and not file.startswith(".")
        )


def _group(path: Path) -> str:
    """Give what the files of one query have in common: folder, and name up to the first dot."""
    return str(path.parent / path.name.split(".")[0])


def _flat(name: str) -> str:
    """Give the one word that Dagster makes of an asset's name for its step and its schedule."""
    return name.replace("/", "__")


def _indistinguishable(queries: Mapping[str, Query]) -> Iterator[BrokenQuery]:
    """Give the queries whose flat name an earlier one has: with both, Dagster would load neither, nor any other."""
    first: dict[str, Query] = {}
    for query in queries.values():
        other = first.setdefault(_flat(query.name), query)
        if other is not query:
            error = QueryFileError(
                f"{query.name} and {other.name} are both {_flat(query.name)} to Dagster.",
                place=Place(query.path, 1, 1),
                advice="Rename one of them: two underscores stand for a folder.",
            )
            yield BrokenQuery(query.name, query.path, query.kind, error)


def _free_name(name: str, taken: set[str]) -> str:
    flat = {_flat(each) for each in taken}
    free, number = name, 2
    while _flat(free) in flat:
        free, number = f"{name}_{number}", number + 1
    return free


def _in_circle(query: Query, circle: list[str]) -> BrokenQuery:
    way = " → ".join([*circle, circle[0]])
    error = QueryFileError(
        f"These queries wait for each other: {way} (each reads what the next writes, or names it in depends_on or after).",
        place=Place(query.path, 1, 1),
        advice="Make one statement of them, or let one write to a table of its own.",
    )
    return BrokenQuery(query.name, query.path, query.kind, error)
