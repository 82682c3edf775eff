"""Give every figure its files, its source and its citation; and all of them a gallery."""

from __future__ import annotations

import html
import io
import json
import re
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image
from sphinx.application import Sphinx
from sphinx.config import Config

from companion.catalogue import Published, bibtex, figures
from companion.figures.export import COLUMN_PDF
from companion.reexecution import notebooks
from companion.sphinx.chapters import MOVING, number
from companion.sphinx.dark import in_the_dark

FOLDER = "figures"
"""Folder of the files in the built book."""

LABELS = {COLUMN_PDF: "PDF, 86 mm"}
"""What the links to files are called, if not by their kind."""

DARK = ".dark.svg"
"""How the file ends that a dark page shows."""

THUMBNAIL = 480
"""Width of a picture of the gallery, in pixels."""

FIGURE = re.compile(
    r'<figure class="(?P<class>prlib-figure[ \w]*)" id="(?P<id>fig-[\w-]+)">'
    r'<img src="data:image/svg\+xml,[^"]*" (?P<rest>[^>]*)>'
    r"<figcaption>(?P<caption>.*?)</figcaption></figure>",
    re.DOTALL,
)


@cache
def published() -> tuple[Published, ...]:
    """Return the figures of the book; a build reads the notebooks once."""
    return figures()


@cache
def numbers() -> dict[str, str]:
    """Return the numbers of the figures: the chapter's, and a place in it."""
    places: dict[str, int] = {}
    found = {}
    for figure in published():
        chapter = figure.notebook
        places[chapter] = places.get(chapter, 0) + 1
        found[figure.id] = f"{number(chapter)}.{places[chapter]}"
    return found


