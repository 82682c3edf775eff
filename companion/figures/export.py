"""A figure as a reader meets it: an image, a caption that stands alone, and words for the blind."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import wraps
from importlib import import_module
from importlib.metadata import version
from pkgutil import iter_modules
from typing import Any
from urllib.parse import quote

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import companion.figures
from companion.ensembles import data_folder
from companion.figures.column import in_one_column
from companion.figures.plotted import as_csv
from companion.figures.style import PAGE, own_style, panels, says_nothing
from prlib.sweeps import sources
from prlib.sweeps.data import SOURCE

MIME = "application/vnd.prlib.figure+json"
"""Under which a notebook keeps a figure's files, for `companion.catalogue`."""

COLUMN_PDF = "column.pdf"
"""The file of a figure that is as wide as a journal's column, 86 mm."""

SVG_DPI = 72
"""Dots an inch of what is smooth and drawn as pixels: a page carries them."""

_COORDINATES, _FINER = re.compile(rb' (?:d|x|y)="[^"]*"'), re.compile(rb"(\.\d\d)\d+")


@dataclass(frozen=True, eq=False)
class BookFigure:
    r"""A captioned figure; in a notebook it displays itself.

    Attributes
    ----------
    id : str
        Stable name, also its anchor on the page; it starts with ``fig-``.
    caption : str
        What is drawn and how, on what data, in two or three sentences. LaTeX between ``\(`` and
        ``\)``.
    alt : str
        The same for a reader who cannot see it, with the numbers: what is drawn, what it shows.
    figure : matplotlib.figure.Figure
        The figure.
    title : str
        What is found, a sentence without its full stop, of numbers that the data give.
    sources : tuple of mapping
        The tables of results that it draws; see `prlib.sweeps.sources`.
    """

    id: str
    caption: str
    alt: str
    figure: Figure
    title: str = field(kw_only=True)
    sources: tuple[Mapping[str, str], ...] = ()

    def svg(self) -> bytes:
        """Render as SVG; the same figure gives the same bytes."""
        metadata = {"Date": None, "Title": self.id, "Description": self._source}
        svg = self._saved("svg", metadata, dpi=SVG_DPI)
        # Without indentation, and to a hundredth of a point: a sixth of the file.
        svg = re.sub(rb"\n\s+", b"\n", svg)
        return _COORDINATES.sub(lambda found: _FINER.sub(rb"\1", found[0]), svg)

    def pdf(self) -> bytes:
        """Render as PDF: vectors, fonts embedded, at the width of the figure in a paper."""
        return self._pdf(self.figure)

    def column_pdf(self) -> bytes:
        """Render as PDF at the width of a journal's column, its panels below each other."""
        with own_style():
            return self._pdf(in_one_column(self.figure))

    def png(self) -> bytes:
        """Render as PNG at 300 dots an inch, in 256 colours."""
        image = Image.open(io.BytesIO(self._saved("png", {}, dpi=300))).convert("RGB")
        known = PngInfo()
        known.add_text("Title", self.id)
        known.add_text("Description", self._source)
        buffer = io.BytesIO()
        palette = image.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        palette.save(buffer, "png", dpi=(300, 300), pnginfo=known, optimize=True)
        return buffer.getvalue()

    def csv(self) -> str:
        """Write what is drawn as a table; see `companion.figures.plotted`."""
        return as_csv(self.figure)

    @property
    def _source(self) -> str:
        return source_line(self.sources)

    def _pdf(self, figure: Figure) -> bytes:
        metadata = {"CreationDate": None, "Title": self.id, "Subject": self._source}
        return self._saved("pdf", metadata, figure=figure)

    def _saved(
        self, kind: str, metadata: dict[str, Any], figure: Figure | None = None, **options: Any
    ) -> bytes:
        buffer = io.BytesIO()
        with own_style():
            (figure or self.figure).savefig(buffer, format=kind, metadata=metadata, **options)
        return buffer.getvalue()

    def _html(self) -> str:
        # Percent-encoded where it must be, and no more: a quarter lighter than base64.
        source = html.escape(quote(self.svg(), safe=" !'()*+,-./:;<=>?@[]_`{|}~\n"), quote=False)
        # Both, so that its place is kept while it loads.
        width, height = (round(100 * inches) for inches in self.figure.get_size_inches())
        # One panel is narrower than the page, and small enough for a phone as it is.
        kind = "prlib-figure narrow" if self.figure.get_figwidth() < PAGE else "prlib-figure"
        return (
            f'<figure class="{kind}" id="{self.id}">'
            f'<img src="data:image/svg+xml,{source}" width="{width}" height="{height}" '
            f'alt="{html.escape(self.alt, quote=True)}">'
            f"<figcaption><strong>{html.escape(self.title)}.</strong> "
            f"{html.escape(self.caption)}</figcaption></figure>"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        record = {
            "id": self.id,
            "title": self.title,
            "caption": self.caption,
            "alt": self.alt,
            "sources": list(self.sources),
            "csv": self.csv(),
            "pdf": base64.b64encode(self.pdf()).decode(),
            COLUMN_PDF: base64.b64encode(self.column_pdf()).decode(),
            "png": base64.b64encode(self.png()).decode(),
        }
        return {"text/html": self._html(), "text/plain": repr(self), MIME: record}

    def __repr__(self) -> str:
        """Return the words that stand for it in a terminal."""
        return f"{self.id}: {self.alt}"


def nothing_drawn(name: str, why: str) -> BookFigure:
    """Say in place of a figure why there is none."""
    with panels(height=1.0) as (figure, axes):
        says_nothing(axes, why)
    told = f"Nothing is drawn: {why}."
    return BookFigure(name, told, told, figure, title="Nothing is drawn")


def sourced(draw: Callable[..., BookFigure]) -> Callable[..., BookFigure]:
    """Let a figure name the tables that the rows it is given come from, and no others.

    The keyword ``of`` takes rows that it draws only in what was made of them.
    """

    @wraps(draw)
    def drawing(*args: Any, of: Any = (), **kwargs: Any) -> BookFigure:
        frames = _frames([*args, *kwargs.values(), of])
        return replace(draw(*args, **kwargs), sources=sources(*frames, data=data_folder()))

    return drawing


def _frames(given: Any) -> Iterator[pd.DataFrame]:
    if isinstance(given, pd.DataFrame):
        yield given
    elif isinstance(given, Mapping):
        yield from _frames(list(given.values()))
    elif isinstance(given, (list, tuple)):
        for one in given:
            yield from _frames(one)
    elif isinstance(names := getattr(given, "sources", None), tuple):
        yield pd.DataFrame({SOURCE: names}, dtype=object)


@dataclass(frozen=True)
class Registered:
    """A figure of the book before it is drawn.

    Attributes
    ----------
    id : str
        Its stable name.
    function : callable
        What draws it.
    data : tuple of str
        What it draws: tables of ``data/``, kinds of simulation, or theory.
    test : str
        The file of the test that holds it, from the root of the checkout.
    """

    id: str
    function: Callable[..., BookFigure]
    data: tuple[str, ...]
    test: str


FIGURES: dict[str, Registered] = {}
"""The figures by id, of the modules that were imported; `registered` imports all."""


def book_figure(
    *ids: str, data: tuple[str, ...], test: str = "tests/companion/figures/test_drawn.py"
) -> Callable[[Callable[..., BookFigure]], Callable[..., BookFigure]]:
    """Register a function as what draws the figures of these ids; see `Registered`."""

    def register(draw: Callable[..., BookFigure]) -> Callable[..., BookFigure]:
        drawing = sourced(draw)
        FIGURES.update({id_: Registered(id_, drawing, data, test) for id_ in ids})
        return drawing

    return register


def registered() -> dict[str, Registered]:
    """Return all figures of the book, by id."""
    for module in iter_modules(companion.figures.__path__):
        import_module(f"companion.figures.{module.name}")
    return FIGURES


def source_line(tables: Iterable[Mapping[str, str]]) -> str:
    """Say in one line what a figure's files were made of: version, tables, digests, commits."""
    read = "; ".join(f"{t['table']} sha256 {t['sha256']} commit {t['commit']}" for t in tables)
    return f"prlib {version('prlib')}; data: {read or 'none, computed by the notebook'}"


def glue(**numbers: Any) -> None:
    """Publish numbers of a notebook under names, for the book's prose to quote.

    They go into the notebook's outputs in the form that Jupyter Book's ``{glue:text}`` reads. Text
    stays as it is, so round beforehand.
    """
    from IPython.display import display  # noqa: PLC0415 - only in a notebook

    prefix = "application/papermill.record/"
    for name, number in numbers.items():
        display(
            # Quoted: the role then takes it as text, and does not round it anew.
            {f"{prefix}text/plain": repr(str(number))},
            metadata={"scrapbook": {"name": name, "mime_prefix": prefix}},
            raw=True,
        )
