"""What a figure shows, as a table: every line, point, interval, band and map, panel by panel."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import (
    Collection,
    FillBetweenPolyCollection,
    LineCollection,
    QuadMesh,
)
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch

COLUMNS = (
    *("panel", "heading", "artist", "kind", "label", "colour", "x_axis", "y_axis"),
    *("x", "y", "low", "high", "value"),
)
"""panel is the letter; artist numbers what is drawn in it; kind is line, point (with its interval
from low to high, in y), edges (of a histogram: y between x and high), band (from low to high, in y
at an x, or in x at a y), map (value at x, y) or reference (a line across the panel); label is the
legend's, or empty; x_axis and y_axis are the axes' labels with their units."""

UNITS = (("time", "flow time"), (r"t - t'", "flow time"), ("alpha", "M/N"))
"""Units of the axes whose labels hold these words. Every other quantity is a pure number: fields
and labels have unit variance, energies are those of a dimension."""


def plotted(figure: Figure) -> pd.DataFrame:
    """Read off what a figure draws.

    Returns
    -------
    pandas.DataFrame
        One row a point, with the columns `COLUMNS`; what a column does not concern is NaN.

    Examples
    --------
    >>> figure = Figure()
    >>> _ = figure.subplots().plot([0, 1], [2, 3], label="two points")
    >>> plotted(figure)[["panel", "kind", "label", "x", "y"]].values.tolist()
    [['a', 'line', 'two points', 0.0, 2.0], ['a', 'line', 'two points', 1.0, 3.0]]
    """
    rows = []
    for number, axis in enumerate(figure.axes):
        panel, names = chr(ord("a") + number), _names(axis)
        for artist, found in enumerate(_artists(axis), 1):
            kind, label, colour, columns = found
            columns = {name: np.ravel(values).astype(float) for name, values in columns.items()}
            table = pd.DataFrame(columns)
            rows.append(
                table.assign(
                    panel=panel, artist=artist, kind=kind, label=label, colour=colour, **names
                )
            )
    table = pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()
    return table.reindex(columns=list(COLUMNS))


def as_csv(figure: Figure) -> str:
    """Write what a figure draws as CSV, ten digits a number; equal figures give equal bytes."""
    return plotted(figure).to_csv(index=False, float_format="%.10g", lineterminator="\n")


def ends_in_words(figure: Figure) -> str:
    """Say from where to where what a figure's legend names goes, panel by panel, for alt texts.

    Examples
    --------
    >>> figure = Figure()
    >>> axis = figure.subplots()
    >>> _ = axis.plot([0, 1, 2], [3, 9, 4.123], label="theory"), axis.set_xlabel("time t")
    >>> ends_in_words(figure)
    '(a) against time t: theory from 3 at 0 to 4.1 at 2.'
    """
    table = plotted(figure).dropna(subset=["x", "y"])
    table = table[table["kind"].isin(["line", "point"]) & (table["label"] != "")]
    told = []
    for panel, rows in table.groupby("panel"):
        x, y = (re.sub(r" \[.*\]$", "", rows[f"{one}_axis"].iloc[0]) for one in "xy")
        name = ", ".join(filter(None, dict.fromkeys([rows["heading"].iloc[0], y])))
        each = [
            f"{found['label'].iloc[0]} from {_end(found.iloc[0])} to {_end(found.iloc[-1])}"
            for _, found in rows.groupby("artist", sort=False)
        ]
        told.append(f"({panel}) {name} against {x}: {'; '.join(each)}.".replace("  ", " "))
    return " ".join(told)


def _end(row: pd.Series) -> str:
    return f"{row['y']:.2g} at {row['x']:.3g}"


def label_of(axis: Axes, which: str) -> str:
    """Return the label of a panel's x or y axis, if it has none, that of its neighbours."""
    # Of panels in a row or column, or of shared axes, only the outermost is labelled.
    span = "colspan" if which == "x" else "rowspan"
    shared = getattr(axis, f"get_shared_{which}_axes")().get_siblings(axis)
    beside = [one for one in axis.figure.axes if _span(one, span) == _span(axis, span)]
    labels = (getattr(one, f"get_{which}label")() for one in [axis, *shared, *beside])
    return next((label for label in labels if label), "")


def _names(axis: Axes) -> dict[str, str]:
    names = {"heading": re.sub(r"^\([a-z]\)\s*", "", axis.get_title(loc="left"))}
    for name in "xy":
        label = label_of(axis, name)
        unit = next((unit for word, unit in UNITS if word in label), "1")
        names[f"{name}_axis"] = label and f"{label} [{unit}]"
    return {name: _plain(text) for name, text in names.items()}


