"""What a published book needs beside its pages: a map, cards for those who share, hover texts."""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from sphinx.application import Sphinx

CARD = "figures/fig-t-bbp.png"
"""The picture that stands for the book where someone shares a link to it."""

TERM = re.compile(
    r'<a (class="reference internal") (href="[^"]*#term-[^"]+")>(<span class="xref std std-term">)'
)
ENTRY = re.compile(r"^(\S[^\n]*)\n((?:  [^\n]*\n)+)", re.MULTILINE)
MARKUP = (
    (r" ?\{cite:\w\}`[^`]*`", ""),
    (r"\{[\w:]+\}`([^`<]+?)(?: <[^`>]*>)?`", r"\1"),
    (r"[`$*]", ""),
    (r"\s+", " "),
)


@cache
def definitions(root: Path) -> dict[str, str]:
    """Return the first sentence of every term of the glossary, without markup, by its anchor."""
    text = (root / "book" / "glossary.md").read_text(encoding="utf-8")
    block = text.split(":::{glossary}", 1)[1].split(":::", 1)[0]
    found = {}
    for term, body in ENTRY.findall(block):
        for pattern, plain in MARKUP:
            body = re.sub(pattern, plain, body)  # noqa: PLW2901 - cleaned step by step
        sentence = re.split(r"(?<=\.) ", body.strip(), maxsplit=1)[0]
        found["term-" + re.sub(r"[^\w]+", "-", term.strip())] = sentence
    return found


def explain(app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Show a term's definition where the pointer rests on it, and describe the page to others."""
    if "body" not in context:
        return
    known = definitions(Path(app.srcdir))

    def titled(found: re.Match[str]) -> str:
        sentence = known.get(found[2].partition("#")[2].rstrip('"'))
        title = f' title="{html.escape(sentence, quote=True)}"' if sentence else ""
        return f"<a {found[1]} {found[2]}{title}>{found[3]}"

    body = TERM.sub(titled, context["body"])
    # Its children are entries of a bibliography, which the role of a list does not allow.
    context["body"] = body.replace('<div role="list" class="citation-list">', "<div>")
    base, title = app.config.html_baseurl, re.sub(r"<[^>]*>", "", context.get("title", ""))
    facts = {
        "og:type": "article",
        "og:site_name": app.config.html_title or app.config.project,
        "og:title": html.unescape(title),
        "og:url": f"{base}{page}.html",
        "og:image": f"{base}{CARD}",
    }
    tags = "".join(
        f'<meta property="{name}" content="{html.escape(str(value), quote=True)}">\n'
        for name, value in facts.items()
    )
    context["metatags"] = context.get("metatags", "") + tags


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


def write_sitemap(app: Sphinx, exception: Exception | None) -> None:
    """Write the map of the pages for search engines."""
    if exception or app.builder.name != "html":
        return
    addresses = "".join(
        f"<url><loc>{escape(app.config.html_baseurl + page)}.html</loc></url>"
        for page in sorted(app.env.found_docs)
    )
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{addresses}</urlset>\n'
    )
    (Path(app.outdir) / "sitemap.xml").write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("html-page-context", explain)
    app.connect("build-finished", name_toggles)
    app.connect("build-finished", write_sitemap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
