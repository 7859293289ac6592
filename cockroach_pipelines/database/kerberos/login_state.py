"""How long a login by Kerberos will go on working, as far as its files tell: nobody is asked, and nothing is tried.

A login that is tried with a key that has changed counts as a failed one at the KDC, and enough of those lock the
principal: what looks at a keytab again and again must not log in.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from cockroach_pipelines.config.models import KerberosConfig
from cockroach_pipelines.database.kerberos.causes import KerberosError
from cockroach_pipelines.database.kerberos.files import (
    cache_problem,
    jaas_file_problem,
    keytab_problem,
    krb5_conf_problem,
)
from cockroach_pipelines.database.kerberos.situation import KerberosSituation
from cockroach_pipelines.database.kerberos.ticket_cache import read_ticket_cache


@dataclass(frozen=True)
class LoginState:
    """What a login would use.

    Args:
        source: The file, in words.
        problem: What keeps it from working now.
        expiry: When the ticket in use ends; None for a keytab, which gets new ones. Aware, in UTC; so is the next.
        renewable_until: Until when that ticket can be renewed.
    """

    source: str
    problem: KerberosError | None = None
    expiry: dt.datetime | None = None
    renewable_until: dt.datetime | None = None

    @property
    def renewable(self) -> bool:
        """Whether the ticket can be made to last longer than it does."""
        return bool(self.expiry and self.renewable_until and self.renewable_until > self.expiry)


def login_state(config: KerberosConfig) -> LoginState:
    """Look at the files of a login, in the order in which it uses them."""
    situation = KerberosSituation.of(config)
    if config.jaas_conf:
        return LoginState(f"JAAS file {config.jaas_conf}", jaas_file_problem(situation))
    problem = krb5_conf_problem(situation) if config.krb5_conf else None
    if situation.keytab:
        # A cache that does not serve is passed over where there is a keytab.
        return LoginState(f"keytab {situation.keytab}", problem or keytab_problem(situation))
    assert situation.cache is not None  # noqa: S101 - what is used without a keytab
    source = f"ticket cache {situation.cache.name}"
    if problem := problem or cache_problem(situation):
        return LoginState(source, problem)
    try:
        ticket = read_ticket_cache(situation.cache.path).ticket_granting_ticket
    except (OSError, ValueError):  # replaced since it was looked at
        ticket = None
    if ticket is None:
        return LoginState(source, cache_problem(situation))
    return LoginState(source, None, ticket.expiry, ticket.renewable_until)
