"""The architecture as a picture, drawn from the imports themselves."""

from __future__ import annotations

import html
import tomllib
from itertools import permutations
from pathlib import Path

import grimp
from sphinx.application import Sphinx
from sphinx.config import Config

WIDTH, ROW, BOX = 760, 62, (112, 28)
PACKAGES = ("companion", "prlib")
"""From the top: the book's machinery uses the library, and never the other way."""


def floors(root: Path, package: str) -> list[list[str]]:
    """Return the modules of each floor of a package, from the top, as its import contract lists."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(one["layers"] for one in contracts if one.get("containers") == [package])
    there = {path.stem for path in (root / package).iterdir()}
    rows = [[name.strip(" ()") for name in layer.split(":")] for layer in layers]
    return [found for row in rows if (found := [name for name in row if name in there])]


def arrows(package: str, names: list[str]) -> set[tuple[str, str]]:
    """Return who imports whom, without an arrow that follows from two others."""
    graph = grimp.build_graph(package, include_external_packages=False)
    inside = {
        name: {f"{package}.{name}", *graph.find_descendants(f"{package}.{name}")} for name in names
    }

    def imports(one: str, other: str) -> bool:
        return any(graph.find_modules_directly_imported_by(m) & inside[other] for m in inside[one])

    direct = {edge for edge in permutations(names, 2) if imports(*edge)}

    def leads(one: str, other: str, but: tuple[str, str], passed: frozenset[str]) -> bool:
        return any(
            middle == other or leads(middle, other, but, passed | {middle})
            for start, middle in direct
            if start == one and (start, middle) != but and middle not in passed
        )

    return {edge for edge in direct if not leads(*edge, edge, frozenset(edge[:1]))}


def picture(root: Path, package: str) -> str:
    """Draw the floors as rows of boxes, and the imports as lines between them."""
    rows = floors(root, package)
    place = {
        name: (WIDTH * (column + 0.5) / len(row), ROW * (number + 0.5))
        for number, row in enumerate(rows)
        for column, name in enumerate(row)
    }
    lines = []
    for one, other in sorted(arrows(package, list(place))):
        (x1, y1), (x2, y2) = place[one], place[other]
        y1, y2 = y1 + BOX[1] / 2, y2 - BOX[1] / 2
        # Lines that pass other rows bend around the boxes in the middle.
        bend = 0 if y2 - y1 < ROW else (1 if sum(map(ord, one)) % 2 else -1) * 26 * (y2 - y1) / ROW
        middle = (y1 + y2) / 2
        by = f"{(x1 + x2) / 2 + bend:.0f} {middle:.0f}"
        lines.append(
            f'<path d="M{x1:.0f} {y1:.0f}Q{by} {x2:.0f} {y2:.0f}" '
            f'marker-end="url(#imports-{package})"/>'
        )
    boxes = [
        f'<rect x="{x - BOX[0] / 2:.0f}" y="{y - BOX[1] / 2:.0f}" width="{BOX[0]}" '
        f'height="{BOX[1]}" rx="4"/>'
        f'<text x="{x:.0f}" y="{y + 4:.0f}">{html.escape(name)}</text>'
        for name, (x, y) in place.items()
    ]
    return (
        f'<svg class="prlib-graph" viewBox="0 0 {WIDTH} {ROW * len(rows)}" role="img" '
        f'aria-label="The modules of {package} in floors; each imports only from floors below it.">'
        f'<marker id="imports-{package}" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><polygon points="0,0 8,4 0,8"/></marker>'
        f"<g>{''.join(lines)}</g>{''.join(boxes)}</svg>"
    )


def fill(app: Sphinx, _config: Config) -> None:
    """Offer the picture to the pages."""
    root = Path(app.srcdir)
    app.config.myst_substitutions["import_graph"] = "".join(
        f"<p><code>{package}</code></p><p>{picture(root, package)}</p>" for package in PACKAGES
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the above to the build."""
    app.connect("config-inited", fill, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
