"""Values as people of a language read them, in the report's time zone."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from cockroach_pipelines.queries.headers.reporting import ColumnFormat, FormatKind
from cockroach_pipelines.reporting.errors import ReportError

_BYTES = ("B", "kB", "MB", "GB", "TB", "PB")
_PLAIN = "#,##0.###"
_NUMBERED = (int, float, Decimal)


class Formatter:
    """Writes values for people.

    What has no format is written as it is: a number with all of its digits, a date as 2013-01-31. A value that its
    format does not fit, such as text in a column of money, is written as it is, too.

    Args:
        locale: Language and country, such as de_AT.
        timezone: Where moments are shown.
    """

    def __init__(self, locale: str, timezone: str) -> None:
        from babel import Locale, UnknownLocaleError

        try:
            self.locale = Locale.parse(locale)
        except (UnknownLocaleError, ValueError) as error:
            raise ReportError(
                f"Nothing is known of the locale {locale!r}.", advice="Write a language, such as de, or en_GB."
            ) from error
        self.timezone = timezone
        self._zone = ZoneInfo(timezone)

    @property
    def language(self) -> str:
        """The tag of the language, as HTML wants it."""
        return str(self.locale).replace("_", "-")

    @property
    def direction(self) -> str:
        """Which way text runs: ltr or rtl."""
        return str(self.locale.text_direction)

    @property
    def number_symbols(self) -> Mapping[str, str]:
        """The decimal point and what stands between thousands."""
        symbols: Mapping[str, Any] = self.locale.number_symbols
        symbols = symbols.get("latn", symbols)
        return {"decimal": str(symbols["decimal"]), "group": str(symbols["group"])}

    @property
    def has_24_hours(self) -> bool:
        """Whether the clock of the language counts to 24."""
        return "a" not in str(self.locale.time_formats["short"].pattern)

    @property
    def time_locale(self) -> dict[str, Any]:
        """The names of days and months, as D3 takes them."""
        days, months = self.locale.days["format"], self.locale.months["format"]
        order = (6, 0, 1, 2, 3, 4, 5)  # from Sunday on
        return {
            "dateTime": "%x, %X",
            "date": "%Y-%m-%d",
            "time": "%H:%M:%S",
            "periods": [str(self.locale.day_periods["format"]["abbreviated"].get(each, each)) for each in ("am", "pm")],
            "days": [str(days["wide"][each]) for each in order],
            "shortDays": [str(days["abbreviated"][each]) for each in order],
            "months": [str(months["wide"][each]) for each in range(1, 13)],
            "shortMonths": [str(months["abbreviated"][each]) for each in range(1, 13)],
        }

    def text(self, value: object, form: ColumnFormat | None = None, unit: str | None = None) -> str:
        """Write a value that is not None."""
        written = self._formatted(value, form) if form else None
        if written is None:
            written = self._plain(value)
        return f"{written} {unit}" if unit else written

    def change(self, change: Decimal) -> str:
        """Write a change as a signed share: +12.3%."""
        from babel.numbers import format_percent

        pattern = self._percent_pattern(".0" if abs(change) < 10 else "")
        said = str(format_percent(change, f"+{pattern};-{pattern}", locale=self.locale))
        return said if any(each in said for each in "123456789") else str(format_percent(0, "0%", locale=self.locale))

    def points(self, difference: Decimal) -> str:
        """Write the difference of two percentages in points: +1.5 pp."""
        from babel.numbers import format_decimal

        return f"{format_decimal(difference * 100, '+#,##0.0;-#,##0.0', self.locale)} pp"

    def local(self, moment: dt.datetime) -> dt.datetime:
        """Give a moment in the report's zone; one without a zone as it is."""
        return moment.astimezone(self._zone) if moment.tzinfo else moment

    def moment(self, moment: dt.datetime) -> str:
        """Write when something happened, with its zone."""
        local = self.local(moment)
        return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname() or ''}".strip()

    def _plain(self, value: object) -> str:
        match value:
            case bool():
                return "true" if value else "false"
            case dt.datetime():
                local = self.local(value)
                seconds = f"{local:%S.%f}".rstrip("0").rstrip(".")
                return f"{local.year:04}-{local:%m-%d %H:%M}" + (f":{seconds}" if seconds != "00" else "")
            case Decimal():
                return f"{value:f}"
            case float():
                return repr(value)
            case bytes():
                return value.hex()
            case list() | tuple():
                return ", ".join("NULL" if each is None else self._plain(each) for each in value)
            case dict():
                return json.dumps(value, default=str, ensure_ascii=False)
            case _:
                return str(value)

    def _formatted(self, value: object, form: ColumnFormat) -> str | None:
        if form.is_number:
            if isinstance(value, bool) or not isinstance(value, _NUMBERED):
                return None
            number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
            return self._number(number, form) if number.is_finite() else str(value)
        if isinstance(value, dt.datetime):
            value = self.local(value)
        return self._date(value, form.kind)

    def _number(self, number: Decimal, form: ColumnFormat) -> str:
        from babel import numbers

        digits = form.digits
        point = f".{'0' * digits}" if digits else ""
        match form.kind:
            case FormatKind.INTEGER:
                return str(numbers.format_decimal(number, "#,##0", self.locale))
            case FormatKind.NUMBER if digits is None:
                return str(numbers.format_decimal(number, _PLAIN, self.locale, decimal_quantization=False))
            case FormatKind.NUMBER:
                return str(numbers.format_decimal(number, f"#,##0{point}", self.locale))
            case FormatKind.PERCENT:
                pattern = self._percent_pattern(point if digits is not None else ".0")
                return str(numbers.format_percent(number, pattern, self.locale))
            case FormatKind.CURRENCY if digits is None:
                return str(numbers.format_currency(number, form.currency, locale=self.locale))
            case FormatKind.CURRENCY:
                pattern = self.locale.currency_formats["standard"].pattern
                pattern = pattern.replace("0.00", f"0{point}")
                return str(numbers.format_currency(number, form.currency, pattern, self.locale, currency_digits=False))
            case FormatKind.COMPACT:
                return str(
                    numbers.format_compact_decimal(
                        number, locale=self.locale, fraction_digits=1 if digits is None else digits
                    )
                )
            case FormatKind.DURATION:
                return _duration(number)
            case _:
                return self._bytes(number)

    def _percent_pattern(self, point: str) -> str:
        pattern = str(self.locale.percent_formats[None].pattern)
        return pattern.replace("0", f"0{point}", 1)

    def _bytes(self, number: Decimal) -> str:
        from babel.numbers import format_decimal

        size, power = number, 0
        while abs(size) >= 1000 and power < len(_BYTES) - 1:
            size, power = size / 1000, power + 1
        return f"{format_decimal(size, '#,##0.#' if power else '#,##0', self.locale)} {_BYTES[power]}"

    def _date(self, value: object, kind: FormatKind) -> str | None:
        from babel import dates

        match kind, value:
            case FormatKind.DATE, dt.date():
                return str(dates.format_date(value, "medium", locale=self.locale))
            case FormatKind.TIME, dt.time() | dt.datetime():
                return str(dates.format_time(value, "short", locale=self.locale))
            case FormatKind.DATETIME, dt.datetime():
                return str(dates.format_datetime(value, "medium", locale=self.locale))
        return None


def _duration(seconds: Decimal) -> str:
    whole = int(abs(seconds).to_integral_value())
    hours, rest = divmod(whole, 3600)
    sign = "-" if seconds < 0 and whole else ""
    return f"{sign}{hours}:{rest // 60:02}:{rest % 60:02}"
