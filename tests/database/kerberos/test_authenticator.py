from __future__ import annotations

import _thread
import datetime as dt
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cockroach_pipelines.config.models import KerberosConfig
from cockroach_pipelines.database.jvm import JVMManager, java
from cockroach_pipelines.database.kerberos.authenticator import KerberosAuthenticator
from cockroach_pipelines.database.kerberos.errors import KerberosCause, KerberosError
from cockroach_pipelines.database.kerberos.java_security import get_service_ticket
from tests.peers.kdc import Kdc
from tests.peers.processes import readable_folder

Login = Callable[..., KerberosAuthenticator]


@pytest.fixture
def login(jvm: JVMManager, kdc: Kdc) -> Login:
    def make(*, login_timeout: float = 20.0, **kerberos: Any) -> KerberosAuthenticator:
        kerberos.setdefault("krb5_conf", kdc.krb5_conf)
        return KerberosAuthenticator(KerberosConfig(**kerberos), jvm=jvm, login_timeout=login_timeout)

    return make


@pytest.fixture
def from_keytab(login: Login, kdc: Kdc) -> KerberosAuthenticator:
    return login(keytab=kdc.keytab, principal=kdc.principal)


@pytest.fixture(scope="module")
def short_lived(kdc: Kdc) -> Path:
    """The keytab of a principal whose tickets end after four seconds and can be renewed."""
    keytab = kdc.folder / "short.keytab"
    kdc.add_principal("short", keytab=keytab, options='-maxlife "4 seconds" -maxrenewlife "1 hour"')
    return keytab


@pytest.fixture
def second_realm() -> Iterator[Kdc]:
    with readable_folder("second-kdc") as folder:
        kdc = Kdc(folder, realm="SECOND.LOCAL")
        kdc.start()
        try:
            yield kdc
        finally:
            kdc.stop()


def wait_until(moment: dt.datetime) -> None:
    time.sleep(max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds()))


def test_a_keytab_gives_a_ticket_that_names_principal_realm_expiry_and_source(
    from_keytab: KerberosAuthenticator, kdc: Kdc
) -> None:
    ticket = from_keytab.ticket()
    assert (ticket.principal, ticket.realm) == ("etl@TEST.LOCAL", "TEST.LOCAL")
    assert ticket.source == f"keytab {kdc.keytab}"
    assert ticket.expiry.tzinfo is dt.UTC
    lifetime = ticket.expiry - dt.datetime.now(dt.UTC)
    assert dt.timedelta(minutes=59) < lifetime <= dt.timedelta(hours=1, seconds=2)


def test_a_principal_without_realm_is_of_the_default_realm(login: Login, kdc: Kdc) -> None:
    assert login(keytab=kdc.keytab, principal="etl").ticket().principal == "etl@TEST.LOCAL"


@pytest.mark.parametrize("prefix", ["", "FILE:"])
def test_a_ticket_cache_is_read_with_and_without_its_kind(login: Login, kdc: Kdc, tmp_path: Path, prefix: str) -> None:
    cache = kdc.kinit(tmp_path / "cache", options=("-l", "10m", "-r", "1h"))
    ticket = login(ticket_cache=f"{prefix}{cache}").ticket()
    assert ticket.source == f"ticket cache {cache}"
    assert ticket.renewable_until is not None
    assert dt.timedelta(minutes=49) < ticket.renewable_until - ticket.expiry <= dt.timedelta(minutes=50)


