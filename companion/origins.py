"""Where a figure, a claim or a notebook comes from: function, cell, tables, specs and tests.

The notebooks say which cell shows it and which tables that cell had read; the function is the one
whose source holds the id, or the estimator that the claim is registered with.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import nbformat

from companion.claims import claim as claims
from companion.figures.export import MIME as FIGURE
from companion.reexecution import FOLDER, notebooks
from prlib.parameters import ParameterError

ROOT = FOLDER.parent

THEORY = "theory"
"""Folder of the tables that theory computed, and of their specs."""


@dataclass(frozen=True)
class Origin:
    """Where something of the book comes from; places are ``file:line``, from the checkout.

    Attributes
    ----------
    kind : str
        "figure", "claim", "table" or "notebook".
    function : str
        What draws or decides it; empty for a notebook and a table.
    cell : str
        The notebook's cell that shows it, as ``file#id``.
    tables, specs, tests : tuple of str
        Of the tables that its notebook had read by then.
    """

    id: str
    kind: str
    function: str
    cell: str
    tables: tuple[str, ...]
    specs: tuple[str, ...]
    tests: tuple[str, ...]


def where(id_: str, folder: Path = FOLDER) -> Origin:
    """Return where a figure, claim, table or notebook comes from.

    Raises
    ------
    ParameterError
        If there is nothing of that id; the message names those that come nearest.

    Examples
    --------
    >>> where("fig-half-points").cell.split("#")[0]
    'notebooks/06-finite-size-scaling.ipynb'
    """
    known = _shown(folder)
    if id_ not in known:
        raise ParameterError(
            f"id {id_!r}: must be that of a notebook, figure, claim or table" + _near(id_, known)
        )
    kind, cell, tables = known[id_]
    function = ""
    if kind == "claim":
        function = _registered(id_) or _function("claims", id_)
    elif kind == "figure":
        function = _function("figures", id_) or _called(folder, cell)
    specs = tuple(found for table in tables if (found := _spec(table)))
    return Origin(id_, kind, function, cell, tables, specs, _tests(id_, kind, function))


def _near(id_: str, known: dict[str, Any]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - for an error alone

    near = get_close_matches(id_, known, n=3, cutoff=0.4)
    return f" (near it: {', '.join(near)}; `prlib notebooks`, `figures` and `verify` list them)"


@cache
def _shown(folder: Path) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Return kind, cell and tables of all there is, by id."""
    found: dict[str, tuple[str, str, tuple[str, ...]]] = {}
    for notebook in notebooks(folder):
        path = folder / f"{notebook.name}.ipynb"
        name, tables = f"notebooks/{path.name}", ()
        for cell in nbformat.read(path, as_version=4).cells:
            place = f"{name}#{cell.get('id', '')}"
            for data in (output.get("data", {}) for output in cell.get("outputs", ())):
                if figure := data.get(FIGURE):
                    tables = tuple(source["table"] for source in figure["sources"])
                    found[figure["id"]] = ("figure", place, tables)
                for one in data.get(claims.MIME, {}).get("claims", ()):
                    found[one["id"]] = ("claim", place, tables)
        found[notebook.name] = ("notebook", name, tables)
    for path in sorted((ROOT / "data").glob("**/*.parquet")):
        table = path.relative_to(ROOT).as_posix()
        parts = path.relative_to(ROOT).with_suffix("").parts
        # As `prlib verify` calls them: a table of another machine by its folder alone.
        id_ = "-".join(parts[1:] if len(parts) > 2 and parts[1] != THEORY else parts)
        id_ = id_.replace("_", "-")
        found[id_] = ("table", "", (table,))
    return found


def _spec(table: str) -> str:
    path = Path(table)
    folder = THEORY if path.parent.name == THEORY else ""
    spec = Path("data", "specs", folder, f"{path.stem}.toml")
    return spec.as_posix() if (ROOT / spec).exists() else ""


def _place(path: str | Path, line: int, name: str) -> str:
    return f"{Path(path).resolve().relative_to(ROOT).as_posix()}:{line} {name}"


def _registered(id_: str) -> str:
    """Return the estimator of a claim, if it is registered."""
    rows = getattr(claims, "registered", dict)()
    matches = [
        row for chapter in rows.values() for row in chapter if _pattern(row.id).fullmatch(id_)
    ]
    if not matches:
        return ""
    # Of two templates that fit, the one with more letters of its own.
    row = max(matches, key=lambda row: len(re.sub(r"\{[^}]*\}", "", row.id)))
    return _of(row.estimator)


def _of(function: Callable) -> str:
    code = inspect.unwrap(function).__code__
    return _place(code.co_filename, code.co_firstlineno, function.__qualname__.split(".")[0])


def _pattern(template: str) -> re.Pattern:
    parts = Formatter().parse(template)
    return re.compile(
        "".join(re.escape(text) + (r".+" if name is not None else "") for text, name, _, _ in parts)
    )


def _function(package: str, id_: str) -> str:
    """Return the function of a package whose source holds an id, whole or as an f-string."""
    best, place = 0, ""
    for path in sorted((ROOT / "companion" / package).glob("*.py")):
        for function in _functions(path):
            for template in _texts(function):
                literal = re.sub(r"\{[^}]*\}", "", template)
                if len(literal) > best and _pattern(template).fullmatch(id_):
                    best, place = len(literal), _place(path, function.lineno, function.name)
    return place


def _called(folder: Path, place: str) -> str:
    """Return the function of figures that a cell calls, where it gives the id itself."""
    name, _, cell_id = place.rpartition("#")
    cells = nbformat.read(folder / Path(name).name, as_version=4).cells
    source = next(cell.source for cell in cells if cell.get("id", "") == cell_id)
    called = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    for path in sorted((ROOT / "companion" / "figures").glob("*.py")):
        for function in _functions(path):
            if function.name in called:
                return _place(path, function.lineno, function.name)
    return ""


@cache
def _functions(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def _texts(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"[\w-]+", node.value):
                yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                one.value if isinstance(one, ast.Constant) else "{x}" for one in node.values
            ).replace("{x}{x}", "{x}")


def _tests(id_: str, kind: str, function: str) -> tuple[str, ...]:
    """Return the tests that name the id or the function, and that of the notebook's verdicts."""
    words = [id_, *function.split()[1:]]
    called = re.compile("|".join(rf"\b{re.escape(word)}\b" for word in words))
    found = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if called.search(line) and not line.lstrip().startswith(("from ", "import ")):
                found.append(f"{path.relative_to(ROOT).as_posix()}:{number}")
                break
    return (*found, "make nbval") if kind != "table" else (*found, "prlib verify")
