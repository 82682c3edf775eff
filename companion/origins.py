"""Where a figure, a claim, a table or a notebook comes from: function, cell, tables, specs, tests.

The registries of figures and claims say what makes and what tests one; the executed notebooks say
which cell shows it and which tables it was drawn from.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from string import Formatter

import nbformat

from companion.claims import claim as claims
from companion.figures import export as figures
from companion.reexecution import FOLDER, notebooks
from prlib.parameters import ParameterError
from prlib.sweeps.data import THEORY

ROOT = FOLDER.parent

VERDICTS = "make nbval"
"""What runs every notebook, and compares its verdicts with the committed ones."""

CLAIM_TEST = "tests/companion/claims/test_rows.py"
"""What holds every claim against a table that passes and one that fails."""


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
    tables, specs : tuple of str
        What it was drawn from; of a claim and a notebook, what the notebook's figures were.
    tests : tuple of str
        What holds it.
    """

    id: str
    kind: str
    function: str = ""
    cell: str = ""
    tables: tuple[str, ...] = ()
    specs: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()


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
        near = ", ".join(get_close_matches(id_, known, n=3, cutoff=0.4)) or "none"
        raise ParameterError(
            f"id {id_!r}: must be that of a notebook, figure, claim or table (near it: {near}; "
            "prlib notebooks, figures and verify list them)"
        )
    return known[id_]


@cache
def _shown(folder: Path) -> dict[str, Origin]:
    found: dict[str, Origin] = {}
    for notebook in notebooks(folder):
        path = folder / f"{notebook.name}.ipynb"
        drawn, stated, read = {}, {}, {}
        for cell in nbformat.read(path, as_version=4).cells:
            place = f"notebooks/{path.name}#{cell.get('id', '')}"
            for data in (output.get("data", {}) for output in cell.get("outputs", ())):
                if figure := data.get(figures.MIME):
                    drawn[figure["id"]] = place, tuple(s["table"] for s in figure["sources"])
                    read |= dict.fromkeys(drawn[figure["id"]][1])
                stated |= {one["id"]: place for one in data.get(claims.MIME, {}).get("claims", ())}
        found |= {id_: _figure(id_, *told) for id_, told in drawn.items()}
        found |= {id_: _claim(id_, place, tuple(read)) for id_, place in stated.items()}
        found[notebook.name] = Origin(
            notebook.name,
            "notebook",
            cell=f"notebooks/{path.name}",
            tables=tuple(read),
            specs=_specs(*read),
            tests=(VERDICTS,),
        )
    return found | _tables()


def _figure(id_: str, cell: str, tables: tuple[str, ...]) -> Origin:
    known = figures.registered().get(id_)
    function, test = (_place(known.function), known.test) if known else ("", "")
    tests = tuple(filter(None, (test, VERDICTS)))
    return Origin(id_, "figure", function, cell, tables, _specs(*tables), tests)


def _claim(id_: str, cell: str, tables: tuple[str, ...]) -> Origin:
    rows = [row for chapter in claims.registered().values() for row in chapter]
    fitting = [row for row in rows if _pattern(row.id).fullmatch(id_)]
    # Of two templates that fit, the one with more letters of its own.
    row = max(fitting, key=lambda row: len(re.sub(r"\{[^}]*\}", "", row.id)), default=None)
    function = _place(row.estimator) if row else ""
    tests = (CLAIM_TEST, VERDICTS)
    return Origin(id_, "claim", function, cell, tables, _specs(*tables), tests)


def _tables() -> dict[str, Origin]:
    found = {}
    for path in sorted((ROOT / "data").glob("**/*.parquet")):
        table = path.relative_to(ROOT)
        parts = table.with_suffix("").parts
        # As `prlib verify` calls them: a table of another machine by its folder alone.
        id_ = "-".join(parts[1:] if len(parts) > 2 and parts[1] != THEORY else parts)
        specs, tests = _specs(table.as_posix()), ("prlib verify",)
        id_ = id_.replace("_", "-")
        found[id_] = Origin(id_, "table", tables=(table.as_posix(),), specs=specs, tests=tests)
    return found


def _specs(*tables: str) -> tuple[str, ...]:
    paths = (
        Path("data", "specs", THEORY if Path(table).parent.name == THEORY else "")
        / f"{Path(table).stem}.toml"
        for table in tables
    )
    return tuple(path.as_posix() for path in paths if (ROOT / path).exists())


def _place(function: Callable) -> str:
    code = inspect.unwrap(function).__code__
    path = Path(code.co_filename).resolve().relative_to(ROOT).as_posix()
    return f"{path}:{code.co_firstlineno} {function.__qualname__.split('.')[0]}"


def _pattern(template: str) -> re.Pattern:
    parts = Formatter().parse(template)
    return re.compile(
        "".join(re.escape(text) + (".+" if name is not None else "") for text, name, *_ in parts)
    )