def test_the_ticket_cache_of_the_environment_is_the_default(
    login: Login, kdc: Kdc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = kdc.kinit(tmp_path / "cache")
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{cache}")
    assert login().ticket().source == f"ticket cache {cache}"


def test_krb5_conf_of_the_environment_is_the_default(login: Login, kdc: Kdc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", f"/nowhere/krb5.conf:{kdc.krb5_conf}")
    assert login(krb5_conf=None, keytab=kdc.keytab, principal="etl").ticket().realm == "TEST.LOCAL"


def test_with_cache_and_keytab_the_cache_comes_first_and_the_keytab_when_it_does_not_serve(
    login: Login, kdc: Kdc, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    both = {"ticket_cache": str(cache), "keytab": kdc.keytab, "principal": kdc.principal}
    assert login(**both).ticket().source == f"keytab {kdc.keytab}"
    kdc.kinit(cache)
    assert login(**both).ticket().source == f"ticket cache {cache}"


def test_a_jaas_file_logs_in_as_its_entry_says(login: Login, kdc: Kdc, tmp_path: Path) -> None:
    jaas = tmp_path / "jaas.conf"
    jaas.write_text(
        "night { com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true doNotPrompt=true\n"
        f'  keyTab="{kdc.keytab}" principal="{kdc.principal}"; }};\n'
    )
    authenticator = login(jaas_conf=jaas, jaas_entry="night")
    assert authenticator.ticket().principal == kdc.principal
    assert authenticator.ticket().source == f"entry 'night' of {jaas}"
    assert authenticator.driver_properties() == {
        "gssEncMode": "disable",
        "kerberosServerName": "postgres",
        "jaasLogin": "true",
        "jaasApplicationName": "night",
    }
    authenticator.probe("localhost")


def test_a_changed_jaas_file_is_read_again(login: Login, kdc: Kdc, tmp_path: Path) -> None:
    jaas = tmp_path / "jaas.conf"
    module = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true doNotPrompt=true"
    jaas.write_text(f'pgjdbc {{ {module} keyTab="/nowhere" principal="etl"; }};')
    with pytest.raises(KerberosError):
        login(jaas_conf=jaas).ticket()
    jaas.write_text(f'pgjdbc {{ {module} keyTab="{kdc.keytab}" principal="etl"; }};')
    assert login(jaas_conf=jaas).ticket().principal == kdc.principal


def test_the_driver_is_told_the_service_and_to_leave_the_login_to_us(login: Login, kdc: Kdc) -> None:
    authenticator = login(keytab=kdc.keytab, principal="etl", spn="cockroach/db.test.local@TEST.LOCAL")
    assert authenticator.driver_properties() == {
        "gssEncMode": "disable",
        "kerberosServerName": "cockroach",
        "jaasLogin": "false",
    }


def test_call_as_gives_what_the_function_gives_in_the_calling_thread(from_keytab: KerberosAuthenticator) -> None:
    assert from_keytab.call_as(threading.get_ident) == threading.get_ident()


def test_code_finds_the_ticket_within_call_as_and_not_outside(from_keytab: KerberosAuthenticator) -> None:
    from_keytab.call_as(lambda: get_service_ticket("postgres", "localhost"))
    with pytest.raises(java("org.ietf.jgss.GSSException")):
        get_service_ticket("postgres", "localhost")


def test_call_as_lets_exceptions_of_python_and_java_through(from_keytab: KerberosAuthenticator) -> None:
    with pytest.raises(ZeroDivisionError):
        from_keytab.call_as(lambda: 1 // 0)
    with pytest.raises(java("java.lang.NumberFormatException")):
        from_keytab.call_as(lambda: java("java.lang.Integer").parseInt("x"))


def test_many_threads_share_one_login(from_keytab: KerberosAuthenticator, kdc: Kdc) -> None:
    kdc_log = kdc.folder / "kdc.log"
    before = kdc_log.read_text().count("AS_REQ")
    tickets: list[Any] = []
    threads = [
        threading.Thread(target=lambda: tickets.append(from_keytab.call_as(from_keytab.ticket))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tickets) == 8
    assert len(set(tickets)) == 1
    assert kdc_log.read_text().count("AS_REQ") - before <= 2  # one login: the KDC asks it for preauthentication first


def test_a_keytab_login_is_renewed_before_it_expires(login: Login, short_lived: Path) -> None:
    authenticator = login(keytab=short_lived, principal="short")
    first = authenticator.ticket()
    assert authenticator.ticket() is first
    wait_until(first.expiry - dt.timedelta(seconds=0.3))
    assert authenticator.ticket().expiry > first.expiry
    authenticator.probe("localhost")


def test_a_ticket_of_a_cache_is_renewed_before_it_expires(
    login: Login, kdc: Kdc, short_lived: Path, tmp_path: Path
) -> None:
    cache = kdc.kinit(tmp_path / "cache", principal="short", keytab=short_lived, options=("-l", "4s", "-r", "1h"))
    authenticator = login(ticket_cache=str(cache))
    first = authenticator.ticket()
    wait_until(first.expiry - dt.timedelta(seconds=0.3))
    assert authenticator.ticket().expiry > first.expiry
    authenticator.probe("localhost")


def test_a_valid_ticket_serves_on_when_it_cannot_be_renewed_and_its_end_is_an_error(
    login: Login, kdc: Kdc, short_lived: Path, caplog: pytest.LogCaptureFixture
) -> None:
    authenticator = login(keytab=short_lived, principal="short")
    first = authenticator.ticket()
    with kdc.stopped():
        wait_until(first.expiry - dt.timedelta(seconds=0.3))
        assert authenticator.ticket() == first
        assert "could not be renewed" in caplog.text
        wait_until(first.expiry)
        with pytest.raises(KerberosError) as raised:
            authenticator.ticket()
        assert raised.value.cause is KerberosCause.KDC_REFUSED
    assert authenticator.ticket().expiry > first.expiry


def test_service_tickets_serve_on_while_the_kdc_is_down(from_keytab: KerberosAuthenticator, kdc: Kdc) -> None:
    from_keytab.probe("localhost")
    with kdc.stopped():
        from_keytab.probe("localhost")
        with pytest.raises(KerberosError):
            from_keytab.probe("elsewhere.test.local")


def test_logins_to_two_realms_with_two_configurations_take_turns(
    from_keytab: KerberosAuthenticator, login: Login, second_realm: Kdc
) -> None:
    other = login(krb5_conf=second_realm.krb5_conf, keytab=second_realm.keytab, principal="etl")
    failures: list[BaseException] = []

    def probe_often(authenticator: KerberosAuthenticator) -> None:
        try:
            for _ in range(10):
                authenticator.probe("localhost")
                authenticator._login = None  # the next one goes to the KDC again
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=probe_often, args=(one,)) for one in (from_keytab, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert (from_keytab.ticket().realm, other.ticket().realm) == ("TEST.LOCAL", "SECOND.LOCAL")


def test_a_connection_that_takes_too_long_keeps_another_configuration_waiting_no_longer_than_its_timeout(
    from_keytab: KerberosAuthenticator, login: Login, second_realm: Kdc
) -> None:
    other = login(krb5_conf=second_realm.krb5_conf, keytab=second_realm.keytab, principal="etl", login_timeout=0.3)

    def meanwhile() -> KerberosError:
        with pytest.raises(KerberosError) as raised:
            other.call_as(lambda: None)
        return raised.value

    error = from_keytab.call_as(meanwhile)
    assert error.cause is KerberosCause.CONFIGURATION_IN_USE
    assert str(second_realm.krb5_conf) in error.message
    assert other.ticket().realm == "SECOND.LOCAL"


@pytest.fixture
def silent_kdc(login: Login, kdc: Kdc) -> Iterator[Path]:
    """A krb5.conf whose KDC takes connections and never says a word; Java would wait for it for 90 s."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield kdc.write_krb5_conf("silent.conf", kdc=f"127.0.0.1:{listener.getsockname()[1]}")
    # With it end the logins that were given up, and the next test can have another configuration.
    login(keytab=kdc.keytab, principal=kdc.principal, login_timeout=60.0).ticket()


def test_a_silent_kdc_is_given_up_after_the_login_timeout(login: Login, kdc: Kdc, silent_kdc: Path) -> None:
    authenticator = login(krb5_conf=silent_kdc, keytab=kdc.keytab, principal="etl", login_timeout=0.3)
    start = time.monotonic()
    with pytest.raises(KerberosError) as raised:
        authenticator.ticket()
    assert time.monotonic() - start < 2
    assert raised.value.cause is KerberosCause.KDC_SILENT
    assert "TEST.LOCAL (127.0.0.1:" in raised.value.message
    assert "within 0.3 s" in raised.value.message
    assert "kdc_timeout = 2000" in raised.value.advice
    assert str(silent_kdc) in raised.value.advice


def test_a_probe_of_a_silent_kdc_is_given_up_after_the_login_timeout_too(
    login: Login, kdc: Kdc, silent_kdc: Path, tmp_path: Path
) -> None:
    cache = kdc.kinit(tmp_path / "cache")
    authenticator = login(krb5_conf=silent_kdc, ticket_cache=str(cache), login_timeout=0.3)
    assert authenticator.ticket().principal == "etl@TEST.LOCAL"
    with pytest.raises(KerberosError) as raised:
        authenticator.probe("localhost")
    assert raised.value.cause is KerberosCause.KDC_SILENT


def test_waiting_for_a_silent_kdc_can_be_interrupted(login: Login, kdc: Kdc, silent_kdc: Path) -> None:
    authenticator = login(krb5_conf=silent_kdc, keytab=kdc.keytab, principal="etl", login_timeout=30)
    interrupt = threading.Timer(0.3, _thread.interrupt_main)
    interrupt.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        authenticator.ticket()
    assert time.monotonic() - start < 5
    interrupt.join()


def test_a_changed_krb5_conf_is_read_again(login: Login, kdc: Kdc) -> None:
    conf = kdc.write_krb5_conf("changing.conf", kdc="127.0.0.1:1")
    authenticator = login(krb5_conf=conf, keytab=kdc.keytab, principal="etl")
    with pytest.raises(KerberosError):
        authenticator.ticket()
    kdc.write_krb5_conf("changing.conf")
    assert authenticator.ticket().realm == "TEST.LOCAL"
