"""Every cause that a login can fail with before a database is concerned, provoked for real."""

from __future__ import annotations

import os
import pwd
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cockroach_pipelines.config.errors import Place
from cockroach_pipelines.config.models import KerberosConfig
from cockroach_pipelines.database.jvm import JVMManager, java
from cockroach_pipelines.database.kerberos.authenticator import KerberosAuthenticator
from cockroach_pipelines.database.kerberos.causes import WORDS
from cockroach_pipelines.database.kerberos.errors import KerberosCause, KerberosError, kerberos_error
from tests.peers.kdc import Kdc
from tests.peers.processes import free_port, readable_folder

Failure = Callable[..., KerberosError]


@pytest.fixture
def failure(jvm: JVMManager, kdc: Kdc) -> Failure:
    """What a login fails with, or a probe of a host where one is given; by default from the keytab of `etl`."""

    def fail(*, host: str = "", **kerberos: Any) -> KerberosError:
        kerberos.setdefault("krb5_conf", kdc.krb5_conf)
        if not kerberos.keys() & {"keytab", "ticket_cache", "jaas_conf"}:
            kerberos |= {"keytab": kdc.keytab}
        if "keytab" in kerberos:
            kerberos.setdefault("principal", kdc.principal)
        authenticator = KerberosAuthenticator(KerberosConfig(**kerberos), jvm=jvm)
        with pytest.raises(KerberosError) as raised:
            authenticator.probe(host) if host else authenticator.ticket()
        return raised.value

    return fail


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can reach."""
    with readable_folder("kerberos") as path:
        yield path


@contextmanager
def unreadable(path: Path) -> Iterator[str]:
    """Take away this process's right to read a file; root would keep it, and becomes somebody else. Gives who it is."""
    path.chmod(0)
    if os.geteuid() != 0:
        yield pwd.getpwuid(os.geteuid()).pw_name
        return
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        yield "nobody"
    finally:
        os.seteuid(0)


def assert_says(error: KerberosError, cause: KerberosCause, *, message: list[object], advice: list[object]) -> None:
    assert error.cause is cause, str(error)
    for text in message:
        assert str(text) in error.message
    for text in advice:
        assert str(text) in error.advice


