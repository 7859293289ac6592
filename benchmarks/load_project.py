"""A project of many SQL files of every kind, as they are in a company: most are reports, many are partitioned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_TEAMS = 20

_REPORT = """/* @asset
description: Revenue of table {number}, per shop.
owner: team:team_{team}
tags: {{domain: sales}}
checks:
  not_null: [shop]
  one_row_per_shop: SELECT shop FROM result GROUP BY shop HAVING count(*) > 1
*/
SELECT t.shop, s.name, count(*) AS orders, round(sum(t.amount), 2) AS revenue
FROM clean.orders_{source} AS t
JOIN shops AS s ON s.id = t.shop
WHERE t.amount > 0 AND NOT t.deleted
GROUP BY t.shop, s.name
ORDER BY revenue DESC, t.shop;
"""
_DAILY = """/* @asset
description: Orders of table {number}, per hour of the day.
owner: [team:team_{team}, ann@example.com]
{schedule}timezone: Europe/Berlin
partition: {{every: day, from: 2024-01-01}}
params: {{least: {{type: decimal, default: 0}}}}
*/
WITH kept AS (
    SELECT date_trunc('hour', sold_at) AS hour, amount FROM clean.orders_{source}
    WHERE sold_at >= :partition_start AND sold_at < :partition_end AND amount > :least
)
SELECT hour, count(*) AS orders, avg(amount) AS mean FROM kept GROUP BY hour ORDER BY hour;
"""
_PLAIN = """-- Orders of table {number} that nobody paid.
SELECT id, shop, amount FROM clean.orders_{source} WHERE paid_at IS NULL;
"""
_DIFFERENCES = """/* @asset
expect: {{warn: 0, error: 100}}
owner: team:team_{team}
*/
SELECT o.id FROM clean.orders_{source} AS o LEFT JOIN shops AS s ON s.id = o.shop WHERE s.id IS NULL;
"""
_COMPARISON = """/* @asset
source: clean.orders_{source}
target: {{table: copies.orders_{source}, where: NOT deleted}}
key: id
tolerance: {{amount: 0.01}}
*/
"""
_MAINTENANCE = """/* @asset
description: Clean orders of shop {number}.
owner: team:team_{team}
idempotent: true
*/
INSERT INTO clean.orders_{number} (id, shop, amount, sold_at)
SELECT id, shop, amount, sold_at FROM raw.orders_{number} WHERE amount IS NOT NULL
ON CONFLICT (id) DO NOTHING;
"""
KINDS = (
    ("reporting", _REPORT),
    ("reporting", _DAILY),
    ("maintenance", _MAINTENANCE),
    ("reporting", _PLAIN),
    ("reconciliation", _DIFFERENCES),
    ("reporting", _REPORT),
    ("maintenance", _MAINTENANCE),
    ("reporting", _DAILY),
    ("reconciliation", _COMPARISON),
    ("reporting", _REPORT),
)


def make_project(folder: Path, files: int, *, schedules: bool = False) -> Path:
    """Write a project whose server nobody connects to, and give its configuration.

    Args:
        folder: Where.
        files: How many SQL files.
        schedules: Whether the daily reports, a fifth of all, have schedules.
    """
    for number in range(files):
        kind, text = KINDS[number % len(KINDS)]
        team = number % _TEAMS
        path = folder / "sql" / "queries" / kind / f"team_{team}" / f"file_{number}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        schedule = 'cron: "0 6 * * *"\n' if schedules else ""
        path.write_text(text.format(number=number, team=team, source=number // 10 * 10 + 2, schedule=schedule))
    return write_config(folder, {"host": "db.example.com", "user": "etl"})


def make_trivial_project(folder: Path, files: int, connection: Mapping[str, object]) -> Path:
    """Write a project of reports that cost a server nothing, and give its configuration."""
    reports = folder / "sql" / "queries" / "reporting"
    reports.mkdir(parents=True)
    for number in range(files):
        (reports / f"trivial_{number}.sql").write_text(f"SELECT {number} AS number")
    return write_config(folder, connection)


def write_config(folder: Path, connection: Mapping[str, object]) -> Path:
    """Write a configuration with one connection."""
    path = folder / "config.yaml"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"connections": {"main": dict(connection)}}))
    return path
