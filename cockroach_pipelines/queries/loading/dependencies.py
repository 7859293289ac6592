"""Which query comes after which: through the tables that they write and read, and by their headers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from cockroach_pipelines.config.models import DatabaseConfig
from cockroach_pipelines.queries.parsing.table_names import TableOn
from cockroach_pipelines.queries.query import Query

_EACH_ITS_OWN: Mapping[str, str] = MappingProxyType({})


def databases(connections: Collection[str] | Mapping[str, DatabaseConfig] | None) -> Mapping[str, str]:
    """Give for each connection the first one that reaches the same database, as another role or with another login.

    Of connections of which nothing is known but the name, each has a database of its own.
    """
    if not isinstance(connections, Mapping):
        return _EACH_ITS_OWN
    first: dict[object, str] = {}
    return {name: first.setdefault(_database(config), name) for name, config in connections.items()}


def upstream_queries(queries: Mapping[str, Query], databases: Mapping[str, str] = _EACH_ITS_OWN) -> dict[str, set[str]]:
    """Give for each query those that come before it: the writers of what it reads, and what `depends_on` and `after` name.

    Tables of one name in two databases are two tables. Two queries that write the same table do not follow each other
    through it, even when they also read it.

    Args:
        queries: The queries, by name.
        databases: Connections that reach the same database; see `databases`.
    """
    writers = table_writers(queries, databases)
    upstream: dict[str, set[str]] = {}
    for name, query in queries.items():
        own = {in_database(databases, each) for each in query.writes}
        read = {in_database(databases, each) for each in query.reads} - own
        before = {writer for table in read for writer in writers.get(table, ())}
        named = {*query.header.depends_on, *query.header.after}
        upstream[name] = (before | (named & queries.keys())) - {name}
    return upstream


def table_writers(
    queries: Mapping[str, Query], databases: Mapping[str, str] = _EACH_ITS_OWN
) -> Mapping[TableOn, set[str]]:
    """Give the tables that are written, each on the first connection that reaches its database, with the queries that do."""
    writers: defaultdict[TableOn, set[str]] = defaultdict(set)
    for name, query in queries.items():
        for each in query.writes:
            writers[in_database(databases, each)].add(name)
    return writers


def unwritten_tables(
    queries: Mapping[str, Query], databases: Mapping[str, str] = _EACH_ITS_OWN
) -> dict[TableOn, set[str]]:
    """Give the tables that no query writes, each on the connection that it is read on, with the queries that read it.

    The server's own tables are left out.
    """
    writers = table_writers(queries, databases)
    readers: defaultdict[TableOn, set[str]] = defaultdict(set)
    for name, query in queries.items():
        for each in query.reads:
            if not each.table.is_system and in_database(databases, each) not in writers:
                readers[each].add(name)
    return dict(sorted(readers.items(), key=lambda found: (found[0].table, found[0].connection)))


def in_database(databases: Mapping[str, str], on: TableOn) -> TableOn:
    """Give a table on the first connection that reaches its database."""
    return TableOn(databases.get(on.connection, on.connection), on.table)


def _database(config: DatabaseConfig) -> object:
    if config.embedded:
        return config.embedded.folder
    return (config.host or "").lower(), config.port, config.database


def cycles(upstream: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Give each group of queries that wait for each other in a circle, as one circle in order."""
    components = [component for component in _components(upstream) if len(component) > 1]
    return [_circle(component, upstream) for component in components]


def _components(upstream: Mapping[str, Iterable[str]]) -> list[set[str]]:
    """Find strongly connected components by Tarjan's algorithm, without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    components: list[set[str]] = []
    for root in sorted(upstream):
        if root in index:
            continue
        index[root] = low[root] = len(index)
        stack.append(root)
        work = [(root, iter(sorted(upstream[root])))]
        while work:
            name, following = work[-1]
            step = next(following, None)
            if step is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == index[name]:
                    at = stack.index(name)
                    components.append(set(stack[at:]))
                    del stack[at:]
            elif step not in index:
                index[step] = low[step] = len(index)
                stack.append(step)
                work.append((step, iter(sorted(upstream[step]))))
            elif step in stack:
                low[name] = min(low[name], index[step])
    return components


def _circle(component: set[str], upstream: Mapping[str, Iterable[str]]) -> list[str]:
    path = [min(component)]
    while True:
        step = min(name for name in upstream[path[-1]] if name in component)
        if step in path:
            return path[path.index(step) :]
        path.append(step)
