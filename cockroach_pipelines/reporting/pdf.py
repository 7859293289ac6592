"""A report as PDF, by WeasyPrint: `pip install cockroach_pipelines[pdf]`."""

from __future__ import annotations

import logging
from typing import Any

from cockroach_pipelines.queries.headers.reporting import ReportRules
from cockroach_pipelines.reporting.html import page
from cockroach_pipelines.reporting.model import Report
from cockroach_pipelines.reporting.preconditions import require_weasyprint


def pdf(report: Report, rules: ReportRules) -> bytes:
    """Give a report as PDF.

    Raises:
        ConfigurationError: WeasyPrint, or a library of the system that it needs, is not installed.
    """
    require_weasyprint()
    from weasyprint import HTML
    from weasyprint.urls import URLFetcher

    # It warns of every rule that is for browsers alone.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    document: Any = HTML(string=page(report, rules, printed=True), url_fetcher=URLFetcher(allowed_protocols=["data"]))
    return bytes(document.write_pdf())
