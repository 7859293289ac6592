"""How fresh a result has to be, in Dagster's terms."""

from datetime import timedelta

import dagster as dg

from cockroach_pipelines.queries.headers import Header


def freshness_policy(header: Header) -> dg.FreshnessPolicy | None:
    """Give the policy of a header's `fresh`, None without; of a file with partitions the newest materialization counts."""
    fresh = header.fresh
    if fresh is None:
        return None
    if fresh.by is not None:
        return dg.FreshnessPolicy.cron(
            deadline_cron=fresh.by,
            lower_bound_delta=timedelta(seconds=fresh.before_deadline),
            timezone=fresh.timezone or header.effective_timezone,
        )
    return dg.FreshnessPolicy.time_window(
        fail_window=timedelta(seconds=fresh.within or 0),
        warn_window=timedelta(seconds=fresh.warn) if fresh.warn else None,
    )
