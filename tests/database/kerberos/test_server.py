"""Logging in to a real PostgreSQL by Kerberos, and every way in which a server refuses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jpype
import pytest

from cockroach_pipelines.config.models import DatabaseConfig
from cockroach_pipelines.database.driver import connection_properties, connection_url
from cockroach_pipelines.database.jvm import JVMManager, java
from cockroach_pipelines.database.kerberos.authenticator import KerberosAuthenticator, used_gss
from cockroach_pipelines.database.kerberos.errors import KerberosCause, KerberosError, kerberos_error
from tests.peers.kdc import Kdc
from tests.peers.postgres import PostgresServer

Refusal = Callable[..., KerberosError]


@contextmanager
def connected(config: DatabaseConfig, authenticator: KerberosAuthenticator | None) -> Iterator[Any]:
    properties = java("java.util.Properties")()
    for name, value in connection_properties(config, authenticator).items():
        properties.setProperty(name, value)

    def connect() -> Any:
        return java("org.postgresql.Driver")().connect(connection_url(config), properties)

    jdbc = authenticator.call_as(connect) if authenticator else connect()
    try:
        yield jdbc
    finally:
        jdbc.close()


@pytest.fixture
def authenticator(jvm: JVMManager) -> Callable[[DatabaseConfig], KerberosAuthenticator]:
    def make(config: DatabaseConfig) -> KerberosAuthenticator:
        assert config.kerberos
        return KerberosAuthenticator(config.kerberos, jvm=jvm)

    return make


@pytest.fixture
def refusal(server: PostgresServer, authenticator: Callable[[DatabaseConfig], KerberosAuthenticator]) -> Refusal:
    """What the error is that a refused connection gives."""

    def refuse(**settings: Any) -> KerberosError:
        config = server.kerberos_config(**settings)
        assert config.kerberos
        assert config.host
        with pytest.raises(jpype.JException) as raised, connected(config, authenticator(config)):
            pass
        error = kerberos_error(raised.value, config.kerberos, config.host, str(config.user))
        assert error is not None, raised.value
        return error

    return refuse


def who(jdbc: Any) -> str:
    rows = jdbc.createStatement().executeQuery("SELECT current_user")
    rows.next()
    return str(rows.getString(1))


class TestLogin:
    def test_from_a_keytab(self, server: PostgresServer, authenticator: Any) -> None:
        config = server.kerberos_config()
        with connected(config, authenticator(config)) as jdbc:
            assert who(jdbc) == "etl"
            seen = server.psql("SELECT principal FROM pg_stat_gssapi WHERE gss_authenticated")
        assert seen == "etl@TEST.LOCAL"

    def test_from_a_ticket_cache(self, server: PostgresServer, authenticator: Any, kdc: Kdc, tmp_path: Path) -> None:
        config = server.kerberos_config(ticket_cache=str(kdc.kinit(tmp_path / "cache")))
        with connected(config, authenticator(config)) as jdbc:
            assert who(jdbc) == "etl"

    def test_from_a_jaas_file(self, server: PostgresServer, authenticator: Any, kdc: Kdc, tmp_path: Path) -> None:
        jaas = tmp_path / "jaas.conf"
        jaas.write_text(
            "night { com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true doNotPrompt=true\n"
            f'  keyTab="{kdc.keytab}" principal="{kdc.principal}"; }};\n'
        )
        config = server.kerberos_config(jaas_conf=jaas, jaas_entry="night")
        with connected(config, authenticator(config)) as jdbc:
            assert who(jdbc) == "etl"

    def test_new_connections_are_made_while_the_kdc_is_down(
        self, server: PostgresServer, authenticator: Any, kdc: Kdc
    ) -> None:
        config = server.kerberos_config()
        held = authenticator(config)
        with connected(config, held):
            pass
        with kdc.stopped(), connected(config, held) as jdbc:
            assert who(jdbc) == "etl"

    def test_a_server_whose_key_was_changed_is_given_new_tickets(
        self, server: PostgresServer, authenticator: Any, kdc: Kdc
    ) -> None:
        config = server.kerberos_config()
        held = authenticator(config)
        with connected(config, held):
            pass
        kdc.kadmin("cpw -randkey postgres/localhost")
        kdc.kadmin(f"ktadd -norandkey -k {kdc.server_keytab} postgres/localhost")
        kdc.kadmin(f"ktremove -k {kdc.server_keytab} postgres/localhost old")
        before = held.ticket()
        with connected(config, held) as jdbc:
            assert who(jdbc) == "etl"
        assert held.ticket() is not before


class TestUsedGss:
    def test_is_true_of_a_session_that_kerberos_let_in(self, server: PostgresServer, authenticator: Any) -> None:
        config = server.kerberos_config()
        with connected(config, authenticator(config)) as jdbc:
            assert used_gss(jdbc) is True

    def test_is_false_where_the_server_trusts_without_asking(self, server: PostgresServer, authenticator: Any) -> None:
        config = server.kerberos_config(user="trusted")
        with connected(config, authenticator(config)) as jdbc:
            assert used_gss(jdbc) is False

    def test_leaves_the_session_outside_a_transaction(self, server: PostgresServer, jvm: JVMManager) -> None:
        with connected(server.config, None) as jdbc:
            jdbc.setAutoCommit(False)
            assert used_gss(jdbc) is False
            jdbc.setTransactionIsolation(jdbc.TRANSACTION_SERIALIZABLE)  # refused within a transaction

    def test_leaves_a_transaction_as_it_is(self, server: PostgresServer, jvm: JVMManager) -> None:
        with connected(server.config, None) as jdbc:
            jdbc.setAutoCommit(False)
            jdbc.createStatement().execute("CREATE TEMPORARY TABLE kept (n int) ON COMMIT PRESERVE ROWS")
            used_gss(jdbc)
            jdbc.commit()
            assert jdbc.createStatement().execute("SELECT n FROM kept")

    def test_is_none_of_cockroachdb(self, server: PostgresServer, jvm: JVMManager) -> None:
        with connected(server.config, None) as jdbc:
            # No CockroachDB can be had here: its version() stands before PostgreSQL's until the session ends.
            jdbc.setAutoCommit(False)
            jdbc.createStatement().execute("CREATE SCHEMA cockroach; SET search_path = cockroach, pg_catalog")
            jdbc.createStatement().execute("CREATE FUNCTION version() RETURNS text RETURN 'CockroachDB CCL v25.2.1'")
            assert used_gss(jdbc) is None


class TestRefusal:
    def test_service_of_another_name(self, refusal: Refusal) -> None:
        error = refusal(spn="cockroach")
        assert error.cause is KerberosCause.SERVICE_UNKNOWN
        assert "no service cockroach/localhost" in error.message

    def test_connection_by_address(self, refusal: Refusal) -> None:
        error = refusal(host="127.0.0.1")
        assert error.cause is KerberosCause.SERVICE_BY_ADDRESS
        assert "host is 127.0.0.1, an address" in error.message

    def test_server_with_a_stale_keytab(self, refusal: Refusal, kdc: Kdc) -> None:
        kdc.kadmin("cpw -randkey postgres/localhost")
        try:
            error = refusal()
        finally:
            kdc.kadmin(f"ktadd -norandkey -k {kdc.server_keytab} postgres/localhost")
        assert error.cause is KerberosCause.TICKET_REJECTED
        assert "The server localhost did not take the ticket for postgres/localhost" in error.message
        assert "kvno postgres/localhost" in error.advice

    def test_role_that_the_principal_is_not(self, refusal: Refusal) -> None:
        error = refusal(user="analyst")
        assert error.cause is KerberosCause.ROLE_DIFFERS
        assert "localhost does not let etl@TEST.LOCAL be role analyst" in error.message
        assert "Set user to etl" in error.advice

    @pytest.mark.parametrize("role", ["outsider", "suffixed"], ids=["krb_realm", "include_realm"])
    def test_realm_that_the_rule_does_not_allow(self, refusal: Refusal, kdc: Kdc, role: str) -> None:
        keytab = kdc.folder / f"{role}.keytab"
        kdc.add_principal(role, keytab=keytab)
        error = refusal(user=role, keytab=keytab, principal=role)
        assert error.cause is KerberosCause.REALM_NOT_ALLOWED
        assert f"refused {role}@TEST.LOCAL as role {role}" in error.message
        assert "include_realm=0 and krb_realm=TEST.LOCAL" in error.advice

    def test_role_that_does_not_exist(self, refusal: Refusal, kdc: Kdc) -> None:
        keytab = kdc.folder / "absent.keytab"
        kdc.add_principal("absent", keytab=keytab)
        error = refusal(user="absent", keytab=keytab, principal="absent")
        assert error.cause is KerberosCause.ROLE_MISSING
        assert "has no role absent" in error.message
        assert "CREATE ROLE absent LOGIN" in error.advice

    def test_no_rule(self, refusal: Refusal) -> None:
        error = refusal(user="stranger")
        assert error.cause is KerberosCause.SERVER_RULE_MISSING
        assert "localhost has no rule that lets role stranger in" in error.message
        assert "host all stranger" in error.advice
        assert "krb_realm=TEST.LOCAL" in error.advice

    def test_server_that_wants_a_password(self, refusal: Refusal) -> None:
        error = refusal(user="tester")
        assert error.cause is KerberosCause.PASSWORD_WANTED
        assert "asks tester for a password" in error.message
        assert "gss rule for tester" in error.advice

    def test_kdc_that_goes_down_before_the_service_ticket_is_got(
        self, refusal: Refusal, kdc: Kdc, tmp_path: Path
    ) -> None:
        cache = kdc.kinit(tmp_path / "cache")
        with kdc.stopped():
            error = refusal(ticket_cache=str(cache))
        assert error.cause is KerberosCause.KDC_REFUSED

    def test_ticket_that_a_jaas_file_does_not_give(self, refusal: Refusal, tmp_path: Path) -> None:
        jaas = tmp_path / "jaas.conf"
        jaas.write_text(
            "pgjdbc { com.sun.security.auth.module.Krb5LoginModule required useTicketCache=true doNotPrompt=true\n"
            '  ticketCache="/nowhere/cache"; };\n'
        )
        error = refusal(jaas_conf=jaas)
        assert error.cause is KerberosCause.CACHE_MISSING
        assert "/nowhere/cache" in error.message


@pytest.mark.parametrize(
    ("text", "cause", "advice"),
    [
        (
            'no server.host_based_authentication.configuration entry for host "10.0.0.7", user "etl"',
            KerberosCause.SERVER_RULE_MISSING,
            "host all etl all gss include_realm=0",
        ),
        (
            "GSSAPI realm (TEST.LOCAL) didn't match any configured realm",
            KerberosCause.REALM_NOT_ALLOWED,
            "krb_realm=TEST.LOCAL",
        ),
        (
            'system identity "etl" did not map to a database role',
            KerberosCause.ROLE_DIFFERS,
            "server.identity_map.configuration",
        ),
        (
            "accepting GSS security context failed: Unspecified GSS failure. No key table entry found",
            KerberosCause.TICKET_REJECTED,
            "kvno postgres/localhost",
        ),
        ("node is running secure mode, SSL connection required", KerberosCause.TLS_WANTED, "sslmode: verify-full"),
        (
            "use of GSS authentication requires an Enterprise license",
            KerberosCause.LICENCE_WANTED,
            "enterprise.license",
        ),
    ],
)
def test_what_cockroachdb_says(
    server: PostgresServer, jvm: JVMManager, text: str, cause: KerberosCause, advice: str
) -> None:
    config = server.kerberos_config().kerberos
    assert config
    fields = f"SFATAL\0C28000\0M{text}\0"
    refused = java("org.postgresql.util.PSQLException")(java("org.postgresql.util.ServerErrorMessage")(fields))
    error = kerberos_error(refused, config, "localhost", "etl")
    assert error is not None
    assert error.cause is cause
    assert advice in error.advice
    if cause in (KerberosCause.SERVER_RULE_MISSING, KerberosCause.TICKET_REJECTED, KerberosCause.TLS_WANTED):
        assert text in error.message
