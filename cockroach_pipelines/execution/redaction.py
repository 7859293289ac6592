"""What may be told in logs and metadata of what the server said: everything but values.

The server repeats values in its messages about data (SQLSTATE 22…) and in the details of broken constraints (23…, and
21… of rows with the same key), among them what a statement bound.
"""

from __future__ import annotations

import copy
import re
from dataclasses import replace

from cockroach_pipelines.database import ServerMessage, StatementError

SHOWN_BY_HAND = "Values are left out here; `cockroach-pipelines run` shows them."

_CLASSES_WITH_VALUES = ("21", "22", "23")
# A relation, constraint, column or type is named in quotes too: `constraint "orders_pkey"` stays, `integer: "abc"` goes.
_NAMES = r"(?:relation|constraint|column|table|type|function|index|domain|enum|schema|view|sequence)"
_QUOTED = re.compile(rf"\b({_NAMES}) \"(?:[^\"]|\"\")*\"|\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'")
_IN_DETAIL = re.compile(r"(=|contains ).*", re.DOTALL)


def redacted(error: StatementError) -> StatementError:
    """Give the error without the values in the server's words; the error itself where there are none."""
    said = redacted_message(error.server)
    if said == error.server:
        return error
    shown = copy.copy(error)
    shown.server = said
    shown.message = f"[{said.sqlstate}] {said.text}"
    shown.args = (shown.message,)
    shown.advice = " ".join(part for part in (error.advice, SHOWN_BY_HAND) if part)
    return shown


def redacted_message(said: ServerMessage) -> ServerMessage:
    """Give what the server said without values."""
    if not said.sqlstate.startswith(_CLASSES_WITH_VALUES):
        return said
    return replace(
        said, text=_QUOTED.sub(_keep_names, said.text), detail=_IN_DETAIL.sub(r"\1…", said.detail), context=""
    )


def _keep_names(match: re.Match[str]) -> str:
    return match[0] if match[1] else "…"
