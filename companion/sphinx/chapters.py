"""Chapters by their numbers: in links, and in a line at each chapter's top on what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

from companion.reexecution import Notebook, notebooks, told

NEEDS = {
    "01": ("problem",),
    "02": ("01",),
    "03": ("02",),
    "04": ("02",),
    "05": ("01",),
    "06": ("04", "05"),
    "07": ("02",),
    "08": ("01", "03"),
    "09": ("02", "dynamics"),
    "10": ("06", "dynamics"),
    "11": ("03",),
    "12": ("04",),
}
"""What a reader of a chapter knows already: chapters before it, and pages of the book."""

WORDS = 200
"""Words that one reads in a minute."""


def number(name: str) -> int:
    """Return the number of a chapter, with which the name of its notebook begins."""
    return int(name.partition("-")[0])


@cache
def chapters() -> dict[str, Notebook]:
    """Return the chapters by name; a build reads the notebooks once."""
    return {one.name: one for one in notebooks()}


def chapter_of(target: str) -> Notebook | None:
    """Return the chapter that a link to a document means, if it means one."""
    return chapters().get(target.rpartition("/")[2])


def name_chapters(app: Sphinx, doctree: nodes.document) -> None:
    """Put a chapter's number into the links to it, and a line below its own title."""
    for link in doctree.findall(pending_xref):
        chapter = chapter_of(link["reftarget"]) if link.get("reftype") == "doc" else None
        if chapter is None:
            continue
        said = link.astext()
        if not link["refexplicit"]:
            shown = f"Chapter {number(chapter.name)}, {chapter.title}"
        elif re.fullmatch(r"[Nn]otebook \d+", said):
            shown = f"Chapter {number(chapter.name)}"
        else:
            continue
        link["refexplicit"] = True
        link.children[0].children = [nodes.Text(shown)]
    mine = chapter_of(app.env.docname)
    section = next(doctree.findall(nodes.section), None)
    if mine is not None and section is not None:
        section.insert(1, opening(mine, minutes(doctree), app.env.docname))


def minutes(doctree: nodes.document) -> int:
    """Return how long the prose of a page takes to read."""
    words = sum(len(text.astext().split()) for text in doctree.findall(nodes.paragraph))
    return max(1, round(words / WORDS))


def opening(chapter: Notebook, reading: int, page: str) -> nodes.paragraph:
    """Return the line on what a chapter builds on, and how long it takes."""
    line = nodes.paragraph("", "", classes=["prlib-opening"])
    links = list(_links(NEEDS.get(chapter.name.partition("-")[0], ("problem",)), page))
    line += nodes.Text("Builds on ")
    for place, link in enumerate(links):
        line += [nodes.Text(" and "), link] if place else [link]
    line += nodes.Text(f". {reading}\N{NO-BREAK SPACE}minutes to read")
    if "book" in chapter.seconds:
        line += nodes.Text(f", about {_time(chapter.seconds['book'])} to run again")
    if "quick" in chapter.seconds and chapter.seconds["quick"] < chapter.seconds.get("book", 0):
        line += nodes.Text(f" ({_time(chapter.seconds['quick'])} for a first look)")
    line += nodes.Text(".")
    return line


def _time(seconds: int) -> str:
    return told(seconds).replace(" ", "\N{NO-BREAK SPACE}")


def _links(needs: tuple[str, ...], page: str) -> Iterator[pending_xref]:
    names = {name.partition("-")[0]: name for name in chapters()}
    for need in needs:
        target = f"/notebooks/{names[need]}" if need in names else f"/book/{need}"
        about = {"refdomain": "std", "reftype": "doc", "refdoc": page, "refwarn": True}
        about |= {"reftarget": target, "refexplicit": need in names}
        said = f"Chapter {int(need)}" if need in names else ""
        yield pending_xref("", nodes.inline("", said, classes=["doc"]), **about)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("doctree-read", name_chapters)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
