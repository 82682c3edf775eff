"""Make the pages lighter: drop what no page uses from the scripts and styles of the theme."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

UNUSED_SCRIPTS = re.compile("thebe", re.IGNORECASE)
SEARCH_SCRIPT = re.compile(
    r'<script src="[^"]*/?(?:searchtools|language_data|searchindex)\.js[^"]*"></script>\n?'
)
CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
WORD = re.compile(r"[A-Za-z_][\w-]*")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
LICENCE = re.compile(r"/\*!.*?\*/", re.DOTALL)
BRACKETED = re.compile(r"\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\)")
NESTED = ("@media", "@supports", "@layer")


def drop_scripts(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _tree: object
) -> None:
    """Drop the scripts and styles of features that the book does not use."""
    for kind in ("script_files", "css_files"):
        context[kind] = [
            file
            for file in context.get(kind, [])
            if not UNUSED_SCRIPTS.search(f"{file} {getattr(file, 'attributes', '')}")
        ]


def drop_search(app: Sphinx, exception: Exception | None) -> None:
    """Drop the search index, which grows with the book, from all pages but that of the search."""
    if exception or app.builder.name != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        if page.name != "search.html":
            text = page.read_text(encoding="utf-8")
            page.write_text(SEARCH_SCRIPT.sub("", text), encoding="utf-8")


def blocks(css: str) -> Iterator[tuple[str, str | None]]:
    """Split a style sheet into what stands before a block and the block, or a bare statement."""
    start = 0
    while match := re.compile(r"[{;]").search(css, start):
        prelude = css[start : match.start()].strip()
        if match[0] == ";":
            yield prelude + ";", None
            start = match.end()
            continue
        depth, end = 1, match.end()
        while depth:
            brace = re.compile(r"[{}]").search(css, end)
            if brace is None:
                raise ValueError("a style sheet with unbalanced braces")
            depth += 1 if brace[0] == "{" else -1
            end = brace.end()
        yield prelude, css[match.end() : end - 1]
        start = end


def prune(css: str, used: set[str], prefixes: tuple[str, ...]) -> str:
    """Keep the rules whose classes some page or script names, and all that is not about classes.

    A class in brackets, as in ``:not(.name)``, does not count, and an escaped name stays.
    """

    def wanted(selector: str) -> bool:
        names = CLASS.findall(BRACKETED.sub("", selector))
        return "\\" in selector or all(
            name in used or (prefixes and name.startswith(prefixes)) for name in names
        )

    kept = []
    for prelude, block in blocks(css):
        if block is None:
            kept.append(prelude)
        elif prelude.startswith(NESTED):
            if inner := prune(block, used, prefixes):
                kept.append(f"{prelude}{{{inner}}}")
        elif prelude.startswith("@"):
            kept.append(f"{prelude}{{{block}}}")
        elif selectors := [s for s in re.split(r",(?![^(]*\))", prelude) if wanted(s)]:
            kept.append(f"{','.join(selectors)}{{{block}}}")
    return "\n".join(kept)


def prune_styles(app: Sphinx, exception: Exception | None) -> None:
    """Prune every style sheet of the theme and its extensions, once all pages are written."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    texts = [file.read_text("utf8") for kind in ("html", "js") for file in out.rglob(f"*.{kind}")]
    used = {word for text in texts for word in WORD.findall(text)}
    # A script may put a name together: "bs-tooltip-" and a side.
    prefixes = tuple(word for word in used if re.fullmatch(r"[a-z]+(-[a-z]+)+-", word))
    own = "companion.css"
    for sheet in out.joinpath("_static").rglob("*.css"):
        if sheet.name == own:
            continue
        css = sheet.read_text("utf8")
        rules = prune(COMMENT.sub("", css), used, prefixes)
        sheet.write_text("\n".join([*LICENCE.findall(css), rules]), "utf8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("html-page-context", drop_scripts, priority=900)
    app.connect("build-finished", drop_search)
    app.connect("build-finished", prune_styles)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
