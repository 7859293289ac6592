from __future__ import annotations

import struct
from pathlib import Path

import pytest

from cockroach_pipelines.database.kerberos.keytab import KeytabEntry, read_keytab
from tests.peers.kdc import Kdc


def test_principal_key_version_and_type_are_those_that_mit_wrote(kdc: Kdc, tmp_path: Path) -> None:
    keytab = tmp_path / "keytab"
    kdc.add_principal("report/db.test.local", keytab=keytab)
    kdc.kadmin("cpw -randkey report/db.test.local")
    kdc.kadmin(f"ktadd -norandkey -k {keytab} report/db.test.local")
    assert read_keytab(keytab) == [
        KeytabEntry("report/db.test.local@TEST.LOCAL", version, encryption_type)
        for version in (1, 2)
        for encryption_type in ("aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96")
    ]


def test_a_removed_entry_leaves_the_others(kdc: Kdc, tmp_path: Path) -> None:
    keytab = tmp_path / "keytab"
    for name in ("first", "second"):
        kdc.add_principal(name, keytab=keytab)
    kdc.kadmin(f"ktremove -k {keytab} first all")
    assert {entry.principal for entry in read_keytab(keytab)} == {"second@TEST.LOCAL"}


def test_version_1_counts_the_realm_as_a_component(tmp_path: Path) -> None:
    def counted(text: bytes) -> bytes:
        return struct.pack("=H", len(text)) + text

    key = struct.pack("=H", 23) + counted(b"0123456789abcdef")
    entry = struct.pack("=H", 2) + counted(b"OLD.LOCAL") + counted(b"etl") + struct.pack("=IB", 0, 7) + key
    keytab = tmp_path / "keytab"
    keytab.write_bytes(b"\x05\x01" + struct.pack("=i", len(entry)) + entry)
    assert read_keytab(keytab) == [KeytabEntry("etl@OLD.LOCAL", 7, "arcfour-hmac")]


def test_no_length_of_a_cut_off_keytab_is_read_as_a_whole_one(kdc: Kdc, tmp_path: Path) -> None:
    whole = kdc.keytab.read_bytes()
    keytab = tmp_path / "keytab"
    for length in range(6, len(whole) // 2 - 1):
        keytab.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cut off"):
            read_keytab(keytab)


@pytest.mark.parametrize(
    "garbage",
    [b"\x05", b"no keytab at all", b"\x05\x02\x00\x00\x00\x02\x00\x09", b"\x05\x02\x00\x00\x00\x20" + b"\xff" * 32],
)
def test_garbage_is_refused(tmp_path: Path, garbage: bytes) -> None:
    keytab = tmp_path / "keytab"
    keytab.write_bytes(garbage)
    with pytest.raises(ValueError, match=r"begins with|shorter|longer|cut off"):
        read_keytab(keytab)
