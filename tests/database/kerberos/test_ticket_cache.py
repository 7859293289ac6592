from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from cockroach_pipelines.database.kerberos.krb5_conf import Krb5Conf, locate_krb5_conf
from cockroach_pipelines.database.kerberos.ticket_cache import locate_ticket_cache, read_ticket_cache
from tests.peers.kdc import Kdc

NOTHING_SAID = Krb5Conf(Path("/etc/krb5.conf"), "the default")


@pytest.fixture(autouse=True)
def silent_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRB5CCNAME", raising=False)


def test_a_cache_of_mit_tells_its_principal_and_its_tickets(kdc: Kdc, tmp_path: Path) -> None:
    cache = read_ticket_cache(kdc.kinit(tmp_path / "cache", options=("-l", "10m", "-r", "1h")))
    assert cache.principal == "etl@TEST.LOCAL"
    assert [ticket.server for ticket in cache.tickets] == ["krbtgt/TEST.LOCAL@TEST.LOCAL"]  # MIT's own notes left out
    ticket = cache.ticket_granting_ticket
    assert ticket is not None
    assert ticket.renewable_until is not None
    assert dt.timedelta(minutes=9) < ticket.expiry - dt.datetime.now(dt.UTC) <= dt.timedelta(minutes=10, seconds=2)
    assert ticket.renewable_until - ticket.expiry == dt.timedelta(minutes=50)


def test_a_ticket_that_cannot_be_renewed_says_so(kdc: Kdc, tmp_path: Path) -> None:
    ticket = read_ticket_cache(kdc.kinit(tmp_path / "cache", options=("-l", "10m"))).ticket_granting_ticket
    assert ticket is not None
    assert ticket.renewable_until is None


def test_a_service_ticket_is_no_ticket_granting_ticket(kdc: Kdc, tmp_path: Path) -> None:
    cache = read_ticket_cache(kdc.kinit(tmp_path / "cache", options=("-S", "postgres/localhost")))
    assert [ticket.server for ticket in cache.tickets] == ["postgres/localhost@TEST.LOCAL"]
    assert cache.ticket_granting_ticket is None


def test_every_cut_through_the_ticket_is_refused(kdc: Kdc, tmp_path: Path) -> None:
    whole = kdc.kinit(tmp_path / "cache").read_bytes()
    ticket = whole.index(b"krbtgt")
    cut = tmp_path / "cut"
    for length in (*range(16), *range(ticket, ticket + 200, 7)):
        cut.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"cut off|begins with"):
            read_ticket_cache(cut)


@pytest.mark.parametrize(
    ("name", "kind", "rest"),
    [
        ("/tmp/cache", "FILE", "/tmp/cache"),
        ("FILE:/tmp/cache", "FILE", "/tmp/cache"),
        ("KCM:", "KCM", ""),
        ("KEYRING:persistent:1000", "KEYRING", "persistent:1000"),
        ("DIR:/tmp/caches", "DIR", "/tmp/caches"),
    ],
)
def test_the_kind_of_a_cache_stands_before_its_name(name: str, kind: str, rest: str) -> None:
    location = locate_ticket_cache(name, NOTHING_SAID)
    assert (location.kind, location.rest, location.source) == (kind, rest, "ticket_cache")


def test_the_environment_comes_after_the_configuration_and_before_krb5_conf(monkeypatch: pytest.MonkeyPatch) -> None:
    conf = Krb5Conf(Path("/etc/krb5.conf"), "the default", {"default_ccache_name": "FILE:/c"})
    monkeypatch.setenv("KRB5CCNAME", "FILE:/b")
    assert locate_ticket_cache("/a", conf).rest == "/a"
    assert locate_ticket_cache(None, conf).rest == "/b"
    monkeypatch.delenv("KRB5CCNAME")
    assert locate_ticket_cache(None, conf).rest == "/c"
    assert locate_ticket_cache(None, NOTHING_SAID).rest == f"/tmp/krb5cc_{os.getuid()}"


def test_a_kind_that_krb5_conf_names_is_told_unless_the_customary_file_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = Krb5Conf(Path("/etc/krb5.conf"), "the default", {"default_ccache_name": "KEYRING:persistent:%{uid}"})
    customary = Path(f"/tmp/krb5cc_{os.getuid()}")
    exists = Path.exists
    for found, expected in ((False, f"KEYRING:persistent:{os.getuid()}"), (True, f"FILE:{customary}")):
        monkeypatch.setattr(Path, "exists", lambda path, f=found: f if path == customary else exists(path))
        assert locate_ticket_cache(None, conf).name == expected


def test_krb5_conf_is_read_with_what_it_includes(tmp_path: Path) -> None:
    included = tmp_path / "conf.d"
    included.mkdir()
    (included / "realm.conf").write_text("[realms]\n  A.LOCAL = {\n    kdc = one:88\n    kdc = two\n  }\n")
    (included / "ignored~").write_text("[realms]\n  B.LOCAL = {\n    kdc = three\n  }\n")
    main = tmp_path / "krb5.conf"
    main.write_text(f"# ours\nincludedir {included}\n[libdefaults]\n  default_realm = A.LOCAL\n  kdc_timeout = 2000\n")
    conf = locate_krb5_conf(main)
    assert (conf.default_realm, conf.kdcs) == ("A.LOCAL", {"A.LOCAL": ["one:88", "two"]})


def test_a_krb5_conf_that_includes_itself_is_read_to_an_end(tmp_path: Path) -> None:
    main = tmp_path / "krb5.conf"
    main.write_text(f"include {main}\n[libdefaults]\n  default_realm = A.LOCAL\n")
    assert locate_krb5_conf(main).default_realm == "A.LOCAL"
