"""Cron expressions that are accepted, and spans that have one."""

from __future__ import annotations

import pytest

from cockroach_pipelines.queries.headers.schedules import check_cron, every_to_cron


@pytest.mark.parametrize(
    ("every", "cron"),
    [
        ("1m", "* * * * *"),
        ("15m", "*/15 * * * *"),
        ("60m", "0 * * * *"),
        ("1h", "0 * * * *"),
        ("6h", "0 */6 * * *"),
        ("24h", "0 0 * * *"),
        ("1d", "0 0 * * *"),
        ("7d", "0 0 * * 1"),
        ("1w", "0 0 * * 1"),
    ],
)
def test_a_span_that_divides_the_hour_or_day_is_a_cron_expression(every: str, cron: str) -> None:
    assert every_to_cron(every) == cron


@pytest.mark.parametrize(
    ("every", "nearest"),
    [("7m", "6m or 10m"), ("90m", "1h or 2h"), ("5h", "4h or 6h"), ("3d", "1d or 1w"), ("5s", "1m"), ("2w", "1w")],
)
def test_another_span_is_refused_with_the_nearest(every: str, nearest: str) -> None:
    with pytest.raises(ValueError, match=f"evenly: write {nearest}$"):
        every_to_cron(every)


@pytest.mark.parametrize(
    "cron", ["* * * * *", "0,30 6-18/2 1 */3 MON-FRI", "5/10 0 * jan sun", "0 0 29 2 *", "0 0 * * 7"]
)
def test_a_cron_expression_of_five_fields_is_kept(cron: str) -> None:
    assert check_cron(cron.replace(" ", "  ")) == cron


@pytest.mark.parametrize(
    ("cron", "reason"),
    [
        ("* * * *", "has 4 fields"),
        ("* * * * * *", "has 6 fields"),
        ("60 * * * *", "'60' is no minute: it goes from 0 to 59"),
        ("* 24 * * *", "'24' is no hour"),
        ("* * 0 * *", "'0' is no day of the month"),
        ("* * * 13 *", "'13' is no month"),
        ("* * * * 8", "'8' is no day of the week"),
        ("* * * * MO", "'MO' is no day of the week"),
        ("5-1 * * * *", "'5-1' runs backwards"),
        ("*/0 * * * *", "the step of '\\*/0' must be from 1 to 59"),
        ("a,,b * * * *", "'a' is no minute"),
        ("1, * * * *", "'' is nothing that the minute"),
        ("٣ * * * *", "'٣' is no minute"),
        ("0 0 30 2 *", "never comes: no such month has a day 30"),
        ("0 0 31 2 MON", "never comes: no such month has a day 31"),
        ("0 0 31 4,6 *", "never comes: no such month has a day 31"),
    ],
)
def test_what_is_no_cron_expression_says_why(cron: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_cron(cron)
