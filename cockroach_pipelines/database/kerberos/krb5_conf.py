"""What krb5.conf says, as far as messages and defaults need it; Java reads it for itself."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

_DEFAULT = Path("/etc/krb5.conf")
_SECTION = re.compile(r"\[([^\]]+)\]")
_SETTING = re.compile(r"([^=\s{}]+)\s*=\s*(.*)")
_INCLUDE = re.compile(r"(include|includedir)\s+(\S.*)")
_INCLUDED_NAME = re.compile(r"[A-Za-z0-9_-]+|.*\.conf")  # MIT's rule for files of an includedir


@dataclass(frozen=True)
class Krb5Conf:
    """The file, which setting named it, and what stands in it."""

    path: Path
    source: str
    libdefaults: dict[str, str] = field(default_factory=dict)
    kdcs: dict[str, list[str]] = field(default_factory=dict)
    """Addresses of the KDCs by realm, as written."""

    @property
    def default_realm(self) -> str | None:
        """The realm of a principal that names none."""
        return self.libdefaults.get("default_realm")

    @property
    def default_cache(self) -> str | None:
        """The ticket cache that Kerberos programs use here, with the user's number filled in."""
        name = self.libdefaults.get("default_ccache_name")
        return re.sub(r"%\{(?:e?uid|USERID)\}", str(os.getuid()), name) if name else None


def locate_krb5_conf(configured: Path | None) -> Krb5Conf:
    """Find krb5.conf, the configured one, that of KRB5_CONFIG, else /etc/krb5.conf, and read what can be read of it."""
    if configured:
        path, source = configured, "krb5_conf"
    elif named := os.environ.get("KRB5_CONFIG"):
        candidates = [Path(name) for name in named.split(os.pathsep) if name]
        path, source = next((candidate for candidate in candidates if candidate.exists()), candidates[0]), "KRB5_CONFIG"
    else:
        path, source = _DEFAULT, "the default"
    conf = Krb5Conf(path.absolute(), source)
    _read(conf, conf.path, depth=0)
    return conf


def _read(conf: Krb5Conf, path: Path, depth: int) -> None:
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return  # who needs the file says so, with the login's own error
    section, realm = "", ""
    for line in (raw.strip() for raw in lines):
        if not line or line[0] in "#;":
            continue
        if match := _INCLUDE.fullmatch(line):
            for included in _included(Path(match[2]), folder=match[1] == "includedir"):
                if depth < 10:
                    _read(conf, included, depth + 1)
        elif match := _SECTION.match(line):
            section, realm = match[1].strip(), ""
        elif line.startswith("}"):
            realm = ""
        elif match := _SETTING.match(line):
            key, value = match[1], match[2].strip().strip('"')
            if value.startswith("{"):
                realm = key
            elif section == "libdefaults":
                conf.libdefaults.setdefault(key, value)
            elif section == "realms" and key == "kdc":
                conf.kdcs.setdefault(realm, []).extend(value.split())


def _included(path: Path, *, folder: bool) -> list[Path]:
    if not folder:
        return [path]
    try:
        return sorted(entry for entry in path.iterdir() if _INCLUDED_NAME.fullmatch(entry.name))
    except OSError:
        return []
