"""What a login would use, in one line for people, before it is tried."""

from __future__ import annotations

from cockroach_pipelines.config.models import KerberosConfig
from cockroach_pipelines.database.kerberos.files import file_problem, jaas_file_problem, krb5_conf_problem
from cockroach_pipelines.database.kerberos.keytab import read_keytab
from cockroach_pipelines.database.kerberos.situation import KerberosSituation
from cockroach_pipelines.database.kerberos.ticket_cache import read_ticket_cache


def examine_krb5_conf(config: KerberosConfig) -> str:
    """Give the krb5.conf in use, what named it, its default realm and that realm's KDCs.

    Raises:
        KerberosError: It cannot be read.
    """
    situation = KerberosSituation.of(config)
    if problem := krb5_conf_problem(situation):
        raise problem
    conf = situation.krb5_conf
    realm = conf.default_realm
    kdcs = ", ".join(conf.kdcs.get(realm or "", ())) or "found by DNS"
    waits = "" if "kdc_timeout" in conf.libdefaults else "; no kdc_timeout: Java waits 90 s for a silent KDC"
    return f"{conf.path} ({conf.source}), realm {realm or 'none by default'}, KDC {kdcs}{waits}"


def examine_login_source(config: KerberosConfig) -> str:
    """Give the keytab, ticket cache or JAAS file in use, and what it holds.

    Raises:
        KerberosError: It cannot be used, for a reason that Java would not tell.
    """
    situation = KerberosSituation.of(config)
    if config.jaas_conf:
        if problem := jaas_file_problem(situation):
            raise problem
        return f"JAAS file {config.jaas_conf}, entry {config.jaas_entry}"
    if problem := file_problem(situation):
        raise problem
    said = []
    if situation.cache:
        cache = read_ticket_cache(situation.cache.path)
        said.append(f"ticket cache {situation.cache.path} ({situation.cache.source}) of {cache.principal}")
    if situation.keytab:
        keys = sorted({f"{entry.principal} kvno {entry.version}" for entry in read_keytab(situation.keytab)})
        said.append(f"keytab {situation.keytab} with {', '.join(keys)}")
    return "; ".join(said)