class TestKeytab:
    def test_missing(self, failure: Failure) -> None:
        error = failure(keytab="/nowhere/etl.keytab")
        assert_says(
            error,
            KerberosCause.KEYTAB_MISSING,
            message=["/nowhere/etl.keytab does not exist"],
            advice=["klist -kt /nowhere/etl.keytab"],
        )

    def test_unreadable(self, failure: Failure, kdc: Kdc, folder: Path) -> None:
        keytab = folder / "etl.keytab"
        keytab.write_bytes(kdc.keytab.read_bytes())
        with unreadable(keytab) as account:
            error = failure(keytab=keytab)
        assert_says(
            error,
            KerberosCause.KEYTAB_UNREADABLE,
            message=[f"{keytab} cannot be read by {account}", "Permission denied", "----------"],
            advice=[f"chown {account} {keytab}"],
        )

    def test_below_a_closed_folder(self, failure: Failure, kdc: Kdc, folder: Path) -> None:
        closed = folder / "closed"
        closed.mkdir()
        (closed / "etl.keytab").write_bytes(kdc.keytab.read_bytes())
        with unreadable(closed):
            error = failure(keytab=closed / "etl.keytab")
        closed.chmod(0o700)
        assert_says(
            error,
            KerberosCause.KEYTAB_UNREADABLE,
            message=[closed / "etl.keytab", "a folder above it is closed"],
            advice=["every folder above it must be reachable"],
        )

    @pytest.mark.parametrize("content", [b"", b"\x05\x02"], ids=["no byte", "no entry"])
    def test_empty(self, failure: Failure, folder: Path, content: bytes) -> None:
        keytab = folder / "etl.keytab"
        keytab.write_bytes(content)
        assert_says(
            failure(keytab=keytab),
            KerberosCause.KEYTAB_EMPTY,
            message=[f"{keytab} is empty"],
            advice=[f"ktadd -k {keytab} etl@TEST.LOCAL"],
        )

    def test_corrupt(self, failure: Failure, folder: Path) -> None:
        keytab = folder / "etl.keytab"
        keytab.write_text("-----BEGIN CERTIFICATE-----\n")
        assert_says(
            failure(keytab=keytab),
            KerberosCause.KEYTAB_CORRUPT,
            message=[f"{keytab} is no keytab", "it begins with 2d 2d"],
            advice=[f"klist -kt {keytab} must list etl@TEST.LOCAL"],
        )

    def test_cut_off(self, failure: Failure, kdc: Kdc, folder: Path) -> None:
        keytab = folder / "etl.keytab"
        keytab.write_bytes(kdc.keytab.read_bytes()[:40])
        assert_says(failure(keytab=keytab), KerberosCause.KEYTAB_CORRUPT, message=["cut off"], advice=[keytab])

    def test_a_folder(self, failure: Failure, folder: Path) -> None:
        assert_says(failure(keytab=folder), KerberosCause.KEYTAB_CORRUPT, message=["it is a folder"], advice=[folder])

    def test_without_the_principal(self, failure: Failure, kdc: Kdc) -> None:
        assert_says(
            failure(principal="wim"),
            KerberosCause.KEYTAB_WITHOUT_PRINCIPAL,
            message=[f"{kdc.keytab} holds no key of wim@TEST.LOCAL, but of etl@TEST.LOCAL"],
            advice=[f"klist -kt {kdc.keytab}"],
        )

    @pytest.mark.parametrize("known", [False, True], ids=["that krb5.conf does not know", "that krb5.conf knows"])
    def test_of_another_realm(self, failure: Failure, kdc: Kdc, known: bool) -> None:
        conf = kdc.write_krb5_conf("realms.conf")
        if known:
            other = f"[realms]\n  test.local = {{\n    kdc = 127.0.0.1:{kdc.port}\n  }}\n"
            conf.write_text(conf.read_text().replace("[realms]\n", other))
        assert_says(
            failure(krb5_conf=conf, principal="etl@test.local"),
            KerberosCause.KEYTAB_OTHER_REALM,
            message=["etl@TEST.LOCAL", "another realm than that of etl@test.local"],
            advice=["Set principal to etl@TEST.LOCAL", "Upper and lower case matter"],
        )

    def test_stale(self, failure: Failure, kdc: Kdc, folder: Path) -> None:
        keytab = folder / "stale.keytab"
        kdc.add_principal("stale", keytab=keytab)
        kdc.kadmin("cpw -randkey stale")
        assert_says(
            failure(keytab=keytab, principal="stale"),
            KerberosCause.KEY_REJECTED,
            message=[f"refused the key of stale@TEST.LOCAL in {keytab}"],
            advice=[f"kinit -k -t {keytab} stale@TEST.LOCAL", f"klist -kt {keytab}: 1", "kvno stale@TEST.LOCAL"],
        )

    def test_stale_in_a_realm_without_preauthentication(self, failure: Failure, kdc: Kdc, folder: Path) -> None:
        keytab = folder / "lax.keytab"
        kdc.add_principal("lax", keytab=keytab)
        kdc.kadmin("modprinc -requires_preauth lax")
        kdc.kadmin("cpw -randkey lax")
        assert_says(
            failure(keytab=keytab, principal="lax"),
            KerberosCause.KEY_REJECTED,
            message=["lax@TEST.LOCAL"],
            advice=[keytab],
        )

    def test_of_encryption_types_that_are_not_allowed(self, failure: Failure, kdc: Kdc, folder: Path) -> None:
        keytab = folder / "aes256.keytab"
        kdc.add_principal("aes256", keytab=keytab, options="-e aes256-cts-hmac-sha1-96:normal")
        conf = kdc.write_krb5_conf("aes128.conf", libdefaults={"default_tkt_enctypes": "aes128-cts-hmac-sha1-96"})
        assert_says(
            failure(krb5_conf=conf, keytab=keytab, principal="aes256"),
            KerberosCause.ENCRYPTION_TYPE,
            message=["aes256@TEST.LOCAL", conf],
            advice=[f"klist -ekt {keytab}", "default_tkt_enctypes"],
        )


