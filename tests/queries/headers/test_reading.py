"""The `/* @asset … */` header: what it means, and the exact words of each refusal."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from cockroach_pipelines.database import AsOf
from cockroach_pipelines.queries import Header, PartitionEvery, Severity
from cockroach_pipelines.queries.files.source import SourceText
from cockroach_pipelines.queries.headers.reading import ReadHeader, read_header


def read(text: str) -> ReadHeader[Header]:
    return read_header(SourceText(Path("f.sql"), text), Header)


def header_of(yaml: str) -> Header:
    result = read(f"/* @asset\n{yaml}\n*/\nSELECT 1")
    assert not result.problems
    assert result.header
    return result.header


def problems_of(yaml: str) -> list[str]:
    return [str(problem) for problem in read(f"/* @asset\n{yaml}\n*/\nSELECT 1").problems]


def test_a_header_says_everything_about_a_query() -> None:
    header = header_of(
        """
description: Departures and mean delay per carrier and day.
owner: [team:network, ada@example.com]
tags: {domain: flights, dagster/kind/x: ""}
connection: replica
cron: "0 6 * * MON-FRI"
timezone: America/New_York
partition: {every: day, from: 2013-01-01, to: 2014-01-01}
params:
  carrier: text
  ratio: {type: decimal, default: 0.10, description: Share of late flights.}
  ids: {type: "integer[]", default: [1, 2]}
checks:
  one_row_per_carrier: SELECT carrier FROM result GROUP BY carrier HAVING count(*) > 1
  no_delay: {sql: SELECT 1, severity: warn, blocking: true, description: Never late.}
