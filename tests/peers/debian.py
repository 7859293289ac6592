"""Programs of Debian packages that the tests run as real peers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# Debian keeps administrators' programs and PostgreSQL's server off the PATH of ordinary users.
_FOLDERS = [Path("/usr/sbin"), Path("/sbin"), *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]


def program(name: str, package: str) -> str:
    """Give the path of a program; without its package the test is skipped, and fails where CI=true."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, _FOLDERS)))
    return found or _missing(f"{name} is not installed: apt-get install {package}")


def library(name: str, package: str) -> str:
    """Give the path of a shared library below /usr/lib; see `program`."""
    found = next(Path("/usr/lib").glob(f"*/**/{name}"), None)
    return str(found) if found else _missing(f"{name} is not installed: apt-get install {package}")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
