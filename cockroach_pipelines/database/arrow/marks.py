"""The characters that separate and quote the values of a CSV."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Marks:
    """What stands between two values, and around a value with a mark or the end of a line in it."""

    separator: str = ","
    quote: str = '"'

    @property
    def copy_format(self) -> str:
        """What a COPY is told; the usual marks go without saying, since CockroachDB does not know QUOTE."""
        if self == USUAL:
            return "FORMAT csv"
        return f"FORMAT csv, DELIMITER E'\\x{ord(self.separator):02x}', QUOTE E'\\x{ord(self.quote):02x}'"


USUAL = Marks()
# Text with commas and quotes, JSON above all, then travels as it stands, which spares the server and the reader a look at
# each character. Where a processor has no comparison of many bytes with four, Arrow hashes them to their lowest six bits,
# which these two share with no letter and no digit.
RARE = Marks("\x1f", "\x1e")
