"""The page around a report: its looks, its tables, and the promise that it fetches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

STYLE = Path(__file__).with_name("page.css")
# The browser itself refuses whatever is not in the file: scripts, pictures, fonts, frames.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Safe(str):
    """Text that is HTML already; every other text is escaped."""


def markup(value: object) -> str:
    """Escape what is no HTML of ours: names of cameras come from headers. Units stay with their
    numbers."""
    if isinstance(value, Safe):
        return value
    return re.sub(r"(?<=\d) (?=%|mm\b)", "\N{NO-BREAK SPACE}", escape(str(value)))


def page(title: str, notice: str, sections: Iterable[str]) -> str:
    """The whole document; `notice` stands above everything and stays there."""
    banner = f'<p class="notice">{escape(notice)}</p>' if notice else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE.read_text('utf-8')}</style></head>\n"
        f"<body>{banner}<main>{''.join(sections)}</main></body></html>\n"
    )


def section(title: str, *content: str, lead: str = "") -> str:
    """A heading, a sentence below it, and what it is about."""
    told = f'<p class="lead">{markup(lead)}</p>' if lead else ""
    return f"<section><h2>{escape(title)}</h2>{told}{''.join(content)}</section>\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]], kind: str = "figures") -> str:
    """A table whose first column names the row; of `figures`, or of `plain` texts."""
    top = "".join(f'<th scope="col">{escape(one)}</th>' for one in head)
    body = "".join(
        f'<tr><th scope="row">{markup(first)}</th>'
        + "".join(f"<td>{markup(one)}</td>" for one in rest)
        + "</tr>"
        for first, *rest in rows
    )
    inside = f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="wide"><table class="{kind}">{inside}</table></div>'


def box(kind: str, title: str, sentences: Iterable[str]) -> str:
    """Something that must be seen: `good`, `bad` or `unsure`."""
    items = "".join(f"<li>{markup(one)}</li>" for one in sentences)
    return f'<div class="box {kind}"><h3>{escape(title)}</h3><ul>{items}</ul></div>'


def tiles(figures: Iterable[tuple[str, str, str]]) -> str:
    """The few figures that everybody asks for: name, value, what it is of."""
    inside = "".join(
        f'<div class="tile"><span>{escape(name)}</span><b>{markup(value)}</b>'
        f"<small>{markup(of)}</small></div>"
        for name, value, of in figures
    )
    return f'<div class="tiles">{inside}</div>'
