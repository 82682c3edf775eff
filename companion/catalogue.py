"""The figures of the book as files to take away: formats, data, sources, and how to cite them.

They are read from the executed notebooks, so a file is the figure that the book shows.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import metadata, version
from pathlib import Path
from typing import Any

import nbformat

from companion.figures.export import COLUMN_PDF, MIME, source_line
from companion.reexecution import FOLDER, figure_of, notebooks
from prlib.parameters import ParameterError
from prlib.sweeps.store import write_whole

FORMATS = ("svg", "pdf", COLUMN_PDF, "png", "csv", "bib")
"""The files of a figure: vectors for the web, for print as wide as a page and as a column, pixels
at 300 dpi, its data, and its citation as BibTeX."""


@dataclass(frozen=True)
class Published:
    """One figure of the book.

    Attributes
    ----------
    id : str
        Stable name, which starts with ``fig-``; also its anchor on the page.
    title : str
        What it finds, in a sentence without its full stop.
    notebook, topic : str
        The notebook that makes it, and that notebook's title.
    caption, alt : str
        What it shows, for those who see it and for those who do not.
    sources : tuple of dict
        The tables of ``data/`` that it draws; see `prlib.sweeps.sources`.
    formats : tuple of str
        Its files' kinds: a notebook that was executed before there was one lacks it.
    """

    id: str
    title: str
    notebook: str
    topic: str
    caption: str
    alt: str
    sources: tuple[Mapping[str, str], ...]
    formats: tuple[str, ...] = FORMATS

    @property
    def files(self) -> tuple[str, ...]:
        """Names of its files."""
        return tuple(f"{self.id}.{kind}" for kind in self.formats)

    @property
    def url(self) -> str:
        """Its address in the published book."""
        return f"{_address('Documentation')}/notebooks/{self.notebook}.html#{self.id}"

    def file(self, kind: str, folder: Path = FOLDER) -> bytes:
        """Return one of its files, whose kind is one of its formats."""
        if kind not in self.formats:
            raise ParameterError(f"format = {kind!r}: must be one of {', '.join(self.formats)}")
        if kind == "bib":
            return f"{bibtex(self)}\n".encode()
        path = folder / f"{self.notebook}.ipynb"
        if kind == "svg":
            return figure_of(path, self.id)
        record = next(r for r in _records(path) if r["id"] == self.id)
        if kind == "csv":
            return f"# {self.id}\n# {source_line(self.sources)}\n{record['csv']}".encode()
        return base64.b64decode(record[kind])


def figures(folder: Path = FOLDER) -> tuple[Published, ...]:
    """Return all figures of the book, in its order.

    Examples
    --------
    >>> all(figure.id.startswith("fig-") for figure in figures())
    True
    """
    return tuple(
        Published(
            record["id"],
            record["title"],
            notebook.name,
            notebook.title,
            record["caption"],
            record["alt"],
            tuple(record["sources"]),
            tuple(kind for kind in FORMATS if kind != COLUMN_PDF or kind in record),
        )
        for notebook in notebooks(folder)
        for record in _records(folder / f"{notebook.name}.ipynb")
    )


def find_figure(figure_id: str, folder: Path = FOLDER) -> Published:
    """Return one figure, or raise a `ParameterError` that names those there are."""
    known = {figure.id: figure for figure in figures(folder)}
    if figure_id not in known:
        raise ParameterError(f"figure {figure_id!r}: must be one of {', '.join(known)}")
    return known[figure_id]


def year() -> str:
    """Return the year of the companion's release, from its citation file; empty without one."""
    path = FOLDER.parent / "CITATION.cff"
    said = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"^date-released: \D*(\d{4})", said, re.MULTILINE)
    return found[1] if found else ""


def bibtex(figure: Published) -> str:
    """Write the BibTeX entry of a figure: the companion, its version, the figure's address.

    A second pair of braces keeps the capitals of the title.
    """
    facts = metadata("prlib")
    title = re.sub(r"\\\((.*?)\\\)", r"$\1$", re.sub(r"([%&#])", r"\\\1", figure.title))
    return "\n".join(
        (
            f"@misc{{prlib-{figure.id},",
            f"  author       = {{{{{facts['Author']}}}}},",
            f"  title        = {{{{{title}}}}},",
            f"  howpublished = {{Figure in: {facts['Summary']}, version {version('prlib')}}},",
            f"  note         = {{Figure {figure.id}}},",
            f"  year         = {{{year()}}},",
            f"  url          = {{{figure.url}}},",
            "}",
        )
    )


def save(figure_id: str, kind: str, out: Path, folder: Path = FOLDER) -> tuple[Path, Path]:
    """Write a figure to a file, and its citation beside it; return both paths.

    The folder is made if it is not there.

    Raises
    ------
    ParameterError
        If there is no such figure or format, or the folder cannot be made.
    """
    figure = find_figure(figure_id, folder)
    contents = {one: figure.file(one, folder) for one in (kind, "bib")}
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(f"out = {str(out)!r}: {error.strerror}") from None
    for one, content in contents.items():
        write_whole(out / f"{figure.id}.{one}", content)
    return out / f"{figure.id}.{kind}", out / f"{figure.id}.bib"


def _records(path: Path) -> list[dict[str, Any]]:
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _read(path: Path, _changed: int) -> list[dict[str, Any]]:
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    return [output.data[MIME] for output in outputs if MIME in output.get("data", {})]


def _address(name: str) -> str:
    for line in metadata("prlib").get_all("Project-URL") or ():
        label, _, address = line.partition(", ")
        if label == name:
            return address.rstrip("/")
    return ""
