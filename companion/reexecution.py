"""The book's notebooks: what they are, and running one with parameters of your own.

papermill puts the parameters in; what it lets pass (one that no cell defines, a wrong type, a
value out of range) is refused here before anything runs.
"""

from __future__ import annotations

import html
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import nbformat

from companion.kernel import Interruption, own_kernel
from companion.parameters import NotebookParameter, checked, declared
from prlib.parameters import ParameterError
from prlib.sweeps.store import write_whole

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
"""Where the notebooks of this checkout lie."""

LONGEST = 200
"""Bytes of a file's name that leave room for that of its partial file."""

STEPS = (1, 2, 5)
"""Seconds are told in these times a power of ten, so that a second run tells the same."""


@dataclass(frozen=True)
class Notebook:
    """One notebook of the book.

    Attributes
    ----------
    name : str
        Its file name without the ending, which is also its name on the command line.
    title : str
        Its first heading.
    parameters : tuple of NotebookParameter
        What can be set, in the order of its parameters cell.
    quick : mapping
        Values of some of them with which it takes minutes even where ``data/`` holds nothing, from
        its metadata (``prlib``, ``quick``); empty if it does so anyway.
    seconds : mapping of str to int
        How long it took when last executed, at its own values (``book``) and the quick ones.
    """

    name: str
    title: str
    parameters: tuple[NotebookParameter, ...]
    quick: Mapping[str, Any]
    seconds: Mapping[str, int]

    def described(self) -> dict[str, Any]:
        """Return what a reader sees of it."""
        parameters = [parameter.described() for parameter in self.parameters]
        return {"name": self.name, "title": self.title, "parameters": parameters} | {
            key: dict(getattr(self, key)) for key in ("quick", "seconds")
        }


def notebooks(folder: Path = FOLDER) -> tuple[Notebook, ...]:
    """Return the notebooks of the book, in its order.

    Raises
    ------
    FileNotFoundError
        If there is none: only the library is installed, without the book.

    Examples
    --------
    >>> notebooks()[0].name
    '01-bbp-at-initialisation'
    """
    return tuple(_describe(path) for path in _paths(folder))


def find(name: str, folder: Path = FOLDER) -> Notebook:
    """Return one notebook, or raise a `ParameterError` with the names of all."""
    known = {path.stem: path for path in _paths(folder)}
    if name not in known:
        raise ParameterError(
            f"notebook {name!r}: must be the name of one (a name, not a path): " + ", ".join(known)
        )
    return _describe(known[name])


def expected_time(notebook: Notebook, values: Mapping[str, Any], *, quick: bool = False) -> str:
    """Say how long a run takes, from how long the last one took; empty if that is not known."""
    kind = _kind(notebook, quick=quick)
    kind = kind if kind in notebook.seconds else "book"
    if kind not in notebook.seconds:
        return ""
    took = f"{notebook.name}: took about {told(notebook.seconds[kind])} on two cores"
    where = "with --quick" if kind == "quick" else "at the book's parameters"
    more = "; other values may take longer: runs that are not kept in data/ are computed"
    return f"{took} {where}{more if values else ''}"


def _kind(notebook: Notebook, *, quick: bool) -> str:
    return "quick" if quick and notebook.quick else "book"


def rerun(
    name: str,
    parameters: Mapping[str, Any] | None = None,
    output: str | os.PathLike | None = None,
    *,
    quick: bool = False,
    overwrite: bool = False,
    folder: Path = FOLDER,
) -> Path:
    """Execute a notebook with parameters of your own and write it elsewhere.

    Parameters
    ----------
    parameters : mapping of str to object, optional
        Values that replace the defaults.
    output : path, optional
        Where the executed notebook goes; by default ``NAME.rerun.ipynb`` in the current folder.
    quick : bool
        Whether to take the notebook's values for a first look (smaller sizes, fewer runs) for
        whatever `parameters` does not set.
    overwrite : bool
        Whether an existing output may be replaced.

    Raises
    ------
    ParameterError
        Before anything runs: an unknown name or parameter, a wrong type, a value out of range, an
        output that cannot be written.
    FileExistsError
        If the output exists and must not be replaced.
    RuntimeError
        If a cell fails; nothing is written then.
    KeyboardInterrupt
        When interrupted, also by SIGTERM; nothing is written then, and no process is left.
    """
    notebook = find(name, folder)
    values = checked(
        notebook.parameters, {**(notebook.quick if quick else {}), **(parameters or {})}
    )
    target = _target(output, notebook, overwrite=overwrite)
    node = nbformat.read(folder / f"{notebook.name}.ipynb", as_version=4)
    if told := expected_time(notebook, values, quick=quick):
        sys.stderr.write(f"prlib: {told}\n")
    began = time.monotonic()
    executed = _executed(node, notebook.name, values)
    _keep_results(executed)
    if not parameters:
        kept = executed.metadata.setdefault("prlib", nbformat.NotebookNode())
        took = {_kind(notebook, quick=quick): _rounded(time.monotonic() - began)}
        kept["seconds"] = {**kept.get("seconds", {}), **took}
    changed = _changed(notebook, values)
    if changed:
        executed.cells.insert(0, _preface(notebook, changed))
    write_whole(target, nbformat.writes(executed).encode())
    return target