timeout: 5m
depends_on: [maintenance/purge, other/python_asset]
"""
    )
    assert header.owners == ("team:network", "ada@example.com")
    assert header.cron_schedule == "0 6 * * MON-FRI"
    assert header.connection == "replica"
    assert header.timeout == 300
    assert header.depends_on == ("maintenance/purge", "other/python_asset")
    assert header.partition
    assert header.partition.every is PartitionEvery.DAY
    assert (header.partition.start, header.partition.end) == (dt.date(2013, 1, 1), dt.date(2014, 1, 1))
    assert header.partition.timezone == "America/New_York"
    assert header.params["carrier"].required
    assert header.params["ratio"].default == decimal.Decimal("0.10")
    assert header.params["ids"].default == [1, 2]
    assert header.checks.queries["one_row_per_carrier"].severity is Severity.ERROR
    assert not header.checks.queries["one_row_per_carrier"].blocking
    assert header.checks.queries["no_delay"].severity is Severity.WARN
    assert header.checks.queries["no_delay"].blocking


def test_a_header_says_how_often_and_as_of_when() -> None:
    header = header_of("retries: 0\nidempotent: true\nas_of: -5m")
    assert (header.retries, header.idempotent) == (0, True)
    assert header.as_of == AsOf("'-300s'")
    assert header_of("as_of: 2024-01-31T12:00:00Z").as_of == AsOf("'2024-01-31 12:00:00.000000+00:00'")
    assert header_of("as_of: follower_read").as_of == AsOf("follower_read_timestamp()")
    assert header_of("as_of: 1700000000000000000.0000000001").as_of == AsOf("'1700000000000000000.0000000001'")


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("retries: -1", "f.sql:2:10: `retries`: -1 is no number of retries: write 0 for none, or up to 100."),
        ("retries: true", "f.sql:2:10: `retries`: True is no number of retries: write 0 for none, or up to 100."),
        ("retries: often", "f.sql:2:10: `retries`: 'often' is no number of retries: write 0 for none, or up to 100."),
        ("idempotent: maybe", "f.sql:2:13: `idempotent`: 'maybe' is neither true nor false."),
        (
            "as_of: yesterday",
            "f.sql:2:8: `as_of`: 'yesterday' is no moment: write -10s, -5m, -2h, 2024-01-31T12:00:00Z, or follower_read.",
        ),
        (
            "as_of: 2024-01-31 12:00:00",
            "f.sql:2:8: `as_of`: '2024-01-31T12:00:00' has no time zone: add Z for UTC, or an offset such as +02:00.",
        ),
        (
            "as_of: -10s' OR 1",
            'f.sql:2:8: `as_of`: "-10s\' OR 1" is no moment: write -10s, -5m, -2h, 2024-01-31T12:00:00Z, or follower_read.',
        ),
        ("as_off: -10s", "f.sql:2:1: Unknown key 'as_off'.\nDid you mean 'as_of'?"),
    ],
)
def test_wrong_retries_and_moments_are_refused_at_their_place(yaml: str, problem: str) -> None:
    assert problems_of(yaml) == [problem]


def test_a_file_without_a_header_has_the_defaults() -> None:
    header = read("SELECT 1").header
    assert header == Header()
    assert header.connection == "main"
    assert header.cron_schedule is None


def test_a_header_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Header().connection = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "text",
    [
        "/* @asset description: x */ SELECT 1",
        "/* @asset {description: x} */SELECT 1",
        "/*@asset\r\ndescription: x\r\n*/\r\nSELECT 1",
        "-- licence\n/* more licence /* nested */ */\n/** @asset\ndescription: x\n*/ SELECT 1",
    ],
)
def test_the_header_is_the_first_comment_that_says_so(text: str) -> None:
    result = read(text)
    assert not result.problems
    assert result.header
    assert result.header.description == "x"
    assert result.statement.text.strip() == "SELECT 1"


def test_partitions_take_the_zone_of_the_file_unless_they_say_another() -> None:
    assert header_of("partition: {every: day, from: 2013-01-01}").partition.timezone == "UTC"  # type: ignore[union-attr]
    both = header_of("timezone: Asia/Tokyo\npartition: {every: day, from: 2013-01-01, timezone: Europe/Paris}")
    assert both.partition.timezone == "Europe/Paris"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("yaml", "offset"),
    [
        ("{every: day, from: 2013-01-01}", 0),
        ("{every: week, from: 2013-01-01}", 2),
        ("{every: week, from: 2013-01-06, to: 2013-01-20}", 0),
        ("{every: month, from: 2013-01-15, to: 2014-01-15}", 15),
    ],
)
def test_weeks_and_months_begin_on_the_day_of_the_first(yaml: str, offset: int) -> None:
    assert header_of(f"partition: {yaml}").partition.day_offset == offset  # type: ignore[union-attr]


QUOTES = "Indent with spaces, and put values that hold `: `, ` #`, or begin with one of @ ` % * & ! | > [ { in quotes."
KEYS = ", ".join(sorted(field.alias or name for name, field in Header.model_fields.items()))


@pytest.mark.parametrize(
    ("yaml", "problems"),
    [
        ("descripton: x", ["f.sql:2:1: Unknown key 'descripton'.\nDid you mean 'description'?"]),
        ("zzz: x", [f"f.sql:2:1: Unknown key 'zzz'.\nKnown here: {KEYS}."]),
        ("description: 2013", ["f.sql:2:14: `description`: expected text, found the number 2013; put it in quotes."]),
        ("description: yes", ["f.sql:2:14: `description`: expected text, found the boolean true; put it in quotes."]),
        ("description: ''", ["f.sql:2:14: `description`: is empty: write something, or remove the key."]),
        ("owner: bob", ["f.sql:2:8: `owner.0`: 'bob' is no owner: write an e-mail address, or team:name."]),
        (
            "tags: {a b: c, d: 1, e: x y}",
            [
                "f.sql:2:8: `tags`: 'a b' cannot be a tag: use at most 63 letters, digits, `_`, `-` and `.`.",
                "f.sql:2:19: `tags.d`: expected text, found the number 1; put it in quotes.",
                "f.sql:2:25: `tags.e`: 'x y' cannot be the value of a tag: use at most 63 letters, digits, `_`, `-` and `.`.",
            ],
        ),
        ("tags: [a]", ["f.sql:2:7: `tags`: expected a mapping of keys to values, found a list."]),
        ("cron: 61 * * * *", ["f.sql:2:7: `cron`: '61' is no minute: it goes from 0 to 59."]),
        ("cron: 0 0 31 2 *", ["f.sql:2:7: `cron`: '0 0 31 2 *' never comes: no such month has a day 31."]),
        (
            'cron: "@daily"',
            [
                "f.sql:2:7: `cron`: '@daily' has 1 fields, and a cron expression has five: "
                "minute, hour, day of the month, month, day of the week."
            ],
        ),
        (
            'cron: "*/15 * * * *"',
            [
                "f.sql:2:8: The `*/` in this value ends the SQL comment, and with it the header.\n"
                "Write every: 15m instead."
            ],
        ),
        (
            "cron: 0 */6 * * *\ndescription: x",
            [
                "f.sql:2:9: The `*/` in this value ends the SQL comment, and with it the header.\n"
                "Write every: 6h instead."
            ],
        ),
        (
            "cron: '*/20 9-17 * * MON'",
            [
                "f.sql:2:8: The `*/` in this value ends the SQL comment, and with it the header.\n"
                'Write cron: "0,20,40 9-17 * * MON" instead.'
            ],
        ),
        (
            "description: see a*/b",
            [
                "f.sql:2:19: The `*/` in this value ends the SQL comment, and with it the header.\n"
                "Write the value without `*/`."
            ],
        ),
        (
            "description: /data/*",
            [
                "f.sql:2:19: `/*` within the header begins a comment inside the comment.\n"
                "Databases nest comments, so the header would end elsewhere: write the value without `/*`."
            ],
        ),
        ("every: 45m", ["f.sql:2:8: `every`: '45m' divides neither the hour nor the day evenly: write 30m or 1h."]),
        ("every: 2d", ["f.sql:2:8: `every`: '2d' divides neither the hour nor the day evenly: write 1d or 1w."]),
        ("every: 30s", ["f.sql:2:8: `every`: '30s' divides neither the hour nor the day evenly: write 1m."]),
        (
            "every: hourly",
            ["f.sql:2:8: `every`: 'hourly' is no span of time with its unit: write 15m, 1h, 6h, 1d or 1w."],
        ),
        (
            "cron: 0 6 * * *\nevery: 1h",
            ["f.sql:3:1: `every`: `cron` and `every` exclude each other: keep one of them."],
        ),
        (
            "timezone: Europe/Berln",
            ["f.sql:2:11: `timezone`: 'Europe/Berln' is no time zone.\nDid you mean 'Europe/Berlin'?"],
        ),
        (
            "timezone: '+02:00'",
            [
                "f.sql:2:11: `timezone`: '+02:00' is no time zone.\n"
                "Names are those of the IANA database, such as UTC or Europe/Berlin."
            ],
        ),
        (
            "partition: {evry: day, from: 2013-01-01}",
            [
                "f.sql:2:1: `partition.every` is missing.\nAdd `every: …`.",
                "f.sql:2:13: Unknown key 'evry' of partition.\nDid you mean 'every'?",
            ],
        ),
        (
            "partition: {every: dayly, from: 2013-13-01, to: 2014}",
            [
                "f.sql:2:20: `partition.every`: 'dayly' is none of hour, day, week, month.\nDid you mean 'day'?",
                "f.sql:2:33: '2013-13-01' cannot be read: month must be in 1..12.\nPut it in quotes if it is text.",
                "f.sql:2:49: `partition.to`: '2014' is no date such as 2013-01-31.",
            ],
        ),
        (
            "partition: {every: day, from: 2013-01-02, to: 2013-01-02}",
            ["f.sql:2:43: `partition.to`: 2013-01-02 is not after 2013-01-02: `to` is the day after the last partition."],
        ),
        (
            "partition: {every: week, from: 2013-01-01, to: 2014-01-01}",
            [
                "f.sql:2:44: `partition.to`: 2014-01-01 cuts a week: "
                "those from 2013-01-01 on end on 2013-12-31 or 2014-01-07."
            ],
        ),
        (
            "partition: {every: month, from: 2013-01-31}",
            ["f.sql:2:27: `partition.from`: not every month has a day 31: begin on one of the first 28."],
        ),
        (
            "partition: {every: day, from: 0001-01-01}",
            ["f.sql:2:25: `partition.from`: 0001-01-01 is before 1900: windows of time begin then at the earliest."],
        ),
        (
            "partition: {every: day, from: 2013-01-01, to: 9999-12-31}",
            ["f.sql:2:43: `partition.to`: 9999-12-31 is after 9000: leave `to` out of windows that go on."],
        ),
        (
            "params: {x: itneger, 1a: text, y: {type: integer, default: abc}, partition_start: date}",
            [
                "f.sql:2:13: `params.x.type`: 'itneger' is no type of a parameter.\nDid you mean 'integer'?",
                "f.sql:2:22: `params`: '1a' cannot name a parameter: use letters, digits and underscores, a letter first.",
                "f.sql:2:35: `params.y`: 'abc' is no integer from -2^63 to 2^63-1.",
                "f.sql:2:66: `params`: 'partition_start' comes from the partition: remove it, and declare `partition`.",
            ],
        ),
        (
            "checks: {a-b: SELECT 1, c: {severity: warm, sql: SELECT 1, blocking: 3}}",
            [
                "f.sql:2:10: `checks`: 'a-b' cannot name a check: use letters, digits and underscores.",
                "f.sql:2:39: `checks.c.severity`: 'warm' is none of warn, error.\nDid you mean 'warn'?",
                "f.sql:2:70: `checks.c.blocking`: 3 is neither true nor false.",
            ],
        ),
        (
            "checks: {one: SELECT a, b FROM result}",
            [
                "f.sql:2:25: `checks`: 'b FROM result' cannot name a check: use letters, digits and underscores.\n"
                "SQL that holds a comma needs quotes within { }.",
                "f.sql:2:38: `checks.b FROM result`: expected a mapping of keys to values, found nothing.",
            ],
        ),
        (
            "timeout: yes",
            ["f.sql:2:10: `timeout`: 'true' is no span of time: write a number of seconds, or 20s, 5m, 2h."],
        ),
        ("timeout: -3", ["f.sql:2:10: `timeout`: expected a number above 0, found the number -3."]),
        (
            "depends_on: [reporting/x, a b]",
            [
                "f.sql:2:27: `depends_on.1`: 'a b' is no asset: "
                "write its path, such as reporting/finance/daily_revenue."
            ],
        ),
        # YAML itself
        ("\tdescription: x", ["f.sql:2:1: A tab indents this line.\nYAML is indented by spaces: replace the tab."]),
        (
            "description: x\ndescription: y",
            ["f.sql:3:1: The key 'description' stands here a second time; the first is in line 2.\nKeep one of them."],
        ),
        (
            "- a",
            [
                "f.sql:2:1: The header is no mapping of keys to values.\n"
                "Write one `key: value` per line, such as `description: Flights per day.`"
            ],
        ),
        (
            "description: a: b",
            [f"f.sql:2:15: The header is no valid YAML: mapping values are not allowed in this context.\n{QUOTES}"],
        ),
        (
            "description: *x",
            [
                "f.sql:2:14: Anchors (&) and aliases (*) are not read here.\n"
                "Put a value that begins with * or & in quotes."
            ],
        ),
        (
            "description: !!binary aGk=",
            [
                "f.sql:2:14: 'aGk=' cannot be read: the tag binary is not read here.\nPut it in quotes if it is text."
            ],
        ),
        ("description: \x07", ["f.sql:2:14: YAML allows no '\\x07'.\nRemove the character."]),
        (
            f"description: {'[' * 40}",
            ["f.sql:2:33: The header is nested too deeply.\nNo key needs more than three levels."],
        ),
        ("? [a]\n: b", ["f.sql:2:3: A key is a list or a mapping.\nKeys are plain words."]),
        (
            "description: é\nownr: team:x\nzone: UTC",
            [
                "f.sql:3:1: Unknown key 'ownr'.\nDid you mean 'owner'?",
                "f.sql:4:1: Unknown key 'zone'.\nDid you mean 'timezone'?",
            ],
        ),
    ],
)  # fmt: skip
def test_each_wrong_key_and_value_is_refused_at_its_place(yaml: str, problems: list[str]) -> None:
    assert problems_of(yaml) == problems


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("/* @aset\n*/ SELECT 1", "f.sql:1:4: @aset is no kind of header.\nDid you mean '@asset'?"),
        (
            "/* @template\n*/ SELECT 1",
            "f.sql:1:4: A header of kind @template belongs below sql/templates.\nWrite @asset here.",
        ),
        (
            "-- x\n-- @asset\nSELECT 1",
            "f.sql:2:1: `-- @asset` is no header.\n"
            "Write it as a block: `/* @asset`, the keys line by line, and `*/` on a line of its own.",
        ),
        (
            "SELECT 1\n/* @asset\n*/",
            "f.sql:2:4: The header stands after the statement has begun.\nMove it to the top of the file.",
        ),
        (
            "/* @asset\ndescription: x\n",
            "f.sql:1:1: The header never ends.\nClose it with `*/` on a line of its own.",
        ),
    ],
)
def test_a_header_that_is_none_is_refused(text: str, problem: str) -> None:
    assert [str(each) for each in read(text).problems] == [problem]


def test_a_header_as_big_as_a_book_is_refused() -> None:
    (problem,) = problems_of(f"description: {'x' * 70_000}")
    assert problem.startswith("f.sql:1:10: The header has 70,015 characters, and at most 65,536 are read.")


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("null", "null"), ('"null"', "null"), ("clamp", "clamp"), ("text", "text"), ("error", "error")],
)
def test_special_takes_the_policies_and_the_word_null_means_what_it_says(written: str, read_as: str) -> None:
    assert header_of(f"special: {written}").special == read_as
    assert header_of("description: x").special == "error"


def test_special_without_a_value_or_with_an_unknown_one_is_refused() -> None:
    (blank,) = problems_of("special:")
    assert "`special`: has no value" in blank
    assert "Write one of error, null, clamp, text" in blank
    (unknown,) = problems_of("special: nul")
    assert "'nul' is none of error, null, clamp, text" in unknown
    assert "Did you mean 'null'?" in unknown
