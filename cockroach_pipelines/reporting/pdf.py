"""A report as PDF, by WeasyPrint: `pip install cockroach_pipelines[pdf]`."""

from __future__ import annotations

import logging
from typing import Any

from cockroach_pipelines.config import ConfigurationError
from cockroach_pipelines.queries import ReportRules
from cockroach_pipelines.reporting.html import page
from cockroach_pipelines.reporting.model import Report


def pdf(report: Report, rules: ReportRules) -> bytes:
    """Give a report as PDF.

    Raises:
        ConfigurationError: WeasyPrint, or a library of the system that it needs, is not installed.
    """
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except ImportError as error:
        raise ConfigurationError(
            "A report as PDF needs WeasyPrint, which is not installed.",
            advice="Install it: pip install 'cockroach_pipelines[pdf]'; or remove pdf from `formats`.",
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"WeasyPrint finds no Pango on this machine: {error}.",
            advice="Install it (Debian: libpango-1.0-0 and libpangoft2-1.0-0), or remove pdf from `formats`.",
        ) from error
    # It warns of every rule that is for browsers alone.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    document: Any = HTML(string=page(report, rules, printed=True), url_fetcher=URLFetcher(allowed_protocols=["data"]))
    return bytes(document.write_pdf())