def verdict_of(path: str | os.PathLike) -> str:
    """Return the text of an executed notebook's verdict cell; empty if it has none."""
    return "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for cell in nbformat.read(path, as_version=4).cells
        if "verdict" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
    ).strip()


def figure_of(path: str | os.PathLike, figure: str) -> bytes:
    """Return a figure of an executed notebook, by its id, as SVG.

    Raises
    ------
    ParameterError
        If the notebook has no figure of that id.
    """
    shown = re.compile(
        rf'<figure [^>]*id="{re.escape(figure)}"><img src="data:image/svg\+xml,([^"]+)"'
    )
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            if found := shown.match(output.get("data", {}).get("text/html", "")):
                return unquote_to_bytes(html.unescape(found[1]))
    raise ParameterError(f"figure {figure!r}: {Path(path).name} must show it, and does not")


def _paths(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("[0-9][0-9]-*.ipynb"))
    if not paths:
        raise FileNotFoundError(
            f"no notebooks in {folder}: the commands of the book need a checkout of its repository "
            "(the library's, as prlib thresholds, do not)"
        )
    return paths


def _describe(path: Path) -> Notebook:
    try:
        notebook = nbformat.read(path, as_version=4)
    except (ValueError, OSError, KeyError, AttributeError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "it is cut short or no notebook"
        raise ParameterError(f"{path.name}: cannot be read: {reason}") from None
    lines = (
        line
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
    )
    title = next((line[2:].strip() for line in lines if line.startswith("# ")), None)
    if title is None:
        raise ParameterError(f"{path.name}: must have a heading, a line of text such as '# Title'")
    sources = [c.source for c in notebook.cells if "parameters" in c.metadata.get("tags", [])]
    kept = notebook.metadata.get("prlib", {})
    try:
        parameters = declared(sources[0] if sources else "", kept.get("parameters", {}))
    except (ValueError, SyntaxError) as error:
        raise ParameterError(f"{path.name}: {error}") from None
    quick, seconds = dict(kept.get("quick", {})), dict(kept.get("seconds", {}))
    return Notebook(path.stem, title, parameters, quick, seconds)


def _target(output: str | os.PathLike | None, notebook: Notebook, *, overwrite: bool) -> Path:
    target = Path(output) if output is not None else Path(f"{notebook.name}.rerun.ipynb")
    folder = target.resolve().parent
    long = any(len(os.fsencode(part)) > LONGEST for part in target.parts)
    if long or target.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ParameterError(
            f"output = {str(target)!r}: must be a file in a folder that exists and can be written; "
            "name another with -o"
        )
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"output = {str(target)!r}: exists already; name another with -o, or replace it with "
            "--overwrite"
        )
    return target


def _executed(
    node: nbformat.NotebookNode, name: str, values: Mapping[str, Any]
) -> nbformat.NotebookNode:
    import papermill  # noqa: PLC0415 - slow to import, and only needed here

    # papermill asks for both, which a notebook made by a program may lack.
    node.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3"})
    node.metadata.setdefault("language_info", {"name": "python"})
    with own_kernel() as kernel, Interruption(kernel) as interruption:
        try:
            # A node and no path: papermill takes the braces of a path for its own.
            return papermill.execute_notebook(
                node,
                None,
                parameters=dict(values),
                km=kernel,
                progress_bar={"desc": name, "leave": True},
                # The bars of the cells themselves, as they move.
                stderr_file=interruption,
            )
        except (papermill.PapermillExecutionError, RuntimeError) as error:
            if interruption.came:
                raise KeyboardInterrupt(
                    f"{name}: interrupted, nothing is written; finished runs are kept, and the "
                    "same command goes on from there"
                ) from None
            if isinstance(error, RuntimeError):
                raise
            raise RuntimeError(
                f"{name}: cell {error.cell_index} failed with {error.ename}: {error.evalue}"
            ) from None


def _changed(notebook: Notebook, values: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {parameter.name: parameter.default for parameter in notebook.parameters}
    return {name: value for name, value in values.items() if value != defaults[name]}


def _preface(notebook: Notebook, changed: Mapping[str, Any]) -> nbformat.NotebookNode:
    defaults = {parameter.name: parameter.default for parameter in notebook.parameters}
    told = ", ".join(
        f"`{name} = {value}` (not {defaults[name]})" for name, value in changed.items()
    )
    text = (
        f"**Executed with other parameters than the book's:** {told}. Figures, captions, tables "
        "and verdicts are of this run; what the text says of results is of the book's."
    )
    return nbformat.v4.new_markdown_cell(text, id="other-parameters")


def _keep_results(notebook: nbformat.NotebookNode) -> None:
    """Drop what is no result: progress on standard error, and times and durations."""
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    parameters = notebook.metadata.pop("papermill", {}).get("parameters", {})
    if parameters:
        notebook.metadata["papermill"] = {"parameters": parameters}


def _rounded(seconds: float) -> int:
    """Round up to one, two or five times a power of ten."""
    power = 1
    while True:
        for step in STEPS:
            if seconds <= step * power:
                return step * power
        power *= 10


def told(seconds: int) -> str:
    """Say a time in seconds or minutes.

    Examples
    --------
    >>> told(50), told(100)
    ('50 s', '2 min')
    """
    return f"{seconds} s" if seconds < 100 else f"{seconds / 60:.0f} min"