def dress(_app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Take the pictures out of a page into files, and put links and source under each."""
    if not page.startswith("notebooks/") or "body" not in context:
        return
    known = {figure.id: figure for figure in published()}

    def link(target: str) -> str:
        return context["pathto"](target, 1)

    def dressed(found: re.Match[str]) -> str:
        figure = known.get(found["id"])
        if figure is None:
            return found[0]
        light, dark = (link(f"{FOLDER}/{figure.id}{end}") for end in (".svg", DARK))
        return (
            f'<figure class="{found["class"]}" id="{figure.id}">'
            f'<img class="by-day" src="{light}" {found["rest"]}>'
            f'<img class="by-night dark-light" src="{dark}" loading="lazy" {found["rest"]}>'
            f"<figcaption><strong>Figure "
            f"{numbers()[figure.id]}.</strong> {found['caption']}</figcaption>"
            f"{tools(figure, link)}</figure>"
        )

    context["body"] = FIGURE.sub(dressed, context["body"])


def tools(figure: Published, link: Any) -> str:
    """Return what stands under a figure: its files, its citation, and where it comes from."""
    name = f"Figure {numbers()[figure.id]}"
    again = html.escape(f".venv/bin/prlib rerun {figure.notebook} {example(figure.notebook)}")
    return (
        f'<div class="prlib-tools">{moving(figure, link)}'
        f'<span class="prlib-files">{files(figure, link)}'
        f'<a href="#{figure.id}" aria-label="Permanent link to {name}">Link</a></span>'
        f"<details><summary>Cite</summary><pre>{html.escape(bibtex(figure))}</pre>"
        '<button type="button" class="prlib-copy" hidden>Copy</button></details>'
        f"<details><summary>Data and source</summary><p>Made by <code>{figure.notebook}</code> "
        f"{source(figure, link)}. With another parameter: <code>{again}</code></p></details></div>"
    )


def moving(figure: Published, link: Any) -> str:
    """Return the button that puts the stage in a figure's place, where it has one."""
    if figure.id not in MOVING:
        return ""
    address = html.escape(link("book/explorer.html") + MOVING[figure.id])
    return f'<button type="button" class="prlib-move" data-stage="{address}">Move it</button>'


def files(figure: Published, link: Any) -> str:
    """Return links to the files of a figure."""
    name = f"Figure {numbers()[figure.id]}"
    return "".join(
        f'<a href="{link(f"{FOLDER}/{figure.id}.{kind}")}" download '
        f'aria-label="{label} of {name}">{label}</a>'
        for kind in figure.formats
        for label in [LABELS.get(kind, kind.upper())]
    )


@cache
def example(name: str) -> str:
    """Return options for a first re-run of a notebook: another a, or else its first parameter."""
    notebook = next(one for one in notebooks() if one.name == name)
    first = notebook.parameters[0]
    value = json.dumps(0.1 if first.name == "a" else first.default)
    return f"-p {first.name} {shlex.quote(value)}{' --quick' if notebook.quick else ''}"


def source(figure: Published, link: Any) -> str:
    """Return where a figure's numbers come from, in words."""
    tables = [
        f'<a href="{link("book/data.html")}"><code>{html.escape(table["table"])}</code></a> '
        f"(sha256 {table['sha256'][:12]}, commit {table['commit'][:7]}, "
        f"{table['finished'][:10]}, {html.escape(table['machine'])})"
        for table in figure.sources
    ]
    return "from " + " and ".join(tables) if tables else "itself, from theory and its own runs"


def plain(title: str) -> str:
    """Write the mathematics of a title in letters: most pages typeset none."""
    for tex, letters in ((r"\mathrm", ""), (r"\alpha", "α"), (r"\mu", "μ"), ("_1", "₁")):
        title = title.replace(tex, letters)
    return re.sub(r"\\[()]|[{}]", "", title)


def gallery(found: tuple[Published, ...]) -> str:
    """Return the gallery as HTML: pictures of all figures, and a choice of topics."""
    topics: Mapping[str, str] = {figure.notebook: figure.topic for figure in found}
    choices = "".join(
        f'<label><input type="radio" name="topic" value="{name}"'
        f"{' checked' if name == 'all' else ''}> {html.escape(topic)}</label>"
        for name, topic in {"all": "All figures", **topics}.items()
    )
    rules = "".join(
        f'.prlib-gallery:has([value="{name}"]:checked) li:not(.of-{name}){{display:none}}'
        for name in topics
    )
    cards = "".join(
        f'<li class="of-{figure.notebook}"><a href="../notebooks/{figure.notebook}.html'
        f'#{figure.id}"><img src="../{FOLDER}/{figure.id}.thumbnail.png" width="{THUMBNAIL // 2}" '
        f'loading="lazy" alt="{html.escape(figure.alt, quote=True)}">'
        f"<span>{numbers()[figure.id]} {html.escape(plain(figure.title))}</span>"
        f"<code>{figure.id}</code></a>"
        f'<span class="prlib-files">{files(figure, "../{}".format)}</span></li>'
        for figure in found
    )
    return (
        f'<div class="prlib-gallery"><style>{rules}</style><fieldset><legend>Topic</legend>'
        f"{choices}</fieldset><ul>{cards}</ul></div>"
    )


def fill(app: Sphinx, _config: Config) -> None:
    """Offer the gallery to the pages."""
    app.config.myst_substitutions["gallery"] = gallery(published())


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write the files of all figures, and their small pictures."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir) / FOLDER
    out.mkdir(exist_ok=True)
    for figure in published():
        for kind in figure.formats:
            (out / f"{figure.id}.{kind}").write_bytes(figure.file(kind))
        (out / f"{figure.id}{DARK}").write_bytes(in_the_dark(figure.file("svg")))
        picture = Image.open(io.BytesIO(figure.file("png"))).convert("RGB")
        picture.thumbnail((THUMBNAIL, THUMBNAIL))
        picture.quantize(64).save(out / f"{figure.id}.thumbnail.png", optimize=True)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("config-inited", fill, priority=950)
    app.connect("html-page-context", dress)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
