"""The book's notebooks: what they are, their parameters, and running one with others.

papermill executes; what it lets pass (a parameter that no cell defines, a value of the wrong
type or outside its range) is refused here before anything runs.
"""

from __future__ import annotations

import ast
import html
import io
import os
import re
import sys
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import nbformat
import numpy as np

from prlib.parameters import PARAMETERS, ParameterError, check, check_measurements

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
"""Where the notebooks of this checkout lie."""


@dataclass(frozen=True)
class NotebookParameter:
    """One parameter of a notebook.

    Attributes
    ----------
    name : str
        Its name, one of `prlib.parameters.PARAMETERS`.
    type : str
        "number", "integer", "text" or "flag", or "list of" one of these.
    default : object
        The value in the committed notebook.
    help : str
        What it is, from the comment beside it.
    """

    name: str
    type: str
    default: Any
    help: str


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
    quick : dict
        Values of some of them with which it takes minutes even where ``data/`` holds nothing, from
        its metadata (``prlib``, ``quick``); empty if it does so anyway.
    """

    name: str
    title: str
    parameters: tuple[NotebookParameter, ...]
    quick: Mapping[str, Any]


def notebooks(folder: Path = FOLDER) -> tuple[Notebook, ...]:
    """Return the notebooks of the book, in its order.

    Parameters
    ----------
    folder : pathlib.Path
        Where they lie.

    Returns
    -------
    tuple of Notebook
        Name, title and parameters of each.

    Raises
    ------
    FileNotFoundError
        If there is no notebook: prlib then runs outside its repository.

    Examples
    --------
    >>> notebooks()[0].name
    '01-bbp-at-initialisation'
    """
    paths = sorted(folder.glob("[0-9][0-9]-*.ipynb"))
    if not paths:
        raise FileNotFoundError(
            f"no notebooks in {folder}: prlib finds them beside its package, so run it from a "
            "checkout of the repository"
        )
    return tuple(_describe(path) for path in paths)


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
    name : str
        Name of a notebook, as `notebooks` gives it.
    parameters : mapping of str to object, optional
        Values that replace the defaults.
    output : path, optional
        Where the executed notebook goes; by default ``NAME.rerun.ipynb`` in the current folder.
    quick : bool
        Whether to take the notebook's values for a first look (smaller sizes, fewer runs) for
        whatever `parameters` does not set.
    overwrite : bool
        Whether an existing output may be replaced.
    folder : pathlib.Path
        Where the notebooks lie.

    Returns
    -------
    pathlib.Path
        The written notebook.

    Raises
    ------
    ValueError
        Before anything runs: an unknown name or parameter, a wrong type, a value out of range.
    FileExistsError
        If the output exists and must not be replaced.
    RuntimeError
        If a cell fails; nothing is written then.
    """
    import papermill  # noqa: PLC0415 - slow to import, and only needed here

    notebook = _find(name, folder)
    values = checked(notebook, {**(notebook.quick if quick else {}), **(parameters or {})})
    target = Path(output) if output is not None else Path(f"{notebook.name}.rerun.ipynb")
    if target.is_dir() or not target.resolve().parent.is_dir():
        raise ParameterError(f"output = {str(target)!r}: must be a file in a folder that exists")
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"output = {str(target)!r}: exists already; name another with -o, or replace it with "
            "--overwrite"
        )
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial.ipynb")
    try:
        papermill.execute_notebook(
            str(folder / f"{notebook.name}.ipynb"),
            str(partial),
            parameters=values,
            kernel_name="python3",
            progress_bar={"desc": notebook.name, "leave": True},
            # The bars of the cells themselves, as they move.
            stderr_file=sys.stderr,
        )
        _keep_results(partial)
        partial.replace(target)
    except papermill.PapermillExecutionError as error:
        raise RuntimeError(
            f"{notebook.name}: cell {error.cell_index} failed with {error.ename}: {error.evalue}"
        ) from None
    finally:
        partial.unlink(missing_ok=True)
    return target


def checked(notebook: Notebook, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Check values for a notebook's parameters against its parameters cell and the registry.

    Parameters
    ----------
    notebook : Notebook
        The notebook.
    parameters : mapping of str to object
        Values that replace the defaults.

    Returns
    -------
    dict
        The values in their own types, ready for papermill.

    Raises
    ------
    ValueError
        In one line: what, the value, what is accepted.
    """
    known = {parameter.name: parameter.default for parameter in notebook.parameters}
    for unknown in parameters.keys() - known.keys():
        raise ParameterError(
            f"parameter {unknown!r}: {notebook.name} has none of that name; it has "
            + ", ".join(known)
        )
    values = {name: check(name, value) for name, value in parameters.items()}
    _check_sizes({**known, **values})
    return {name: list(v) if isinstance(v, tuple) else v for name, v in values.items()}


def _check_sizes(values: Mapping[str, Any]) -> None:
    # The smallest size and the smallest alpha must leave a measurement.
    def smallest(kinds: tuple[str, ...]) -> float:
        chosen = [
            value
            for name, value in values.items()
            if name.split("_")[0] in kinds and name != "alpha_factor"
        ]
        return min((np.min(value) for value in chosen if np.size(value)), default=np.inf)

    n, alpha = smallest(("n", "sizes")), smallest(("alpha", "alphas"))
    if np.isfinite(n) and np.isfinite(alpha):
        check_measurements(int(n), float(alpha))


def verdict_of(path: str | os.PathLike) -> str:
    """Return the verdict that an executed notebook ends with.

    Parameters
    ----------
    path : path
        An executed notebook.

    Returns
    -------
    str
        The text of its verdict cell; empty if it has none.
    """
    cells = nbformat.read(path, as_version=4).cells
    return "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for cell in cells
        if "verdict" in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
    ).strip()


def _keep_results(path: Path) -> None:
    """Drop what is no result: progress on standard error, and times and durations."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    parameters = notebook.metadata.pop("papermill", {}).get("parameters", {})
    if parameters:
        notebook.metadata["papermill"] = {"parameters": parameters}
    nbformat.write(notebook, path)


def figure_of(path: str | os.PathLike, figure: str) -> bytes:
    """Return a figure of an executed notebook.

    Parameters
    ----------
    path : path
        An executed notebook.
    figure : str
        The figure's id, which starts with ``fig-``.

    Returns
    -------
    bytes
        The SVG file.

    Raises
    ------
    ValueError
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


def _find(name: str, folder: Path) -> Notebook:
    known = {notebook.name: notebook for notebook in notebooks(folder)}
    if name not in known:
        raise ParameterError(
            f"notebook {name!r}: must be the name of one (a name, not a path): " + ", ".join(known)
        )
    return known[name]


def _describe(path: Path) -> Notebook:
    notebook = nbformat.read(path, as_version=4)
    cells = notebook.cells
    title = next(
        line.removeprefix("# ").strip()
        for cell in cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("# ")
    )
    sources = [c.source for c in cells if "parameters" in c.metadata.get("tags", [])]
    parameters = _read_parameters(sources[0] if sources else "")
    quick = dict(notebook.metadata.get("prlib", {}).get("quick", {}))
    return Notebook(path.stem, title, parameters, quick)


def _read_parameters(source: str) -> tuple[NotebookParameter, ...]:
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found = []
    for statement in ast.parse(source).body:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
            continue
        name = statement.targets[0].id
        registered = PARAMETERS[name]
        kind = f"list of {registered.kind}" if registered.many else registered.kind
        default = ast.literal_eval(statement.value)
        help_ = comments.get(statement.end_lineno or 0, registered.help)
        found.append(NotebookParameter(name, kind, default, help_))
    return tuple(found)