class TestTicketCache:
    def test_missing(self, failure: Failure, tmp_path: Path) -> None:
        cache = tmp_path / "cache"
        assert_says(
            failure(ticket_cache=str(cache), principal="etl"),
            KerberosCause.CACHE_MISSING,
            message=[f"FILE:{cache} (from ticket_cache) does not exist"],
            advice=[f"kinit -c FILE:{cache} etl@TEST.LOCAL", "keytab and principal"],
        )

    def test_unreadable(self, failure: Failure, kdc: Kdc, folder: Path) -> None:
        cache = kdc.kinit(folder / "cache")
        with unreadable(cache) as account:
            error = failure(ticket_cache=str(cache))
        assert_says(
            error,
            KerberosCause.CACHE_UNREADABLE,
            message=[cache, f"cannot be read by {account}", "Permission denied"],
            advice=[f"run kinit as {account}"],
        )

    @pytest.mark.parametrize("content", [b"", b"not a cache", b"\x05\x04\x00\x0c\x00\x01"])
    def test_corrupt(self, failure: Failure, folder: Path, content: bytes) -> None:
        cache = folder / "cache"
        cache.write_bytes(content)
        assert_says(
            failure(ticket_cache=str(cache)),
            KerberosCause.CACHE_CORRUPT,
            message=[cache, "no ticket cache, or a damaged one"],
            advice=[f"rm {cache} && kinit -c FILE:{cache}"],
        )

    def test_expired(self, failure: Failure, kdc: Kdc, tmp_path: Path) -> None:
        cache = kdc.kinit(tmp_path / "cache", options=("-l", "1s"))
        time.sleep(1.1)
        assert_says(
            failure(ticket_cache=str(cache)),
            KerberosCause.CACHE_EXPIRED,
            message=[f"The ticket of etl@TEST.LOCAL in FILE:{cache}", f"expired at {time.strftime('%Y-')}", "UTC"],
            advice=[f"kinit -c FILE:{cache} etl@TEST.LOCAL"],
        )

    def test_of_another_principal(self, failure: Failure, kdc: Kdc, tmp_path: Path) -> None:
        cache = kdc.kinit(tmp_path / "cache")
        assert_says(
            failure(ticket_cache=str(cache), principal="wim"),
            KerberosCause.CACHE_OTHER_PRINCIPAL,
            message=[cache, "belongs to etl@TEST.LOCAL, not to wim@TEST.LOCAL"],
            advice=[f"kinit -c FILE:{cache} wim@TEST.LOCAL"],
        )

    def test_without_a_ticket_granting_ticket(self, failure: Failure, kdc: Kdc, tmp_path: Path) -> None:
        cache = kdc.kinit(tmp_path / "cache", options=("-S", "postgres/localhost"))
        assert_says(
            failure(ticket_cache=str(cache)),
            KerberosCause.CACHE_WITHOUT_TICKET,
            message=[cache, "holds no ticket-granting ticket"],
            advice=[f"klist -c {cache}"],
        )

    @pytest.mark.parametrize("name", ["KCM:0", "KEYRING:persistent:0", "DIR:/tmp/krb5cc_dir", "MEMORY:x"])
    def test_of_a_kind_that_java_cannot_read(self, failure: Failure, name: str) -> None:
        kind = name.partition(":")[0]
        file = f"/tmp/krb5cc_{os.getuid()}"
        assert_says(
            failure(ticket_cache=name, principal="etl"),
            KerberosCause.CACHE_KIND,
            message=[name, f"kind {kind}", "Java reads FILE caches only"],
            advice=[f"kinit -c FILE:{file} etl@TEST.LOCAL", f"set ticket_cache: {file}"],
        )

    def test_of_such_a_kind_by_the_environment(self, failure: Failure, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KRB5CCNAME", "KEYRING:persistent:0")
        error = failure(ticket_cache=None)
        assert_says(error, KerberosCause.CACHE_KIND, message=["(from KRB5CCNAME)"], advice=["kinit -c FILE:"])


class TestKrb5Conf:
    def test_missing(self, failure: Failure) -> None:
        assert_says(
            failure(krb5_conf="/nowhere/krb5.conf"),
            KerberosCause.KRB5_CONF_MISSING,
            message=["/nowhere/krb5.conf (from krb5_conf) does not exist"],
            advice=["realm TEST.LOCAL", "/etc/krb5.conf"],
        )

    def test_missing_where_the_environment_says(self, failure: Failure, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("KRB5_CONFIG", "/nowhere/krb5.conf")
        error = failure(krb5_conf=None)
        assert_says(error, KerberosCause.KRB5_CONF_MISSING, message=["(from KRB5_CONFIG)"], advice=["krb5_conf"])

    def test_unreadable(self, failure: Failure, kdc: Kdc, folder: Path) -> None:
        conf = folder / "krb5.conf"
        conf.write_text(kdc.krb5_conf.read_text())
        with unreadable(conf) as account:
            error = failure(krb5_conf=conf)
        assert_says(
            error,
            KerberosCause.KRB5_CONF_UNREADABLE,
            message=[conf, "Permission denied"],
            advice=[account, f"chmod a+r {conf}"],
        )

    def test_with_a_syntax_error(self, failure: Failure, tmp_path: Path) -> None:
        conf = tmp_path / "krb5.conf"
        conf.write_text("[libdefaults]\n  default_realm = TEST.LOCAL\n  nonsense\n[realms]\n")
        error = failure(krb5_conf=conf)
        assert_says(error, KerberosCause.KRB5_CONF_SYNTAX, message=["nonsense"], advice=["key = value", conf])
        assert error.place == Place(conf, 3)

    @pytest.mark.parametrize("content", ["", "[libdefaults]\n  dns_lookup_kdc = false\n"])
    def test_without_a_realm(self, failure: Failure, tmp_path: Path, content: str) -> None:
        conf = tmp_path / "krb5.conf"
        conf.write_text(content)
        assert_says(
            failure(krb5_conf=conf, principal="etl"),
            KerberosCause.REALM_NOT_CONFIGURED,
            message=["etl", f"{conf} has no default_realm"],
            advice=["etl@EXAMPLE.COM"],
        )

    def test_without_a_kdc(self, failure: Failure, tmp_path: Path) -> None:
        conf = tmp_path / "krb5.conf"
        conf.write_text("[libdefaults]\n  dns_lookup_kdc = false\n[realms]\n  ELSEWHERE.LOCAL = {\n    kdc = x\n  }\n")
        assert_says(
            failure(krb5_conf=conf),
            KerberosCause.KDC_NOT_CONFIGURED,
            message=[f"{conf} names no KDC for realm TEST.LOCAL"],
            advice=["Realms known there: ELSEWHERE.LOCAL"],
        )


class TestJaasFile:
    def test_missing(self, failure: Failure) -> None:
        assert_says(
            failure(jaas_conf="/nowhere/jaas.conf"),
            KerberosCause.JAAS_FILE_MISSING,
            message=["/nowhere/jaas.conf does not exist"],
            advice=["keytab and principal"],
        )

    def test_unreadable(self, failure: Failure, folder: Path) -> None:
        jaas = folder / "jaas.conf"
        jaas.write_text("pgjdbc { };")
        with unreadable(jaas) as account:
            error = failure(jaas_conf=jaas)
        assert_says(error, KerberosCause.JAAS_FILE_UNREADABLE, message=[jaas], advice=[f"Let {account} read it"])

    def test_with_a_syntax_error(self, failure: Failure, tmp_path: Path) -> None:
        jaas = tmp_path / "jaas.conf"
        jaas.write_text("pgjdbc {\n  com.sun.security.auth.module.Krb5LoginModule required useKeyTab;\n};\n")
        error = failure(jaas_conf=jaas)
        assert_says(error, KerberosCause.JAAS_FILE_SYNTAX, message=["expected [=]"], advice=["pgjdbc { com.sun."])
        assert error.place == Place(jaas, 2)

    def test_with_an_error_that_java_does_not_place(self, failure: Failure, tmp_path: Path) -> None:
        jaas = tmp_path / "jaas.conf"
        jaas.write_text("pgjdbc { com.sun.security.auth.module.Krb5LoginModule often; };\n")
        error = failure(jaas_conf=jaas)
        assert_says(error, KerberosCause.JAAS_FILE_SYNTAX, message=["flag, OFTEN"], advice=["pgjdbc { com.sun."])
        assert error.place == Place(jaas)

    def test_without_the_entry(self, failure: Failure, tmp_path: Path) -> None:
        jaas = tmp_path / "jaas.conf"
        jaas.write_text("day { com.sun.security.auth.module.Krb5LoginModule required; };\n")
        assert_says(
            failure(jaas_conf=jaas, jaas_entry="night"),
            KerberosCause.JAAS_ENTRY_MISSING,
            message=[f"{jaas} has no entry 'night'"],
            advice=["jaas_entry"],
        )

    def test_that_would_ask_a_person(self, failure: Failure, tmp_path: Path) -> None:
        jaas = tmp_path / "jaas.conf"
        jaas.write_text("pgjdbc { com.sun.security.auth.module.Krb5LoginModule required; };\n")
        error = failure(jaas_conf=jaas)
        assert_says(error, KerberosCause.JAAS_WOULD_ASK, message=[jaas, "'pgjdbc'"], advice=["doNotPrompt=true"])

    def test_whose_keytab_is_missing(self, failure: Failure, tmp_path: Path) -> None:
        jaas = tmp_path / "jaas.conf"
        jaas.write_text(
            "pgjdbc { com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true doNotPrompt=true\n"
            '  keyTab="/nowhere/etl.keytab" principal="etl"; };\n'
        )
        error = failure(jaas_conf=jaas)
        assert_says(error, KerberosCause.KEYTAB_MISSING, message=["/nowhere/etl.keytab"], advice=["klist -kt"])


class TestKdc:
    def test_refused_by_tcp(self, failure: Failure, kdc: Kdc) -> None:
        with kdc.stopped():
            error = failure()
        assert_says(
            error,
            KerberosCause.KDC_REFUSED,
            message=[f"realm TEST.LOCAL (127.0.0.1:{kdc.port})", "Connection refused"],
            advice=[f"nc -vz 127.0.0.1 {kdc.port}", "88"],
        )

    def test_refused_by_udp(self, failure: Failure, kdc: Kdc) -> None:
        port = free_port()
        conf = kdc.write_krb5_conf("udp.conf", kdc=f"127.0.0.1:{port}", libdefaults={"udp_preference_limit": "1465"})
        error = failure(krb5_conf=conf)
        assert_says(
            error, KerberosCause.KDC_REFUSED, message=[f"127.0.0.1:{port}"], advice=[f"nc -vz 127.0.0.1 {port}"]
        )

    def test_refused_for_the_service_ticket(self, failure: Failure, kdc: Kdc, tmp_path: Path) -> None:
        cache = kdc.kinit(tmp_path / "cache")
        with kdc.stopped():
            error = failure(ticket_cache=str(cache), host="localhost")
        assert_says(error, KerberosCause.KDC_REFUSED, message=["TEST.LOCAL"], advice=["nc -vz"])

    @pytest.mark.parametrize("limit", ["1", "1465"], ids=["by TCP", "by UDP"])
    def test_silent(self, failure: Failure, kdc: Kdc, limit: str) -> None:
        with socket.create_server(("127.0.0.1", free_port())) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.bind(tcp.getsockname())
            address = f"127.0.0.1:{tcp.getsockname()[1]}"
            quick = {"kdc_timeout": "200", "max_retries": "1", "udp_preference_limit": limit}
            conf = kdc.write_krb5_conf("silent.conf", kdc=address, libdefaults=quick)
            error = failure(krb5_conf=conf)
        assert_says(
            error,
            KerberosCause.KDC_SILENT,
            message=[f"realm TEST.LOCAL ({address}) did not answer"],
            advice=["kdc_timeout = 2000", "max_retries = 1", conf],
        )

    def test_of_unknown_host(self, failure: Failure, kdc: Kdc) -> None:
        conf = kdc.write_krb5_conf("unknown.conf", kdc="kdc.invalid")
        assert_says(
            failure(krb5_conf=conf),
            KerberosCause.KDC_UNKNOWN_HOST,
            message=["TEST.LOCAL", "kdc.invalid"],
            advice=["getent hosts kdc.invalid", conf],
        )

    @pytest.mark.parametrize(("offset", "direction"), [("+10m", "ahead"), ("-10m", "behind")])
    def test_with_another_clock(self, failure: Failure, kdc: Kdc, offset: str, direction: str) -> None:
        with kdc.clock_set(offset):
            error = failure()
        assert_says(
            error,
            KerberosCause.CLOCK_SKEW,
            message=["TEST.LOCAL", f"127.0.0.1:{kdc.port}", direction],
            advice=["5 minutes", "date -u"],
        )
        assert "the KDC's is 0:10:00" in error.message or "0:09:59" in error.message or "0:10:01" in error.message


class TestPrincipal:
    def test_unknown(self, failure: Failure, kdc: Kdc, folder: Path) -> None:
        keytab = folder / "gone.keytab"
        kdc.add_principal("gone", keytab=keytab)
        kdc.kadmin("delprinc -force gone")
        assert_says(
            failure(keytab=keytab, principal="gone"),
            KerberosCause.PRINCIPAL_UNKNOWN,
            message=["Realm TEST.LOCAL has no principal gone@TEST.LOCAL"],
            advice=[f"klist -kt {keytab}"],
        )

    @pytest.mark.parametrize(
        ("name", "change", "cause", "advice"),
        [
            ("old", "-expire 2020-01-01", KerberosCause.PRINCIPAL_EXPIRED, "modprinc -expire never"),
            ("locked", "-allow_tix", KerberosCause.PRINCIPAL_LOCKED, "modprinc -unlock"),
            ("aged", "-pwexpire 2020-01-01", KerberosCause.PASSWORD_EXPIRED, "kpasswd aged@TEST.LOCAL"),
        ],
    )
    def test_no_longer_valid(
        self, failure: Failure, kdc: Kdc, folder: Path, name: str, change: str, cause: KerberosCause, advice: str
    ) -> None:
        keytab = folder / "principal.keytab"
        kdc.add_principal(name, keytab=keytab)
        kdc.kadmin(f"modprinc {change} {name}")
        error = failure(keytab=keytab, principal=name)
        assert_says(error, cause, message=[f"{name}@TEST.LOCAL", "realm TEST.LOCAL"], advice=[advice])


class TestService:
    def test_unknown_host(self, failure: Failure) -> None:
        assert_says(
            failure(host="db.test.local"),
            KerberosCause.SERVICE_UNKNOWN,
            message=["realm TEST.LOCAL knows no service postgres/db.test.local"],
            advice=["kvno postgres/db.test.local", "setspn -S postgres/db.test.local"],
        )

    def test_address_in_place_of_a_name(self, failure: Failure) -> None:
        assert_says(
            failure(host="127.0.0.1"),
            KerberosCause.SERVICE_BY_ADDRESS,
            message=["host is 127.0.0.1, an address", "realm TEST.LOCAL"],
            advice=["full DNS name", "postgres/NAME"],
        )

    def test_unknown_service(self, failure: Failure) -> None:
        error = failure(host="localhost", spn="cockroach")
        assert_says(error, KerberosCause.SERVICE_UNKNOWN, message=["cockroach/localhost"], advice=["check spn"])

    def test_of_another_host_than_the_connection(self, failure: Failure) -> None:
        assert_says(
            failure(host="localhost", spn="postgres/db.test.local"),
            KerberosCause.SERVICE_OF_OTHER_HOST,
            message=["spn is postgres/db.test.local", "the connection goes to localhost"],
            advice=["Set spn to postgres"],
        )


def test_every_cause_has_words() -> None:
    assert WORDS.keys() == set(KerberosCause)


def test_what_is_not_known_is_told_in_javas_words_with_a_way_to_look_further(jvm: JVMManager, kdc: Kdc) -> None:
    config = KerberosConfig(krb5_conf=kdc.krb5_conf, keytab=kdc.keytab, principal="etl")
    strange = java("javax.security.auth.login.LoginException")("KDC policy rejects request (12)")
    error = kerberos_error(strange, config, "localhost", "etl")
    assert error is not None
    assert_says(
        error,
        KerberosCause.OTHER,
        message=["KDC policy rejects request (12)"],
        advice=[f"KRB5_CONFIG={kdc.krb5_conf} KRB5_TRACE=/dev/stderr kinit -k -t {kdc.keytab} etl@TEST.LOCAL"],
    )


def test_what_is_not_about_kerberos_is_none(jvm: JVMManager, kdc: Kdc) -> None:
    config = KerberosConfig(krb5_conf=kdc.krb5_conf, keytab=kdc.keytab, principal="etl")
    psql_exception, state = java("org.postgresql.util.PSQLException"), java("org.postgresql.util.PSQLState")
    refused = psql_exception("Connection to localhost:1 refused.", state.CONNECTION_UNABLE_TO_CONNECT)
    assert kerberos_error(refused, config, "localhost", "etl") is None
    assert kerberos_error(ValueError("timed out"), config, "localhost", "etl") is None
