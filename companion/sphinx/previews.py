"""What a link shows where the pointer rests on it: a figure, an equation, a term, a citation."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from companion.sphinx.figure_files import FOLDER, numbers, plain, published

LONGEST = 420
"""Letters of a term's explanation that are shown."""

FILE = "_static/scripts/previews-data.js"
"""Where they are kept, for all pages together: a page asks for them when the first is wanted."""


def name_figures(_app: Sphinx, env: BuildEnvironment) -> None:
    """Let pages refer to a figure by its id, as ``{ref}`fig-half-points```: it shows the number."""
    domain = env.domains["std"]
    for figure in published():
        page = f"notebooks/{figure.notebook}"
        domain.labels[figure.id] = page, figure.id, f"Figure {numbers()[figure.id]}"
        domain.anonlabels[figure.id] = page, figure.id


def gather(app: Sphinx, doctree: nodes.document, page: str) -> None:
    """Keep what links to the equations, terms and citations of a page show."""
    known = app.env.__dict__.setdefault("prlib_previews", {})
    name = page.rpartition("/")[2]
    for anchors, shown in (*_equations(doctree), *_terms(doctree), *_citations(doctree)):
        known.update({f"{name}.html#{anchor}": shown for anchor in anchors})


def _equations(doctree: nodes.document) -> Iterator[tuple[list[str], str]]:
    for block in doctree.findall(nodes.math_block):
        yield block["ids"], rf"\[{html.escape(block.astext(), quote=False)}\]"


def _terms(doctree: nodes.document) -> Iterator[tuple[list[str], str]]:
    for term in doctree.findall(nodes.term):
        body = term.parent.next_node(nodes.paragraph)
        if any(one.startswith("term-") for one in term["ids"]) and body is not None:
            name = html.escape(_words(term))
            yield term["ids"], f"<strong>{name}.</strong> {_short(_words(body))}"


def _citations(doctree: nodes.document) -> Iterator[tuple[list[str], str]]:
    for citation in doctree.findall(nodes.citation):
        text = " ".join(_words(part) for part in citation if not isinstance(part, nodes.label))
        yield citation["ids"], html.escape(text)


def _words(node: nodes.Node) -> str:
    r"""Return the text of a node on one line, its mathematics between ``\(`` and ``\)``."""
    if isinstance(node, nodes.math):
        return rf"\({node.astext()}\)"
    if isinstance(node, nodes.Text):
        return node.astext().replace("\n", " ")
    return "".join(_words(child) for child in node.children)


def _short(text: str) -> str:
    """Cut a text after the last sentence that fits."""
    if len(text) > LONGEST:
        end = text.rfind(". ", 0, LONGEST)
        text = text[: end + 1] if end > 0 else text[:LONGEST] + "…"
    return html.escape(text, quote=False)


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write them into one script: a page read from the disk may load that, and no other file."""
    if exception or app.builder.format != "html":
        return
    shown = dict(app.env.__dict__.get("prlib_previews", {}))
    for figure in published():
        title = html.escape(plain(figure.title))
        shown[f"{figure.notebook}.html#{figure.id}"] = (
            f'<img src="{FOLDER}/{figure.id}.svg" alt="">'
            f"<strong>Figure {numbers()[figure.id]}.</strong> {title}."
        )
    text = json.dumps(shown, separators=(",", ":"), ensure_ascii=False)
    (Path(app.outdir) / FILE).write_text(f"globalThis.PREVIEWS = {text};\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("env-updated", name_figures)
    app.connect("doctree-resolved", gather)
    app.connect("build-finished", write, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
