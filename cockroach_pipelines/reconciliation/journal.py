"""What a reconciliation has finished, so that another run can go on from there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cockroach_pipelines.reconciliation.columns import RelationShape
from cockroach_pipelines.reconciliation.relation import Relation
from cockroach_pipelines.reconciliation.spec import ReconciliationSpec

_FORMAT = 3


def fingerprint(
    relations: tuple[Relation, Relation], spec: ReconciliationSpec, shapes: tuple[RelationShape, RelationShape]
) -> str:
    """Give a hash of everything that has to be the same for half a result to be of use."""
    columns = [[(column.name, column.declared) for column in shape.columns] for shape in shapes]
    said = [[vars(relation) for relation in relations], vars(spec) | {"care": None}, columns]
    return hashlib.sha256(f"{_FORMAT} {said!r}".encode()).hexdigest()


class Journal:
    """Lines of JSON, one for each thing that was finished; a line that was cut off while it was written does not count.

    Args:
        path: The file; it is made when missing, and only its owner may read it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, fingerprint: str) -> list[dict[str, Any]]:
        """Give the events of an earlier run of the same fingerprint, none when there was none."""
        try:
            lines = self._path.read_text().splitlines()
        except FileNotFoundError:
            return []
        events = []
        for line in lines:
            try:
                events.append(json.loads(line))
            except ValueError:
                break
        return events[1:] if events and events[0] == {"fingerprint": fingerprint} else []

    def begin(self, fingerprint: str) -> None:
        """Start anew."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path.touch(mode=0o600)
        self._path.write_text(json.dumps({"fingerprint": fingerprint}) + "\n")

    def rewrite(self, fingerprint: str, events: list[dict[str, Any]]) -> None:
        """Go on from these events, without whatever was cut off behind them."""
        self.begin(fingerprint)
        for event in events:
            self.add(event)

    def add(self, event: dict[str, Any]) -> None:
        """Note that something is finished."""
        with self._path.open("a") as file:
            file.write(json.dumps(event) + "\n")

    def remove(self) -> None:
        """Forget everything: the result is whole."""
        self._path.unlink(missing_ok=True)
