"""A figure as a reader meets it: an image, a caption that stands alone, and words for the blind."""

from __future__ import annotations

import html
import io
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import matplotlib as mpl
from matplotlib.figure import Figure

from prlib.figures.style import RC


@dataclass(frozen=True, eq=False)
class BookFigure:
    r"""A captioned figure; in a notebook it displays itself.

    Attributes
    ----------
    id : str
        Stable name, also its anchor on the page; it starts with ``fig-``.
    caption : str
        What is seen, on what data, with sample sizes. LaTeX between ``\(`` and ``\)``.
    alt : str
        The same for a reader who cannot see it: what is drawn and what it shows.
    figure : matplotlib.figure.Figure
        The figure.
    """

    id: str
    caption: str
    alt: str
    figure: Figure

    def svg(self) -> bytes:
        """Render as SVG; the same figure gives the same bytes.

        Returns
        -------
        bytes
            The file.
        """
        buffer = io.BytesIO()
        with mpl.rc_context(RC):
            self.figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": self.id})
        # Without indentation, which is a tenth of the file.
        return re.sub(rb"\n\s+", b"\n", buffer.getvalue())

    def _repr_html_(self) -> str:
        # Percent-encoded where it must be, and no more: a quarter lighter than base64.
        source = html.escape(quote(self.svg(), safe=" !'()*+,-./:;<=>?@[]_`{|}~\n"), quote=False)
        width = round(self.figure.get_figwidth() * 100)
        return (
            f'<figure class="prlib-figure" id="{self.id}">'
            f'<img src="data:image/svg+xml,{source}" width="{width}" '
            f'alt="{html.escape(self.alt, quote=True)}">'
            f"<figcaption>{html.escape(self.caption)}</figcaption></figure>"
        )

    def __repr__(self) -> str:
        """Return the words that stand for it in a terminal."""
        return f"{self.id}: {self.alt}"


def glue(**numbers: Any) -> None:
    """Publish numbers of a notebook under names, for the book's prose to quote.

    They go into the notebook's outputs in the form that Jupyter Book's ``{glue:text}`` reads.

    Parameters
    ----------
    **numbers
        Each number under its name; text stays as it is, so round beforehand.
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
