"""Logging in to Kerberos inside the virtual machine, and saying what is wrong when that fails."""

from cockroach_pipelines.database.kerberos.authenticator import KerberosAuthenticator, Ticket, used_gss
from cockroach_pipelines.database.kerberos.causes import KerberosCause
from cockroach_pipelines.database.kerberos.errors import KerberosError, kerberos_error
from cockroach_pipelines.database.kerberos.examination import examine_krb5_conf, examine_login_source
from cockroach_pipelines.database.kerberos.login_state import LoginState, login_state

__all__ = [
    "KerberosAuthenticator",
    "KerberosCause",
    "KerberosError",
    "LoginState",
    "Ticket",
    "examine_krb5_conf",
    "examine_login_source",
    "kerberos_error",
    "login_state",
    "used_gss",
]
