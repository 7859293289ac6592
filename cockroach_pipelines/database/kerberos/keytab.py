"""What is inside a keytab, without its keys."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_NATIVE_ORDER, _BIG_ENDIAN = b"\x05\x01", b"\x05\x02"

_ENCRYPTION_TYPES = {
    1: "des-cbc-crc",
    3: "des-cbc-md5",
    16: "des3-cbc-sha1",
    17: "aes128-cts-hmac-sha1-96",
    18: "aes256-cts-hmac-sha1-96",
    19: "aes128-cts-hmac-sha256-128",
    20: "aes256-cts-hmac-sha384-192",
    23: "arcfour-hmac",
}


@dataclass(frozen=True)
class KeytabEntry:
    """Whose key an entry holds, its version number and its type; the key itself is not read."""

    principal: str
    version: int
    encryption_type: str


def read_keytab(path: Path) -> list[KeytabEntry]:
    """Read the entries of a keytab in MIT's format, versions 1 and 2.

    Java has one message for a keytab that is missing, unreadable, empty, corrupt or somebody else's; this tells which.
    Format: https://web.mit.edu/kerberos/krb5-latest/doc/formats/keytab_file_format.html

    Raises:
        OSError: The file cannot be read.
        ValueError: The file is no keytab, or is cut off.
    """
    data = path.read_bytes()
    if not data:
        return []
    magic = data[:2]
    if magic not in (_NATIVE_ORDER, _BIG_ENDIAN):
        raise ValueError(f"it begins with {magic.hex(' ')}, a keytab with 05 02")
    order = ">" if magic == _BIG_ENDIAN else "="
    entries = []
    position = 2
    while position + 4 <= len(data):
        (size,) = struct.unpack_from(f"{order}i", data, position)
        position += 4
        if size == 0:
            break
        if position + abs(size) > len(data):
            raise ValueError(f"the entry at byte {position} is cut off")
        if size > 0:  # a negative size marks a hole that a removed entry left
            entries.append(_read_entry(data[position : position + size], order))
        position += abs(size)
    return entries


def _read_entry(entry: bytes, order: str) -> KeytabEntry:
    try:
        return _unpack_entry(entry, order)
    except struct.error as error:
        raise ValueError("an entry is shorter than it says") from error


def _unpack_entry(entry: bytes, order: str) -> KeytabEntry:
    position = 0

    def number(code: str) -> int:
        nonlocal position
        (value,) = struct.unpack_from(f"{order}{code}", entry, position)
        position += struct.calcsize(f"{order}{code}")
        return int(value)

    def text() -> str:
        nonlocal position
        length = number("H")
        position += length
        if position > len(entry):
            raise ValueError("a name is longer than its entry")
        return entry[position - length : position].decode(errors="replace")

    second_version = order == ">"
    components = number("H") - (0 if second_version else 1)  # version 1 counts the realm too
    realm = text()
    name = "/".join(text() for _ in range(components))
    if second_version:
        number("I")  # type of the name
    number("I")  # when it was written
    version = number("B")
    encryption_type = number("H")
    key_length = number("H")
    position += key_length
    if position > len(entry):
        raise ValueError("a key is longer than its entry")
    if position + 4 <= len(entry):
        version = number("I") or version
    known = _ENCRYPTION_TYPES.get(encryption_type, f"encryption type {encryption_type}")
    return KeytabEntry(f"{name}@{realm}", version, known)
