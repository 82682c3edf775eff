"""What a published book needs beside its pages: names for arrows, a way back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sphinx.application import Sphinx


def mend_lists(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: Any
) -> None:
    """Take the role of a list from bibliographies: their entries are none that it allows."""
    if "body" in context:
        body = context["body"]
        context["body"] = body.replace('<div role="list" class="citation-list">', "<div>")


TOGGLE = re.compile(r"<summary>(?=<span class=\"toctree-toggle\")")


def name_toggles(app: Sphinx, exception: Exception | None) -> None:
    """Give the arrows of the table of contents a name, for those who hear the page."""
    if exception or app.builder.name != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        named = TOGGLE.sub('<summary aria-label="Pages of this chapter">', text)
        if named != text:
            path.write_text(named, encoding="utf-8")


LOST = """<h1>No such page</h1>
<p>The book has no page at this address. It may have had one, in another version.</p>
<form class="bd-search" action="search.html" role="search"><input class="form-control" type="search"
name="q" placeholder="Search this book" aria-label="Search this book"></form>
<p>Or begin at <a href="book/intro.html">The story in one page</a>; the menu has the rest.</p>"""

HERE = """<meta name="robots" content="noindex">
<script>if (location.protocol !== "file:") document.write('<base href="{}">');</script>"""
"""A server shows the page at any address, so its links start at the book's."""


def lost_page(_app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Make the page that a server shows where there is none: with the book's menu, and a search."""
    yield "404", {"title": "No such page", "body": LOST}, "page.html"


def lead_back(
    app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object
) -> None:
    """Make its links, styles and scripts right at whatever address it is shown."""
    if page == "404":
        root = urlsplit(app.config.html_baseurl).path
        context["metatags"] = HERE.format(root) + context.get("metatags", "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("html-page-context", mend_lists)
    app.connect("html-collect-pages", lost_page)
    app.connect("html-page-context", lead_back)
    app.connect("build-finished", name_toggles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
