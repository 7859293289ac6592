"""A version that changes when the meaning of a file may have changed, and not when its layout has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from cockroach_pipelines.queries.headers.models import Header


def code_version(fingerprints: Iterable[str], header: Header) -> str:
    """Hash statements and what their header says, whatever its layout: 16 hexadecimal digits."""
    said = json.dumps(header.model_dump(mode="json", by_alias=True, exclude_defaults=True), sort_keys=True)
    return hashlib.sha256("\n".join([*fingerprints, said]).encode()).hexdigest()[:16]
