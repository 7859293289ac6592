"""Where the SQL of an asset can be read: in an editor, or on the pages of a repository."""

import re
from pathlib import Path
from urllib.parse import quote

import dagster as dg

from cockroach_pipelines.queries import Query

CODE_REFERENCES = "dagster/code_references"


def code_references(query: Query, sql_folder: Path, code_url: str | None) -> dg.CodeReferencesMetadataValue:
    """Give a reference to each file of a query, at the line in which its SQL begins.

    Args:
        query: The query.
        sql_folder: The SQL folder.
        code_url: The page of that folder, see `page`; without it the references are to the files themselves.
    """
    statements = list(query.statements.values())
    places = [(each.path, each.first_line) for each in statements] or [(query.path, 1)]
    return dg.CodeReferencesMetadataValue(
        code_references=[
            dg.UrlCodeReference(url=page(code_url, path.relative_to(sql_folder), line), label=path.name)
            if code_url
            else dg.LocalFileCodeReference(file_path=str(path.absolute()), line_number=line, label=path.name)
            for path, line in places
        ]
    )


def page(code_url: str, path: Path, line: int) -> str:
    """Give the page of a file below the SQL folder.

    Args:
        code_url: The page of the folder, such as https://github.com/acme/pipelines/blob/main/sql, to which path and line
            are added as GitHub and GitLab have them; or a page with `{path}` and `{line}` in it.
        path: The file's path below the folder.
        line: Counted from 1.
    """
    quoted = quote(path.as_posix())
    if "{path}" in code_url:
        return re.sub(r"\{(path|line)\}", lambda name: {"path": quoted, "line": str(line)}[name[1]], code_url)
    return f"{code_url.rstrip('/')}/{quoted}#L{line}"
