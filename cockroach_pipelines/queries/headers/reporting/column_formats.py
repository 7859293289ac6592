"""How a report shows the values of a column, as its header says it: `eur`, `percent(1)`, `date`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from cockroach_pipelines.config.suggestions import did_you_mean

_WRITTEN = re.compile(r"([A-Za-z_]+)\s*(?:\(\s*(\d{1,2})\s*\))?", re.ASCII)

_CODES = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
    COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR
    ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK
    MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF
    SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU
    UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = frozenset(_CODES.split())
"""The currencies of ISO 4217."""


class FormatKind(StrEnum):
    """What a format makes of a value."""

    INTEGER = "integer"
    NUMBER = "number"
    PERCENT = "percent"
    COMPACT = "compact"
    BYTES = "bytes"
    CURRENCY = "currency"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    DURATION = "duration"
    TEXT = "text"
    SPARKLINE = "sparkline"


_WITH_DIGITS = frozenset({FormatKind.NUMBER, FormatKind.PERCENT, FormatKind.CURRENCY, FormatKind.COMPACT})
_WORDS = tuple(kind.value for kind in FormatKind if kind is not FormatKind.CURRENCY)


@dataclass(frozen=True)
class ColumnFormat:
    """A format: its kind, digits after the point where it says how many, and the currency of an amount of money."""

    kind: FormatKind
    digits: int | None = None
    currency: str = ""

    @property
    def is_number(self) -> bool:
        """Whether it is for numbers."""
        return self.kind in _WITH_DIGITS or self.kind in (FormatKind.INTEGER, FormatKind.BYTES, FormatKind.DURATION)


def parse_format(text: str) -> ColumnFormat:
    """Read a format: a word, with the digits after the point in parentheses where it takes them, or a currency's code.

    Raises:
        ValueError: The text is none.
    """
    match = _WRITTEN.fullmatch(text.strip())
    word = match[1] if match else text
    digits = int(match[2]) if match and match[2] else None
    if match and word.upper() in CURRENCIES:
        return ColumnFormat(FormatKind.CURRENCY, digits, word.upper())
    if match is None or word.lower() not in _WORDS:
        raise ValueError(f"{text!r} is no format. {_proposal(word)}")
    kind = FormatKind(word.lower())
    if digits is not None and kind not in _WITH_DIGITS:
        raise ValueError(f"{kind.value!r} takes no digits. Write {kind.value}, or number({digits}).")
    return ColumnFormat(kind, digits)


def _proposal(word: str) -> str:
    hint = did_you_mean(word, _WORDS)
    if hint.startswith("Did"):
        return hint
    return f"Write one of {', '.join(_WORDS)}, with digits as in number(2), or a currency such as eur."
