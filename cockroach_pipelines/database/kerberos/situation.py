"""What a login by Kerberos is tried with, put into the words of its errors."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.models import KerberosConfig
from cockroach_pipelines.database.kerberos.causes import WORDS, KerberosCause, KerberosError
from cockroach_pipelines.database.kerberos.krb5_conf import Krb5Conf, locate_krb5_conf
from cockroach_pipelines.database.kerberos.ticket_cache import CacheLocation, locate_ticket_cache, read_ticket_cache

_KERBEROS_PORT = "88"


@dataclass(frozen=True)
class KerberosSituation:
    """The files, the principal and the server of a login; `host` and `user` are empty while no server is concerned.

    `keytab` and `cache` are what the login uses: those of the configuration, or of its JAAS entry.
    """

    config: KerberosConfig
    krb5_conf: Krb5Conf
    keytab: Path | None
    cache: CacheLocation | None
    principal: str | None
    host: str = ""
    user: str = ""

    @classmethod
    def of(
        cls, config: KerberosConfig, *, host: str = "", user: str = "", jaas_options: Mapping[str, str] | None = None
    ) -> Self:
        """Gather what a configuration uses; `jaas_options` are those of its JAAS entry, where it has one."""
        conf = locate_krb5_conf(config.krb5_conf)
        if config.jaas_conf is None:
            keytab = config.keytab.absolute() if config.keytab else None
            uses_cache, cache_name, principal = (
                bool(config.ticket_cache or not keytab),
                config.ticket_cache,
                config.principal,
            )
        else:
            options = dict(jaas_options or {})
            keytab = Path(options["keyTab"].removeprefix("FILE:")).absolute() if options.get("keyTab") else None
            uses_cache, cache_name = options.get("useTicketCache", "").lower() == "true", options.get("ticketCache")
            principal = options.get("principal")
        cache = locate_ticket_cache(cache_name, conf) if uses_cache else None
        return cls(config, conf, keytab, cache, principal, host, user)

    @property
    def realm(self) -> str | None:
        """The realm of the principal, of the cache's where none is configured, else the default one."""
        return (
            self._whole_principal().rpartition("@")[2]
            if "@" in self._whole_principal()
            else self.krb5_conf.default_realm
        )

    @property
    def full_principal(self) -> str | None:
        """The configured principal with its realm, or the ticket cache's own; None when neither can be told."""
        return self._whole_principal() or None

    @property
    def service(self) -> str:
        """The first part of the SPN."""
        return self.config.spn.partition("/")[0]

    @property
    def service_host(self) -> str | None:
        """The host that the SPN names, if it names one."""
        return self.config.spn.partition("/")[2].partition("@")[0] or None

    def error(
        self, cause: KerberosCause, *, detail: str = "", said: str = "", place: Place | None = None
    ) -> KerberosError:
        """Give the error of a cause, in words about this situation.

        Args:
            cause: What went wrong.
            detail: What was found out about it.
            said: What Java or the server said.
            place: Where it is, when a line can be pointed at.
        """
        principal = self._whole_principal()
        kdcs = self.krb5_conf.kdcs.get(self.realm or "", [])
        kdc_host, kdc_port = _host_and_port(kdcs[0]) if kdcs else (f"<KDC of {self.realm}>", _KERBEROS_PORT)
        cache = self.cache
        words = {
            "account": _account(),
            "cache": cache.name if cache else "the ticket cache",
            "cache_source": cache.source if cache else "the configuration",
            "detail": detail,
            "file_cache": _file_cache(cache),
            "host": self.host or "the server",
            "jaas_conf": self.config.jaas_conf,
            "jaas_entry": self.config.jaas_entry,
            "kdc_host": kdc_host,
            "kdc_port": kdc_port,
            "kdcs": ", ".join(kdcs) or "found by DNS",
            "keytab": self.keytab or "its keytab",
            "keytab_hint": f"klist -kt {self.keytab} shows what the keytab holds."
            if self.keytab
            else "klist shows the ticket's.",
            "known_realms": ", ".join(sorted(self.krb5_conf.kdcs)) or "none",
            "krb5_conf": self.krb5_conf.path,
            "krb5_conf_source": self.krb5_conf.source,
            "name": principal.partition("@")[0] or "<name>",
            "principal": principal or "the ticket's principal",
            "principal_argument": principal,
            "realm": self.realm or "<realm>",
            "role": principal.partition("@")[0].lower() or "the principal's name",
            "said": said,
            "service": self.service,
            "spn": self.config.spn,
            "try_by_hand": self._by_hand(kdc_host),
            "user": self.user or "the role",
        }
        message, advice = (text.format_map(words).replace(" ,", ",").rstrip() for text in WORDS[cause])
        return KerberosError(message, cause=cause, place=place, advice=advice)

    def _whole_principal(self) -> str:
        if self.principal:
            realm = self.krb5_conf.default_realm
            return self.principal if "@" in self.principal or not realm else f"{self.principal}@{realm}"
        if self.cache is None:
            return ""
        try:
            return read_ticket_cache(self.cache.path).principal
        except (OSError, ValueError):
            return ""

    def _by_hand(self, kdc_host: str) -> str:
        trace = f"KRB5_CONFIG={self.krb5_conf.path} KRB5_TRACE=/dev/stderr"
        if self.keytab:
            return f"{trace} kinit -k -t {self.keytab} {self._whole_principal()}"
        return f"{trace} kvno -c {_file_cache(self.cache)} {self.service}/{self.host or kdc_host}"


def _account() -> str:
    number = os.geteuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _file_cache(cache: CacheLocation | None) -> str:
    if cache and cache.kind == "FILE":
        return str(cache.path)
    return f"/tmp/krb5cc_{os.getuid()}"  # noqa: S108 - MIT's own default


def _host_and_port(address: str) -> tuple[str, str]:
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and (host.count(":") == 0 or host.startswith("[")):
        return host.strip("[]"), port
    return address.strip("[]"), _KERBEROS_PORT
