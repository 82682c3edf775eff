"""The front page's three drawings, as SVG that a page takes in: its fonts, its colours, its scheme.

They are for a reader who knows no symbol yet, so they are drawn by hand and not as plots: text is
text, at a size that a phone shows readably, and classes take their colours from the page's style.
What they say is data: the theory's tables, and the half points of the descents.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from contourpy import contour_generator
from numpy.typing import ArrayLike, NDArray

from companion.analysis.dynamics import along, border, transition_times
from companion.figures.style import PALETTE
from companion.thresholds import DynamicalThreshold
from prlib.descent.starts import as_start

WIDTH = 420
"""Width of the map and of the axis, in units of which a phone shows four for five."""

LEVELS = (0.1, 0.2, 0.3, 0.4)
"""Squared overlaps at which the map gets a shade darker."""

NAMES = {
    "random": "random start",
    "spectral": "start along the early direction",
    "constrained": "early direction withheld",
}
"""What the starts are called where nothing has been defined."""


@dataclass(frozen=True)
class Frame:
    """A rectangle of a drawing, and what it shows of time (in logarithm) and alpha."""

    left: float
    top: float
    width: float
    height: float
    times: tuple[float, float]
    alphas: tuple[float, float]

    def x(self, times: ArrayLike) -> NDArray:
        """Return where times lie."""
        first, last = np.log(self.times)
        return self.left + self.width * (np.log(times) - first) / (last - first)

    def y(self, alphas: ArrayLike) -> NDArray:
        """Return where alphas lie: large ones at the top."""
        least, most = self.alphas
        return self.top + self.height * (most - np.asarray(alphas)) / (most - least)


@dataclass(frozen=True, eq=False)
class Story:
    """What the map tells: one descent among all, and three moments of it.

    Attributes
    ----------
    times, last : ndarray
        A grid of times, and the alpha of the border at each.
    alphas, overlap2 : ndarray
        The alphas of the runs, and the squared overlap of each (rows) at each time.
    shown : tuple of float
        The alphas between which runs go on to the last time.
    alpha : float
        That of the descent that is followed.
    moments : tuple of float
        When its outlier points to the signal most, when it touches the bulk, and a time beyond.
    gap : float
        Distance of the outlier from the edge at the first of them.
    """

    times: NDArray
    last: NDArray
    alphas: NDArray
    overlap2: NDArray
    shown: tuple[float, float]
    alpha: float
    moments: tuple[float, float, float]
    gap: float


def story(theory: pd.DataFrame, late: DynamicalThreshold, first: float = 3e-3) -> Story:
    """Choose the descent that the map follows: one that loses its outlier, and goes on.

    Parameters
    ----------
    theory : pandas.DataFrame
        Runs of the dynamical theory of one loss.
    late : DynamicalThreshold
        Of that loss: the descent lies midway from the border at the first time to it.
    first : float
        The first time that is shown.
    """
    end = theory["t"].max()
    times = np.geomspace(first, end, 49)
    last = border(theory, times)
    lost = transition_times(theory)
    lost = lost[lost["event"] == "disappears"].set_index("alpha")["t"]
    alpha = min(lost.index, key=lambda one: abs(one - (last[0] + late.alpha) / 2))
    run = theory[(theory["alpha"] == alpha) & (theory["t"] > first)]
    best = run.loc[run["overlap2"].idxmax()]
    alphas = theory.groupby("alpha")["t"].max()
    whole = alphas.index[alphas > 0.9 * end]
    return Story(
        times,
        last,
        alphas.index.to_numpy(),
        along(theory, times, "overlap2"),
        (float(whole[whole < last.min()].max()), float(whole.max())),
        float(alpha),
        (float(best["t"]), float(lost[alpha]), float(np.sqrt(lost[alpha] * end))),
        float(best["left_edge"] - best["outlier"]),
    )


def story_map(told: Story) -> str:
    """Draw when a descent sees the signal, with three spectra pinned to one descent."""
    frame = Frame(40, 40, WIDTH - 52, 220, (told.times[0], told.times[-1]), told.shown)
    y, xs = float(frame.y(told.alpha)), frame.x(told.times)
    right, bottom = frame.left + frame.width, frame.top + frame.height
    edge = list(zip(xs, frame.y(np.clip(told.last, *frame.alphas)), strict=True))
    corners = [(right, frame.top), (frame.left, frame.top)]
    parts = [
        _text(0, 16, "measurements per unknown, α"),
        f'<path class="blind" d="M{frame.left} {frame.top}H{right}V{bottom}H{frame.left}Z"/>',
        f'<path class="sees" d="{_path([*edge, *corners])}Z"/>',
        *(f'<path class="shade" d="{d}"/>' for d in _shades(told, frame)),
        f'<path class="line" d="{_path(edge)}"/>',
        *(
            _text(frame.left - 6, float(frame.y(alpha)) + 5, f"{alpha:g}", "end")
            for alpha in np.arange(np.ceil(frame.alphas[0] * 2) / 2, frame.alphas[1], 0.5)
        ),
        *(
            _text(float(frame.x(t)), bottom + 18, f"{t:g}", "middle")
            for t in 10.0 ** np.arange(np.ceil(np.log10(frame.times[0])), 2)
            if t <= frame.times[1] and frame.x(t) < right - 20
        ),
        _text(right, bottom + 18, "time", "end"),
        _text(frame.left + 12, frame.top + 26, "sees the signal", kind="region"),
        _text(right - 12, bottom - 14, "blind", "end", kind="region"),
        _text(frame.left + 12, y - 9, "a descent goes this way"),
        f'<path class="way" pathLength="1" d="M{frame.left + 4} {y:.1f}H{right - 12}"/>',
        f'<path class="tip" d="M{right - 14} {y - 6:.1f}l12 6l-12 6z"/>',
    ]
    width, gap, top = 112, 22, bottom + 42
    words = ("one stands out", "it touches", "it is gone")
    distances = (told.gap, 0.0, None)
    for number, (time, word, distance) in enumerate(
        zip(told.moments, words, distances, strict=True)
    ):
        left, x = frame.left + number * (width + gap) - 6, float(frame.x(time))
        parts.append(
            f'<g class="moment m{number}"><path class="pin" d="M{x:.1f} {y:.1f}V{bottom - 4} '
            f'L{left + width / 2:.1f} {top}"/><circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
            f"{_spectrum(left, top, width, 64, distance, 2.6 * told.gap)}"
            f"{_text(left + width / 2, top + 84, word, 'middle')}</g>"
        )
    places = np.linspace(0, len(told.times) - 1, 4).astype(int)
    told_border = ", ".join(f"{told.last[i]:.2f} at time {told.times[i]:.2g}" for i in places)
    words = (
        "A map of time, to the right, and of measurements per unknown, upwards. Above a line the "
        "descent sees the signal, below it is blind. The line lies at "
        f"{told_border}. An arrow at {told.alpha:g} goes from the one region into the other, with "
        f"three spectra: at time {told.moments[0]:.2g} one eigenvalue stands apart from the "
        f"others, at time {told.moments[1]:.2g} it touches them, and at time "
        f"{told.moments[2]:.2g} it is gone."
    )
    return _svg("prlib-map", WIDTH, int(top + 92), words, parts)


def sphere() -> str:
    """Draw the sphere of guesses: the signal at the pole, a start on the equator, and v1 there."""
    x, y, r = 110, 132, 92
    start = (x - 46, y + 22)
    parts = [
        f'<circle class="ball" cx="{x}" cy="{y}" r="{r}"/>',
        f'<path class="far" d="M{x - r} {y}A{r} 26 0 0 1 {x + r} {y}"/>',
        f'<path class="line" d="M{x - r} {y}A{r} 26 0 0 0 {x + r} {y}"/>',
        f'<circle class="dot" cx="{x}" cy="{y - r}" r="5"/>',
        _text(x, y - r - 12, "the signal", "middle", kind="region"),
        _text(x + r - 14, y + 9, "equator", "end"),
        f'<path class="early" d="M{start[0]} {start[1]}q-4 -48 20 -78"/>',
        f'<path class="tip early-tip" d="M{x - 36} {y - 58}l16 -9l-2 17z"/>',
        _text(x - 33, y - 33, "early direction"),
        f'<circle class="dot" cx="{start[0]}" cy="{start[1]}" r="5"/>',
        _text(start[0] - 10, start[1] + 26, "a random start"),
    ]
    words = (
        "A sphere. The signal is its pole. A random start lies on the equator. From there an "
        "arrow, the early direction, leads toward the pole."
    )
    return _svg("prlib-sphere", 220, 232, words, parts)


def half_point_axis(
    halves: pd.DataFrame, ticks: Sequence[tuple[str, float, float]], alphas: tuple[float, float]
) -> str:
    """Draw where half the descents of each start recover, under what theory says of infinite size.

    Parameters
    ----------
    halves : pandas.DataFrame
        start, n, half; those of the smallest and largest n of a start are drawn.
    ticks : sequence of (str, float, float)
        Name, and the ends of an interval of alpha, of what theory marks; equal where it is sharp.
    alphas : tuple of float
        Ends of the axis.
    """
    left, right, row = 10, WIDTH - 10, 36

    def x(alpha: float) -> float:
        return left + (right - left) * (alpha - alphas[0]) / (alphas[1] - alphas[0])

    starts = list(dict.fromkeys(halves["start"]))
    top = 26 * len(ticks)
    bottom = top + 14 + row * len(starts)
    parts = []
    for number, (name, low, high) in enumerate(ticks):
        height, width = 26 * number + 16, max(x(high) - x(low), 2)
        kind = "theory" if width > 2 else "theory sharp"
        parts.append(
            f'<rect class="{kind}" x="{(x(low) + x(high) - width) / 2:.1f}" y="{height + 5}" '
            f'width="{width:.1f}" height="{bottom - height - 5}"/>'
        )
        ends = (x(low) - 4, "start") if x(high) < (left + right) / 2 else (x(high) + 4, "end")
        parts.append(_text(ends[0], height, name, ends[1]))
    for number, n in enumerate(sorted({halves["n"].min(), halves["n"].max()})):
        kind = "dot" if number else "hollow"
        parts.append(f'<circle class="{kind} size" cx="{left + 6}" cy="{26 * number + 11}" r="6"/>')
        parts.append(_text(left + 18, 26 * number + 16, f"{n} unknowns"))
    for number, start in enumerate(starts):
        rows = halves[halves["start"] == start].sort_values("n")
        y, colour = top + 22 + row * number, PALETTE[as_start(start).colour]
        least, most = (x(rows["half"].iloc[end]) for end in (0, -1))
        fits = most < (left + right) / 2
        parts += [
            f'<path d="M{least:.1f} {y}H{most:.1f}" stroke="{colour}" stroke-width="2"/>',
            f'<circle class="hollow" cx="{least:.1f}" cy="{y}" r="6" stroke="{colour}"/>',
            f'<circle cx="{most:.1f}" cy="{y}" r="6.5" fill="{colour}"/>',
            _text(
                most + 12 if fits else least - 12,
                y + 5,
                NAMES.get(start, as_start(start).label),
                "start" if fits else "end",
            ),
        ]
    parts.append(f'<path class="line" d="M{left} {bottom}H{right}"/>')
    for alpha in np.arange(np.ceil(alphas[0] * 2) / 2, alphas[1] + 1e-9, 0.5):
        parts.append(f'<path class="line" d="M{x(alpha):.1f} {bottom}v5"/>')
        parts.append(_text(x(alpha), bottom + 21, f"{alpha:g}", "middle"))
    parts.append(_text(WIDTH / 2, bottom + 42, "measurements per unknown, α", "middle"))
    words = "An axis of measurements per unknown. Theory marks "
    words += "; ".join(
        f"{name}: {low:.2f} to {high:.2f}"
        if high - low > 0.1
        else f"{name}: {(low + high) / 2:.2f}"
        for name, low, high in ticks
    )
    words += ". Half the descents recover at "
    words += "; ".join(
        f"{row.half:.2f} ({NAMES.get(row.start, row.start)}, {row.n} dimensions)"
        for row in halves.itertuples()
    )
    return _svg("prlib-axis", WIDTH, bottom + 50, f"{words}.", parts)


def _shades(told: Story, frame: Frame) -> Iterator[str]:
    """Return the outlines of where the squared overlap lies above each of the levels."""
    inside = (told.alphas >= frame.alphas[0]) & (told.alphas <= frame.alphas[1])
    lines = contour_generator(
        frame.x(told.times), frame.y(told.alphas[inside]), told.overlap2[inside]
    )
    for level in LEVELS:
        shapes = lines.filled(level, np.inf)[0]
        if shapes:
            yield "".join(f"{_path(shape)}Z" for shape in shapes)


def _spectrum(
    left: float, top: float, width: float, height: float, gap: float | None, reach: float
) -> str:
    """Draw the left end of a spectrum: its edge in the middle, the outlier before it if any.

    Every soft edge rises like a square root, which is all that so small a window shows.
    """
    edge, base = left + width * 0.45, top + height - 6
    steps = np.linspace(0, 1, 24) ** 2
    reached = left + width - 8 - edge
    bulk = [(edge + reached * s, base - (height - 18) * np.sqrt(s)) for s in steps]
    parts = [
        f'<rect class="window" x="{left}" y="{top}" width="{width}" height="{height}" rx="5"/>',
        f'<path class="bulk" d="{_path([*bulk, (bulk[-1][0], base)])}Z"/>',
        f'<path class="line" d="M{left + 8} {base}H{left + width - 8}"/>',
    ]
    if gap is not None:
        place = edge - gap / reach * width
        parts.append(
            f'<path class="outlier" d="M{place:.1f} {base}v{18 - height}"/>'
            f'<circle class="outlier-dot" cx="{place:.1f}" cy="{base + 18 - height:.1f}" r="4.5"/>'
        )
    return "".join(parts)


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _text(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return (
        f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>'
    )


def _svg(name: str, width: int, height: int, words: str, parts: Iterable[str]) -> str:
    return (
        f'<svg class="prlib-drawn {name}" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{html.escape(words, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )
