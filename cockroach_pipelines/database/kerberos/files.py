"""Looks into keytabs and ticket caches for the reason that Java does not give."""

from __future__ import annotations

import datetime as dt
import stat
from collections.abc import Callable
from pathlib import Path

from cockroach_pipelines.database.kerberos.causes import KerberosCause, KerberosError
from cockroach_pipelines.database.kerberos.keytab import read_keytab
from cockroach_pipelines.database.kerberos.situation import KerberosSituation
from cockroach_pipelines.database.kerberos.ticket_cache import FILE_CACHE, read_ticket_cache


def krb5_conf_problem(situation: KerberosSituation) -> KerberosError | None:
    """Say what keeps krb5.conf from being read; None when it can be."""
    path = situation.krb5_conf.path
    return _closed_file(situation, path, KerberosCause.KRB5_CONF_MISSING, KerberosCause.KRB5_CONF_UNREADABLE)


def jaas_file_problem(situation: KerberosSituation) -> KerberosError | None:
    """Say what keeps the JAAS file from being read; None when it can be."""
    path = situation.config.jaas_conf
    if path is None:
        return None
    return _closed_file(situation, path, KerberosCause.JAAS_FILE_MISSING, KerberosCause.JAAS_FILE_UNREADABLE)


def keytab_problem(situation: KerberosSituation) -> KerberosError | None:
    """Say what is wrong with the keytab of this login; None when it holds a key of the principal."""
    path, principal = situation.keytab, situation.full_principal
    if path is None:
        return None
    try:
        entries = read_keytab(path)
    except FileNotFoundError:
        return situation.error(KerberosCause.KEYTAB_MISSING)
    except IsADirectoryError:
        return situation.error(KerberosCause.KEYTAB_CORRUPT, detail="it is a folder")
    except OSError as error:
        return situation.error(KerberosCause.KEYTAB_UNREADABLE, detail=_reason(error, path))
    except ValueError as error:
        return situation.error(KerberosCause.KEYTAB_CORRUPT, detail=str(error))
    held = sorted({entry.principal for entry in entries})
    if not held:
        return situation.error(KerberosCause.KEYTAB_EMPTY)
    if principal is None or principal in held:
        return None
    name = principal.partition("@")[0]
    same_name = [other for other in held if other.partition("@")[0] == name]
    if same_name and "@" in principal:
        return situation.error(KerberosCause.KEYTAB_OTHER_REALM, detail=", ".join(same_name))
    return situation.error(KerberosCause.KEYTAB_WITHOUT_PRINCIPAL, detail=", ".join(held))


def cache_kind_problem(situation: KerberosSituation) -> KerberosError | None:
    """Say that the ticket cache is of a kind that Java cannot read; None for a file."""
    if situation.cache is None or situation.cache.kind == FILE_CACHE:
        return None
    return situation.error(KerberosCause.CACHE_KIND, detail=situation.cache.kind)


def cache_problem(situation: KerberosSituation) -> KerberosError | None:
    """Say what is wrong with the ticket cache of this login; None when it holds a valid ticket of the principal."""
    if situation.cache is None:
        return None
    if kind := cache_kind_problem(situation):
        return kind
    path = situation.cache.path
    try:
        cache = read_ticket_cache(path)
    except FileNotFoundError:
        return situation.error(KerberosCause.CACHE_MISSING)
    except IsADirectoryError:
        return situation.error(KerberosCause.CACHE_CORRUPT, detail="it is a folder")
    except OSError as error:
        return situation.error(KerberosCause.CACHE_UNREADABLE, detail=_reason(error, path))
    except ValueError as error:
        return situation.error(KerberosCause.CACHE_CORRUPT, detail=str(error))
    if situation.full_principal not in (None, cache.principal):
        return situation.error(KerberosCause.CACHE_OTHER_PRINCIPAL, detail=cache.principal)
    ticket = cache.ticket_granting_ticket
    if ticket is None:
        return situation.error(KerberosCause.CACHE_WITHOUT_TICKET)
    if ticket.expiry <= dt.datetime.now(dt.UTC):
        return situation.error(KerberosCause.CACHE_EXPIRED, detail=f"{ticket.expiry:%Y-%m-%d %H:%M:%S} UTC")
    return None


def file_problem(situation: KerberosSituation) -> KerberosError | None:
    """Say what is wrong with the files that this login uses, the keytab's problem before the cache's."""
    looks: tuple[Callable[[KerberosSituation], KerberosError | None], ...] = (keytab_problem, cache_problem)
    return next((problem for look in looks if (problem := look(situation))), None)


def _closed_file(
    situation: KerberosSituation, path: Path, missing: KerberosCause, unreadable: KerberosCause
) -> KerberosError | None:
    try:
        path.open().close()
    except FileNotFoundError:
        return situation.error(missing)
    except OSError as error:
        return situation.error(unreadable, detail=_reason(error, path))
    return None


def _reason(error: OSError, path: Path) -> str:
    reason = error.strerror or str(error)
    try:
        status = path.stat()
    except OSError:
        return f"{reason}, a folder above it is closed"
    return f"{reason}, it is {stat.filemode(status.st_mode)} of uid {status.st_uid}"
