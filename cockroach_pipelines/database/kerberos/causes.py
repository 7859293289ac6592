"""Everything that can go wrong with Kerberos, each with its own words and advice."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.database.errors import DatabaseError, Recovery


class KerberosCause(StrEnum):
    """Why a login by Kerberos failed, in the order in which a login meets it."""

    CONFIGURATION_IN_USE = "configuration in use"
    KRB5_CONF_MISSING = "krb5.conf missing"
    KRB5_CONF_UNREADABLE = "krb5.conf unreadable"
    KRB5_CONF_SYNTAX = "krb5.conf syntax"
    REALM_NOT_CONFIGURED = "realm not configured"
    KDC_NOT_CONFIGURED = "KDC not configured"
    JAAS_FILE_MISSING = "JAAS file missing"
    JAAS_FILE_UNREADABLE = "JAAS file unreadable"
    JAAS_FILE_SYNTAX = "JAAS file syntax"
    JAAS_ENTRY_MISSING = "JAAS entry missing"
    JAAS_WOULD_ASK = "JAAS entry would ask a person"
    KEYTAB_MISSING = "keytab missing"
    KEYTAB_UNREADABLE = "keytab unreadable"
    KEYTAB_EMPTY = "keytab empty"
    KEYTAB_CORRUPT = "keytab corrupt"
    KEYTAB_WITHOUT_PRINCIPAL = "keytab without the principal"
    KEYTAB_OTHER_REALM = "keytab of another realm"
    CACHE_KIND = "kind of ticket cache"
    CACHE_MISSING = "ticket cache missing"
    CACHE_UNREADABLE = "ticket cache unreadable"
    CACHE_CORRUPT = "ticket cache corrupt"
    CACHE_OTHER_PRINCIPAL = "ticket cache of another principal"
    CACHE_WITHOUT_TICKET = "ticket cache without a ticket"
    CACHE_EXPIRED = "ticket expired"
    KDC_REFUSED = "KDC not reached"
    KDC_SILENT = "KDC silent"
    KDC_UNKNOWN_HOST = "KDC's host unknown"
    CLOCK_SKEW = "clock skew"
    ENCRYPTION_TYPE = "encryption type"
    KEY_REJECTED = "key rejected"
    PRINCIPAL_UNKNOWN = "principal unknown"
    PRINCIPAL_EXPIRED = "principal expired"
    PRINCIPAL_LOCKED = "principal locked"
    PASSWORD_EXPIRED = "password expired"  # noqa: S105 - a cause
    NO_TICKET = "no ticket"
    SERVICE_UNKNOWN = "service unknown"
    SERVICE_OF_OTHER_HOST = "service of another host"
    SERVICE_BY_ADDRESS = "service asked for by address"
    TICKET_REJECTED = "ticket rejected by the server"
    SERVER_RULE_MISSING = "no rule of the server"
    REALM_NOT_ALLOWED = "realm not allowed by the server"
    ROLE_DIFFERS = "role differs from the principal"
    ROLE_MISSING = "role missing"
    PASSWORD_WANTED = "server wants a password"  # noqa: S105 - a cause
    TLS_WANTED = "server wants TLS"
    LICENCE_WANTED = "server wants a licence"
    OTHER = "other"


class KerberosError(DatabaseError):
    """The login to Kerberos failed, or the server did not take the ticket; `cause` says which way it was."""

    def __init__(self, message: str, *, cause: KerberosCause, place: Place | None = None, advice: str = "") -> None:
        super().__init__(message, place=place, advice=advice)
        self.cause = cause

    @property
    def recovery(self) -> Recovery:  # type: ignore[override]
        """Connecting again, where the KDC may come back."""
        passing = (KerberosCause.KDC_REFUSED, KerberosCause.KDC_SILENT)
        return Recovery.RECONNECT if self.cause in passing else Recovery.NONE


class Words(NamedTuple):
    """Message and advice of a cause; both are filled in by `str.format` with the names of `KerberosSituation.error`."""

    message: str
    advice: str


WORDS: dict[KerberosCause, Words] = {
    KerberosCause.CONFIGURATION_IN_USE: Words(
        "Other connections of this process are logging in with another krb5.conf or JAAS file than "
        "{krb5_conf}, and did not end in time.",
        "Java reads one of each per process at a time: give every connection the same krb5_conf with all "
        "realms in it, or use a process for each.",
    ),
    KerberosCause.KRB5_CONF_MISSING: Words(
        "The Kerberos configuration {krb5_conf} (from {krb5_conf_source}) does not exist.",
        "Set krb5_conf to the file that your administrators give out for realm {realm}, or put it at /etc/krb5.conf.",
    ),
    KerberosCause.KRB5_CONF_UNREADABLE: Words(
        "The Kerberos configuration {krb5_conf} (from {krb5_conf_source}) cannot be read: {detail}.",
        "Let {account} read it: chmod a+r {krb5_conf} (it holds no secret).",
    ),
    KerberosCause.KRB5_CONF_SYNTAX: Words(
        "Java cannot read this Kerberos configuration: {detail}",
        "Each line is `[section]`, `key = value`, `name = {{` or `}}`; compare with one that works: "
        "KRB5_CONFIG={krb5_conf} kinit {principal}",
    ),
    KerberosCause.REALM_NOT_CONFIGURED: Words(
        "No realm is known for {principal}: {krb5_conf} has no default_realm.",
        "Write the principal with its realm, such as {name}@EXAMPLE.COM, or set default_realm under "
        "[libdefaults] of {krb5_conf}.",
    ),
    KerberosCause.KDC_NOT_CONFIGURED: Words(
        "{krb5_conf} names no KDC for realm {realm}, and DNS neither.",
        "Add it under [realms] of {krb5_conf}: {realm} = {{ kdc = kdc.example.com }}. Realms known there: "
        "{known_realms}. Upper and lower case matter.",
    ),
    KerberosCause.JAAS_FILE_MISSING: Words(
        "The JAAS file {jaas_conf} does not exist.",
        "Correct jaas_conf, or leave it out and set keytab and principal, or ticket_cache: no JAAS file is needed.",
    ),
    KerberosCause.JAAS_FILE_UNREADABLE: Words(
        "The JAAS file {jaas_conf} cannot be read: {detail}.",
        "Let {account} read it: ls -l {jaas_conf}",
    ),
    KerberosCause.JAAS_FILE_SYNTAX: Words(
        "Java cannot read this JAAS file: {detail}",
        "An entry reads: {jaas_entry} {{ com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true"
        ' keyTab="/path/to/keytab" principal="etl@REALM" doNotPrompt=true; }};',
    ),
    KerberosCause.JAAS_ENTRY_MISSING: Words(
        "The JAAS file {jaas_conf} has no entry {jaas_entry!r}.",
        "Set jaas_entry to the name of the entry to use (the word before its opening brace), or add "
        "{jaas_entry!r} to the file.",
    ),
    KerberosCause.JAAS_WOULD_ASK: Words(
        "Entry {jaas_entry!r} of the JAAS file {jaas_conf} would ask a person for a name or a password, and "
        "nobody is there.",
        "Add principal, doNotPrompt=true, and useKeyTab=true with keyTab, or useTicketCache=true, to the entry.",
    ),
    KerberosCause.KEYTAB_MISSING: Words(
        "The keytab {keytab} does not exist.",
        "Correct keytab, or copy the file there; then see what it holds: klist -kt {keytab}",
    ),
    KerberosCause.KEYTAB_UNREADABLE: Words(
        "The keytab {keytab} cannot be read by {account}: {detail}.",
        "Let that account alone read it: chown {account} {keytab} && chmod 600 {keytab}; every folder above "
        "it must be reachable too.",
    ),
    KerberosCause.KEYTAB_EMPTY: Words(
        "The keytab {keytab} is empty.",
        "Ask for a new one for {principal}, or write one: kadmin -q 'ktadd -k {keytab} {principal}' (this "
        "makes older keytabs of the principal useless).",
    ),
    KerberosCause.KEYTAB_CORRUPT: Words(
        "{keytab} is no keytab, or a damaged one: {detail}.",
        "Copy it again, as a binary file; klist -kt {keytab} must list {principal}.",
    ),
    KerberosCause.KEYTAB_WITHOUT_PRINCIPAL: Words(
        "The keytab {keytab} holds no key of {principal}, but of {detail}.",
        "Set principal to one of these, or take the keytab of {principal}; see klist -kt {keytab}",
    ),
    KerberosCause.KEYTAB_OTHER_REALM: Words(
        "The keytab {keytab} holds keys of {detail}, which is another realm than that of {principal}.",
        "Set principal to {detail}, or take the keytab of realm {realm}; see klist -kt {keytab}. Upper and "
        "lower case matter.",
    ),
    KerberosCause.CACHE_KIND: Words(
        "The ticket cache {cache} (from {cache_source}) is of kind {detail}, and Java reads FILE caches only.",
        "Get the ticket into a file: kinit -c FILE:{file_cache} {principal_argument}, and set ticket_cache: "
        "{file_cache}. For work that runs unattended a keytab is better.",
    ),
    KerberosCause.CACHE_MISSING: Words(
        "The ticket cache {cache} (from {cache_source}) does not exist.",
        "Get a ticket: kinit -c FILE:{file_cache} {principal_argument}, or set keytab and principal for work "
        "that runs unattended.",
    ),
    KerberosCause.CACHE_UNREADABLE: Words(
        "The ticket cache {cache} (from {cache_source}) cannot be read by {account}: {detail}.",
        "It belongs to the account that ran kinit: run kinit as {account}, or set ticket_cache to a file of "
        "that account.",
    ),
    KerberosCause.CACHE_CORRUPT: Words(
        "{cache} (from {cache_source}) is no ticket cache, or a damaged one: {detail}.",
        "Make it anew: rm {file_cache} && kinit -c FILE:{file_cache} {principal_argument}",
    ),
    KerberosCause.CACHE_OTHER_PRINCIPAL: Words(
        "The ticket cache {cache} (from {cache_source}) belongs to {detail}, not to {principal}.",
        "Get a ticket for it: kinit -c FILE:{file_cache} {principal}, or set principal to {detail}.",
    ),
    KerberosCause.CACHE_WITHOUT_TICKET: Words(
        "The ticket cache {cache} (from {cache_source}) of {principal} holds no ticket-granting ticket.",
        "Get one: kinit -c FILE:{file_cache} {principal_argument}; see klist -c {file_cache}",
    ),
    KerberosCause.CACHE_EXPIRED: Words(
        "The ticket of {principal} in {cache} (from {cache_source}) expired at {detail}.",
        "Get a new one: kinit -c FILE:{file_cache} {principal_argument}, or set keytab and principal, from "
        "which this program renews by itself.",
    ),
    KerberosCause.KDC_REFUSED: Words(
        "The KDC of realm {realm} ({kdcs}) cannot be reached: {said}.",
        "Check that the KDC runs and that its port (88 unless {krb5_conf} says otherwise) is open from here: "
        "nc -vz {kdc_host} {kdc_port}",
    ),
    KerberosCause.KDC_SILENT: Words(
        "The KDC of realm {realm} ({kdcs}) did not answer{detail}.",
        "A firewall may drop packets to port {kdc_port}: nc -vz {kdc_host} {kdc_port}. To notice sooner and "
        "go on to the next KDC, set kdc_timeout = 2000 and max_retries = 1 under [libdefaults] of "
        "{krb5_conf}; Java waits 90 s otherwise.",
    ),
    KerberosCause.KDC_UNKNOWN_HOST: Words(
        "The KDC of realm {realm} has a name that DNS does not know: {detail}.",
        "Correct kdc under [realms] {realm} of {krb5_conf}, or the name service here: getent hosts {kdc_host}",
    ),
    KerberosCause.CLOCK_SKEW: Words(
        "The clocks of this machine and of the KDC of realm {realm} ({kdcs}) are too far apart{detail}.",
        "Kerberos allows 5 minutes: set this machine's clock right, by NTP (timedatectl status; date -u).",
    ),
    KerberosCause.ENCRYPTION_TYPE: Words(
        "The keys of {principal} fit no encryption type that Java, {krb5_conf} and the KDC all allow: {said}",
        "Take a keytab with AES keys (klist -ekt {keytab} shows the types), and look at default_tkt_enctypes,"
        " permitted_enctypes and allow_weak_crypto in {krb5_conf}.",
    ),
    KerberosCause.KEY_REJECTED: Words(
        "The KDC of realm {realm} refused the key of {principal} in {keytab}: it is of an older password, or "
        "of another account.",
        "Try it: kinit -k -t {keytab} {principal}. The keytab's key version (klist -kt {keytab}{detail}) must"
        " be the KDC's (kvno {principal}): ask for a new keytab.",
    ),
    KerberosCause.PRINCIPAL_UNKNOWN: Words(
        "Realm {realm} has no principal {principal}.",
        "Correct principal; upper and lower case matter, and so does the realm. Active Directory wants the "
        "account's userPrincipalName or sAMAccountName: {keytab_hint}",
    ),
    KerberosCause.PRINCIPAL_EXPIRED: Words(
        "The account of {principal} has expired in realm {realm}.",
        "Ask the administrators of {realm} to prolong it (kadmin: modprinc -expire never {principal}).",
    ),
    KerberosCause.PRINCIPAL_LOCKED: Words(
        "The account of {principal} is locked or disabled in realm {realm}.",
        "Ask the administrators of {realm} to unlock it (kadmin: modprinc -unlock or +allow_tix {principal});"
        " a job with a stale keytab may have locked it by trying again and again.",
    ),
    KerberosCause.PASSWORD_EXPIRED: Words(
        "The password of {principal} has expired in realm {realm}.",
        "Change it (kpasswd {principal}) and take a new keytab, or ask the administrators of {realm} to let "
        "it never expire.",
    ),
    KerberosCause.NO_TICKET: Words(
        "Java had no Kerberos ticket for the connection to {host}: {said}",
        "The ticket expired between the login and the connection, or an entry of a JAAS file logged nobody "
        "in: connect again; klist shows what a ticket cache holds.",
    ),
    KerberosCause.SERVICE_UNKNOWN: Words(
        "The KDC of realm {realm} knows no service {service}/{host}.",
        "Connect by the name that the server's keytab has (a full DNS name, never an address or an alias), "
        "and check spn. Try it: kvno {service}/{host}. A missing one is made by the administrators (Active "
        "Directory: setspn -S {service}/{host} ACCOUNT).",
    ),
    KerberosCause.SERVICE_OF_OTHER_HOST: Words(
        "spn is {spn}, and the connection goes to {host}: a ticket is always asked for {service} on the "
        "connection's own host.",
        "Set spn to {service}, and host to the name that the server's keytab has.",
    ),
    KerberosCause.SERVICE_BY_ADDRESS: Words(
        "host is {host}, an address, and the KDC of realm {realm} knows services by name only.",
        "Set host to the full DNS name in the server's keytab ({service}/NAME); klist -kt on the server shows it.",
    ),
    KerberosCause.TICKET_REJECTED: Words(
        "The server {host} did not take the ticket for {service}/{host}{detail}.",
        "Its log says why; usually its keytab has no {service}/{host}, has an older key than the KDC (compare"
        " klist -kt on the server with kvno {service}/{host}), is unreadable to the server, or its clock is "
        "wrong (date -u).",
    ),
    KerberosCause.SERVER_RULE_MISSING: Words(
        "The server {host} has no rule that lets role {user} in from here: {said}",
        "PostgreSQL: add `host all {user} <this machine's address>/32 gss include_realm=0 krb_realm={realm}` "
        "to pg_hba.conf (hostssl with TLS). CockroachDB: add `host all {user} all gss include_realm=0` to "
        "server.host_based_authentication.configuration.",
    ),
    KerberosCause.REALM_NOT_ALLOWED: Words(
        "The server {host} refused {principal} as role {user}, though Kerberos itself worked: it does not "
        "allow realm {realm}, or compares the role with the whole principal.",
        "The server's rule for {user} needs include_realm=0 and krb_realm={realm} (pg_hba.conf, or "
        "CockroachDB's server.host_based_authentication.configuration); its log says which it was.",
    ),
    KerberosCause.ROLE_DIFFERS: Words(
        "The server {host} does not let {principal} be role {user}, though Kerberos itself worked.",
        "Set user to {role}, which the principal is on the server, or let the server map the two: a line `krb"
        " {name} {user}` in pg_ident.conf (CockroachDB: server.identity_map.configuration) and map=krb in its"
        " rule.",
    ),
    KerberosCause.ROLE_MISSING: Words(
        "The server {host} took the ticket of {principal} and has no role {user}.",
        "Make it on the server: CREATE ROLE {user} LOGIN, or correct user.",
    ),
    KerberosCause.PASSWORD_WANTED: Words(
        "The server {host} asks {user} for a password, not for Kerberos: {said}",
        "Its first rule that fits {user} and this machine is one with a password: put a gss rule for {user} "
        "above it, or set password.",
    ),
    KerberosCause.TLS_WANTED: Words(
        "The server {host} takes Kerberos over TLS only: {said}",
        "Set sslmode: verify-full, and sslrootcert to the certificate of its authority.",
    ),
    KerberosCause.LICENCE_WANTED: Words(
        "Kerberos itself worked, but the server {host} has no licence for it: {said}",
        "Set the cluster's enterprise.license.",
    ),
    KerberosCause.OTHER: Words(
        "The login by Kerberos failed: {said}",
        "Try the same by hand: {try_by_hand}",
    ),
}
"""Message and advice by cause."""
