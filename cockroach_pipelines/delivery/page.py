"""A message as the two texts of an e-mail: plain, and HTML that every mail reader shows."""

from __future__ import annotations

from html import escape

from cockroach_pipelines.delivery.messages import Level, Message

COLOURS = {Level.ERROR: "#b3261e", Level.WARNING: "#b06000", Level.INFO: "#1a56a0"}
"""What each level looks like."""


def plain_text(message: Message) -> str:
    """Give the message as plain text."""
    width = max((len(name) for name, _ in message.facts), default=0)
    facts = [f"{name + ':':<{width + 1}} {value}" for name, value in message.facts]
    parts = [message.title, *message.paragraphs, "\n".join(facts), message.link or ""]
    return "\n\n".join(part for part in parts if part) + "\n"


def html(message: Message) -> str:
    """Give the message as HTML; its style stands in its elements, since mail readers drop style sheets."""
    colour = COLOURS[message.level]
    cell = "padding:3px 14px 3px 0;vertical-align:top;text-align:left"
    rows = "".join(
        f'<tr><th style="{cell};font-weight:normal;opacity:0.7;white-space:nowrap">{escape(name)}</th>'
        f'<td style="{cell};white-space:pre-wrap">{escape(value)}</td></tr>'
        for name, value in message.facts
    )
    paragraphs = "".join(f'<p style="white-space:pre-wrap">{escape(text)}</p>' for text in message.paragraphs)
    href = escape(message.link or "")
    link = f'<p><a href="{href}" style="color:{colour}">Look at it in Dagster</a></p>' if href else ""
    return (
        '<!doctype html><html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(message.title)}</title></head>"
        '<body style="font-family:system-ui,sans-serif;font-size:15px;line-height:1.45">'
        f'<div style="border-left:4px solid {colour};padding-left:14px">'
        f'<h1 style="font-size:18px;margin:0 0 8px">{escape(message.title)}</h1>{paragraphs}'
        f'<table style="border-collapse:collapse;font-size:14px">{rows}</table>{link}'
        "</div></body></html>"
    )
