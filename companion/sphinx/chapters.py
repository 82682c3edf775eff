"""Chapters as they are read: numbers in links, a line on what each needs, code after pictures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

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
    "13": ("05", "dynamics"),
    "14": ("10",),
    "15": ("12",),
}
"""What a reader of a chapter knows already: chapters before it, and pages of the book."""

TASKS = {"01": 1, "09": 2, "02": 3, "06": 4, "04": 5}
"""The stage's task that asks what a chapter answers."""

MOVING = {
    "fig-bbp-transition": "?part=stage#a=0.01&alpha=3.4&time=0",
    "fig-alignment-over-time": "#a=0.01&alpha=3.4&time=0&start=random&n=64&seed=1",
    "fig-spectral-recovery": "#a=0.01&alpha=2.8&time=0&start=spectral&n=64&seed=1",
    "fig-t-bbp": "?part=stage#a=0.01&alpha=3.4&time=0.5",
}
"""Figures in whose place the stage can be opened, and in which state."""

PARAMETERS = "Parameters"
"""What the folded cell of a chapter's parameters is called."""

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


def fold_parameters(app: Sphinx, doctree: nodes.document) -> None:
    """Fold the parameters of a chapter like its other code, under a name of their own."""
    if chapter_of(app.env.docname) is None:
        return
    for cell in doctree.findall(nodes.container):
        if "tag_parameters" in cell["classes"]:
            cell.attributes |= {"hide_mode": "input", "prompt_show": PARAMETERS}
            cell["prompt_hide"] = PARAMETERS


class CodeLast(SphinxPostTransform):
    """Put the code of a section, folded, at its end: a reader meets the picture first."""

    default_priority = 200
    """Just after the cells were folded, each by itself."""
    formats = ("html",)

    def run(self, **_: object) -> None:
        """Gather what is folded of the cells of each section."""
        sections = list(self.document.findall(nodes.section))
        if chapter_of(self.env.docname) is None or len(sections) < 2:
            return
        # What stands above the first section goes to its end.
        parameters, above = _taken(sections[0], PARAMETERS), _taken(sections[0])
        for section in sections[1:]:
            code = above + _taken(section)
            inner = (i for i, one in enumerate(section) if isinstance(one, nodes.section))
            place = next(inner, len(section))
            for words, folded in ((PARAMETERS, parameters), ("Code of this section", code)):
                if folded:
                    shown = {"prompt_show": words, "prompt_hide": f"Hide: {words.lower()}"}
                    bar = HideCodeCellNode("", *folded, classes=["above-input"], **shown)
                    section.insert(place, nodes.container("", bar, classes=["cell"]))
                    place += 1
            parameters = above = []


def _taken(section: nodes.section, prompt: str | None = None) -> list[nodes.Node]:
    """Take the folded code out of the cells of a section: that of one prompt, or all there is."""
    code = []
    for cell in list(section):
        if not isinstance(cell, nodes.container) or cell.get("hide_mode") != "input":
            continue
        folded = cell.children[0]
        if isinstance(folded, HideCodeCellNode) and prompt in (None, folded["prompt_show"]):
            cell.remove(folded)
            code += folded.children
            if not cell.children:
                section.remove(cell)
    return code


def minutes(doctree: nodes.document) -> int:
    """Return how long the prose of a page takes to read."""
    words = sum(len(text.astext().split()) for text in doctree.findall(nodes.paragraph))
    return max(1, round(words / WORDS))


def opening(chapter: Notebook, reading: int, page: str) -> nodes.paragraph:
    """Return the line on what a chapter builds on, how long it takes, and where to guess first."""
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
    task = TASKS.get(chapter.name.partition("-")[0])
    if task:
        address = f"../book/explorer.html#task={task}"
        line += [nodes.Text(" "), nodes.reference("", "Guess first", refuri=address)]
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
    app.connect("doctree-read", fold_parameters)
    app.add_post_transform(CodeLast)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
