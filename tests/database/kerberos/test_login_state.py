"""How long a login will work is read from its files; no KDC is asked."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from cockroach_pipelines.config import KerberosConfig
from cockroach_pipelines.database import KerberosCause, login_state
from tests.peers.kdc import Kdc


@pytest.fixture(autouse=True)
def silent_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRB5CCNAME", raising=False)


def test_keytab_of_the_principal_serves_for_ever_while_the_kdc_is_down(kdc: Kdc) -> None:
    with kdc.stopped():
        state = login_state(KerberosConfig(krb5_conf=kdc.krb5_conf, keytab=kdc.keytab, principal=kdc.principal))
    assert (state.source, state.problem, state.expiry) == (f"keytab {kdc.keytab}", None, None)


@pytest.mark.parametrize("renewable", [True, False])
def test_ticket_tells_its_end_and_whether_it_can_be_renewed(kdc: Kdc, tmp_path: Path, renewable: bool) -> None:
    cache = kdc.kinit(tmp_path / "cache", options=("-l", "10m", *(("-r", "1h") if renewable else ())))
    state = login_state(KerberosConfig(krb5_conf=kdc.krb5_conf, ticket_cache=str(cache)))
    assert state.problem is None
    assert state.source == f"ticket cache FILE:{cache}"
    assert state.expiry is not None
    assert dt.timedelta(minutes=9) < state.expiry - dt.datetime.now(dt.UTC) <= dt.timedelta(minutes=10, seconds=2)
    assert state.renewable is renewable


def test_what_is_wrong_with_a_file_is_told(kdc: Kdc, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    (tmp_path / "cache").write_bytes(b"no cache")

    def cause(**settings: object) -> KerberosCause | None:
        config = KerberosConfig.model_validate({"krb5_conf": kdc.krb5_conf, "principal": kdc.principal, **settings})
        problem = login_state(config).problem
        return problem.cause if problem else None

    assert cause(keytab=tmp_path / "absent") is KerberosCause.KEYTAB_MISSING
    assert cause(keytab=tmp_path) is KerberosCause.KEYTAB_CORRUPT
    assert cause(keytab=empty) is KerberosCause.KEYTAB_EMPTY
    assert cause(keytab=kdc.keytab, principal="other@TEST.LOCAL") is KerberosCause.KEYTAB_WITHOUT_PRINCIPAL
    assert cause(ticket_cache=str(tmp_path / "absent")) is KerberosCause.CACHE_MISSING
    assert cause(ticket_cache=str(tmp_path / "cache")) is KerberosCause.CACHE_CORRUPT
    assert cause(ticket_cache="KCM:") is KerberosCause.CACHE_KIND
    assert cause(ticket_cache=str(tmp_path / "absent"), keytab=kdc.keytab) is None  # the keytab serves
    assert cause(krb5_conf=tmp_path / "absent", keytab=kdc.keytab) is KerberosCause.KRB5_CONF_MISSING
    assert cause(jaas_conf=tmp_path / "absent") is KerberosCause.JAAS_FILE_MISSING