def _span(axis: Axes, name: str) -> tuple[int, int] | None:
    spec = axis.get_subplotspec()
    return None if spec is None else (getattr(spec, name).start, getattr(spec, name).stop)


def _plain(text: str) -> str:
    """Take mathematics and line breaks out of a label."""
    text = re.sub(r"\\(mathrm|text)\{(.*?)\}", r"\2", text.replace("\n", " "))
    return re.sub(r"[${}\\]", "", text).strip()


def _artists(axis: Axes) -> Iterator[tuple[str, str, str, dict]]:
    inside: set[int] = set()
    for container in axis.containers:
        if isinstance(container, ErrorbarContainer):
            line, _, bars = container.lines
            inside |= {id(line), *map(id, bars)}
            colour = to_hex(line.get_color())
            yield "point", _label(container), colour, _with_interval(line, bars)
    for line in axis.lines:
        if id(line) not in inside:
            yield _line(line, axis)
    for collection in axis.collections:
        if id(collection) not in inside:
            yield from _collection(collection)
    for patch in axis.patches:
        if isinstance(patch, StepPatch):
            values, edges, _ = patch.get_data()
            data = {"x": edges[:-1], "high": edges[1:], "y": values}
            yield "edges", _label(patch), to_hex(patch.get_facecolor()), data


def _line(line: Line2D, axis: Axes) -> tuple[str, str, str, dict]:
    label, colour = _label(line), to_hex(line.get_color())
    x, y = line.get_data(orig=False)
    if line.get_transform() == axis.transData:
        bare = line.get_linestyle() in {"None", "none", "", " "}
        return "point" if bare else "line", label, colour, {"x": x, "y": y}
    # One of the two runs from edge to edge of the panel, and says nothing.
    upright = x[0] == x[-1]
    data = {"x": [x[0]] if upright else [np.nan], "y": [np.nan] if upright else [y[0]]}
    return "reference", label, colour, data


def _collection(collection: Collection) -> Iterator[tuple[str, str, str, dict]]:
    label, colours = _label(collection), collection.get_facecolor()
    colour = to_hex(colours[0]) if len(colours) else ""
    if isinstance(collection, QuadMesh):
        yield "map", label, "", _map(collection)
    elif isinstance(collection, FillBetweenPolyCollection):
        for path in collection.get_paths():
            if collection.t_direction == "x":
                yield "band", label, colour, _band(path.vertices)
            else:
                band = _band(path.vertices[:, ::-1])
                yield "band", label, colour, {"y": band.pop("x"), **band}
    elif isinstance(collection, LineCollection):
        for segment in collection.get_segments():
            yield "line", label, "", {"x": segment[:, 0], "y": segment[:, 1]}


def _with_interval(line: Line2D, bars: tuple[LineCollection, ...]) -> dict:
    x, y = line.get_data(orig=False)
    data = {"x": x, "y": y}
    for bar in bars:
        # A point without an interval, as the mean of one run, has a segment without ends.
        none = np.full((2, 2), np.nan)
        segments = np.array([s if len(s) == 2 else none for s in bar.get_segments()])
        if len(segments) == len(x) > 0 and np.allclose(*segments[..., 0].T, equal_nan=True):
            data |= {"low": segments[:, 0, 1], "high": segments[:, 1, 1]}
    return data


def _band(vertices: np.ndarray) -> dict:
    # There along one side and back along the other: the ends of each x (or y) that occurs.
    table = pd.DataFrame(vertices, columns=["x", "y"]).groupby("x")["y"].agg(["min", "max"])
    return {"x": table.index, "low": table["min"], "high": table["max"]}


def _map(mesh: QuadMesh) -> dict:
    corners, values = mesh.get_coordinates(), np.ma.filled(mesh.get_array(), np.nan)
    values = values.reshape(-1, values.shape[-1]) if values.ndim > 1 else values
    if corners.shape[:2] != values.shape:  # the values of cells, not of corners
        corners = (corners[:-1, :-1] + corners[1:, 1:]) / 2
        values = values.reshape(corners.shape[:2])
    return {"x": corners[..., 0], "y": corners[..., 1], "value": values}


def _label(artist: object) -> str:
    label = str(artist.get_label())
    return "" if label.startswith("_") else _plain(label)
