"""Which query comes after which: through the tables that they write and read, and by their headers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from cockroach_pipelines.queries.query import Query
from cockroach_pipelines.queries.table_names import TableName


def upstream_queries(queries: Mapping[str, Query]) -> dict[str, set[str]]:
    """Give for each query those that come before it: the writers of what it reads, and what `depends_on` and `after` name.

    Two queries that write the same table do not follow each other through it, even when they also read it.
    """
    writers = _by_table({name: query.tables_written for name, query in queries.items()})
    upstream: dict[str, set[str]] = {}
    for name, query in queries.items():
        own = {table.canonical for table in query.tables_written}
        before = {
            writer for table in query.tables_read if table.canonical not in own for writer in writers[table.canonical]
        }
        named = {*query.header.depends_on, *query.header.after}
        upstream[name] = (before | (named & queries.keys())) - {name}
    return upstream


def unwritten_tables(queries: Mapping[str, Query]) -> dict[TableName, set[str]]:
    """Give the tables that no query writes, with the queries that read them; the server's own tables are left out."""
    written = _by_table({name: query.tables_written for name, query in queries.items()})
    readers = _by_table({name: query.tables_read for name, query in queries.items()})
    return {
        table: set(names) for table, names in sorted(readers.items()) if table not in written and not table.is_system
    }


def _by_table(tables: Mapping[str, Iterable[TableName]]) -> defaultdict[TableName, set[str]]:
    found: defaultdict[TableName, set[str]] = defaultdict(set)
    for name, each in tables.items():
        for table in each:
            found[table.canonical].add(name)
    return found


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
