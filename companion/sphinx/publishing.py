"""What a published book needs beside its pages: hover texts for terms, names for arrows."""

from __future__ import annotations

import html
import re
from functools import cache
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

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


def explain(app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: Any) -> None:
    """Show a term's definition where the pointer rests on it."""
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


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("html-page-context", explain)
    app.connect("build-finished", name_toggles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
