"""What the header of a report says beyond that of every other file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from cockroach_pipelines.config.models import Model
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.headers.models import Header
from cockroach_pipelines.queries.headers.partition import TwoDimensions
from cockroach_pipelines.queries.headers.reporting.comparison import Compare, refuse_comparison
from cockroach_pipelines.queries.headers.reporting.destinations import DeliveryRule, Into, Keep, Occasion
from cockroach_pipelines.queries.headers.reporting.shown import Alert, Chart, ColumnRule, KpiRule, SectionRule
from cockroach_pipelines.queries.headers.reporting.values import Formats, ReportFormat, as_list, short, whole
from cockroach_pipelines.queries.headers.values import Text, at_key, refuse_silence

MOST_ROWS_SHOWN = 5_000
_LOCALE = re.compile(r"[a-z]{2,3}(?:[_-][A-Z][a-z]{3})?(?:[_-](?:[A-Z]{2}|\d{3}))?")


def _locale(text: str) -> str:
    if not _LOCALE.fullmatch(text):
        raise ValueError(f"{text!r} is no locale. Write a language with or without a country, such as de or en_GB.")
    from babel import Locale, UnknownLocaleError
    from babel.localedata import locale_identifiers

    written = text.replace("-", "_")
    try:
        Locale.parse(written)
    except (UnknownLocaleError, ValueError) as error:
        hint = did_you_mean(written, locale_identifiers())
        advice = hint if hint.startswith("Did") else "Write a language with or without a country, such as de or en_GB."
        raise ValueError(f"nothing is known of the locale {text!r}. {advice}") from error
    return written


class ReportRules(Model):
    """What becomes of a report's rows."""

    formats: Formats = (ReportFormat.HTML,)
    title: Text | None = None
    text: Text | None = None
    locale: Annotated[Text, AfterValidator(_locale)] = "en"
    columns: dict[Text, Annotated[ColumnRule, short("format", str)]] = Field(default_factory=dict)
    chart: Annotated[tuple[Chart, ...], BeforeValidator(as_list)] = ()
    compare: Annotated[Compare, short("to", str)] | None = None
    kpis: dict[Text, Annotated[KpiRule, short("value", str)]] = Field(default_factory=dict)
    sections: dict[Text, Annotated[SectionRule, short("title", str)]] = Field(default_factory=dict)
    rows: Annotated[int, whole(0, MOST_ROWS_SHOWN)] = 500
    snapshot: Keep = None
    into: Annotated[Into, short("table", str)] | None = None
    deliver: Annotated[tuple[Annotated[DeliveryRule, short("to", str)], ...], BeforeValidator(as_list)] = ()

    @property
    def alerts(self) -> Iterator[tuple[tuple[str, str], Alert]]:
        """Give every alert with the way to what it watches."""
        for key in ("kpis", "columns"):
            for name, rule in getattr(self, key).items():
                if rule.alert:
                    yield (key, name), rule.alert

    @property
    def compares_rows(self) -> bool:
        """Whether rows are compared, and not figures alone."""
        return any(
            rule.change or (rule.alert is not None and rule.alert.needs_comparison) for rule in self.columns.values()
        )

    @model_validator(mode="before")
    @classmethod
    def _nothing_stays_silent(cls, values: Any) -> Any:
        return refuse_silence(values, cls.model_fields)

    @model_validator(mode="after")
    def _changes_with_comparison(self) -> Self:
        if self.compare is None:
            for (key, name), alert in self.alerts:
                if alert.needs_comparison:
                    raise at_key(
                        f"{key}|{name}|alert", "looks at a change. Add `compare: 7 days`, or what it is since."
                    )
            if changed := next((name for name, rule in self.columns.items() if rule.change), None):
                raise at_key(f"columns|{changed}|change", "has nothing to compare with. Add `compare: 7 days`.")
        return self

    @model_validator(mode="after")
    def _deliveries_that_can_happen(self) -> Self:
        for number, rule in enumerate(self.deliver):
            if missing := next((each for each in rule.attach or () if each not in self.formats), None):
                raise at_key(f"deliver|{number}|attach", f"{missing.value} is not among `formats`. Add it there.")
            if rule.only_if is Occasion.ALERT and not any(True for _ in self.alerts):
                raise at_key(f"deliver|{number}|only_if", "there is no alert. Add one to a column or a figure.")
        return self


class ReportingHeader(Header):
    """What the author says of a report; without `report` its rows are kept as Parquet and nothing else."""

    report: ReportRules | None = None

    @model_validator(mode="before")
    @classmethod
    def _report_says_something(cls, values: Any) -> Any:
        if isinstance(values, dict) and "report" in values and values["report"] is None:
            raise at_key("report", "has no value. Write `report: {formats: [html]}`, or remove the key.")
        return values

    @model_validator(mode="after")
    def _fits_its_partitions(self) -> Self:
        if self.report is None:
            return self
        if compare := self.report.compare:
            refuse_comparison(compare, self.partition)
        if (into := self.report.into) and self.partition and not (into.key or into.partition):
            raise at_key(
                "report|into",
                "each partition would take the place of all others. Add `key: [...]` to upsert, or `partition: column`.",
            )
        if into and into.partition and not self.partition:
            raise at_key("report|into|partition", "the file has no partitions. Remove it.")
        if into and into.partition and isinstance(self.partition, TwoDimensions):
            raise at_key(
                "report|into|partition",
                "one column cannot tell partitions of two dimensions apart. Write `key: [...]` instead.",
            )
        return self


REPORTING_KEYS = tuple(name for name in ReportingHeader.model_fields if name not in Header.model_fields)
"""Keys that no other file has."""
