"""Where a report goes, as its header says it: a table, people, folders; and how long it is kept."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from cockroach_pipelines.config.models import Model
from cockroach_pipelines.config.suggestions import did_you_mean
from cockroach_pipelines.queries.headers.reporting.values import Names, ReportFormat, as_list, different, said
from cockroach_pipelines.queries.headers.values import Text, at_key
from cockroach_pipelines.queries.parsing.table_names import parse_table_name

_KEEP = re.compile(
    r"(?:keep\s+)?(?:(\d+)\s*(?:days?|d)|(\d+)\s*(?:weeks?|w)|(\d+)\s*(?:years?|y)|(for\s?ever))", re.ASCII
)
_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")


class Occasion(StrEnum):
    """When a report is delivered."""

    ALWAYS = "always"
    ROWS = "rows"
    ALERT = "alert"
    CHANGE = "change"


def _table(text: str) -> str:
    parse_table_name(text)
    return text


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is no address. Write one such as team@example.com.")
    return text


class Into(Model):
    """The table that the result becomes.

    With `key` its rows are upserted. Without, they take the place of all rows; of a partitioned report, of those whose
    `partition` column lies in the partition, or is its key.
    """

    table: Annotated[Text, AfterValidator(_table)]
    key: Names | None = None
    partition: Text | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.key and self.partition:
            raise at_key("partition", "`key` upserts, and `partition` replaces. Keep one of them.")
        return self


class DeliveryRule(Model):
    """Where the files go: `to` is email, webhook, or a path or URL of a folder; `attach` are all `formats` when silent."""

    to: Text
    recipients: Annotated[
        tuple[Annotated[Text, AfterValidator(_address)], ...],
        BeforeValidator(as_list),
        AfterValidator(different),
    ] = ()
    only_if: Occasion = Occasion.ALWAYS
    attach: Annotated[tuple[ReportFormat, ...], BeforeValidator(as_list), AfterValidator(different)] | None = None
    subject: Text | None = None

    @property
    def place(self) -> str | None:
        """The folder, where it is one."""
        return None if self.to in ("email", "webhook") else self.to

    @model_validator(mode="after")
    def _keys_of_its_kind(self) -> Self:
        if self.to == "email" and not self.recipients:
            raise at_key("to", "an e-mail has nobody to go to. Add `recipients: [team@example.com]`.")
        if self.to != "email":
            for key in ("recipients", "subject"):
                if getattr(self, key):
                    raise at_key(key, "is for e-mail. Remove it, or write `to: email`.")
        if self.place and not re.search(r"[/\\:.~]", self.place):
            hint = did_you_mean(self.place, ("email", "webhook"))
            advice = hint if hint.startswith("Did") else f"Write email, webhook, or a folder such as ./{self.place}."
            raise at_key("to", f"{self.place!r} is no way to deliver. {advice}")
        return self


def _keep(value: object) -> object:
    if isinstance(value, dict) and set(value) == {"keep"}:
        value = value["keep"]
    if isinstance(value, str) and (match := _KEEP.fullmatch(value.strip())):
        days, weeks, years, _ = match.groups()
        number = int(days or 0) + 7 * int(weeks or 0) + 365 * int(years or 0)
        if number or not (days or weeks or years):
            return number or None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:  # validated before
        return value
    raise ValueError(f"{said(value)} does not say how long. Write keep 90 days, keep 2 years, or keep forever.")


Keep = Annotated[int | None, BeforeValidator(_keep)]
"""For so many days; None for ever."""
