"""What holds, for a page: a row a chapter, what was refuted, and every claim folded away."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from typing import get_args

import nbformat

from companion.claims.typeset import TITLES, cells
from companion.claims.verdicts import Verdict
from companion.reexecution import FOLDER, notebooks
from companion.sphinx.chapters import number
from companion.verification import Held

WORST: tuple[Verdict, ...] = ("FAIL", "OPEN", "UNDERPOWERED", "PASS")
"""Of these the first that occurs is the verdict of a chapter; what was refuted is listed apart."""

HEADS = ("verdict", "chapter and claim", "physics", "checks")
"""Columns of the table of chapters."""

Told = dict[str, tuple[str, str]]
"""Title and claim of each chapter, by name."""


def what_holds(claims: Sequence[Held]) -> dict[str, str]:
    """Return what `prlib verify` prints, from the short to the long, for the page to place."""
    by_place = {
        place: list(held)
        for place, held in itertools.groupby(claims, lambda held: held.source.partition("/")[0])
    }
    told = {notebook.name: (notebook.title, claim(notebook.name)) for notebook in notebooks()}
    rows = [row(place, held, told) for place, held in by_place.items()]
    refuted = [held for held in claims if held.verdict == "REFUTED"]
    folded = [
        f'<details class="prlib-claims"><summary>{summary(place, held, told)}</summary>\n\n'
        f"{table(held)}\n\n</details>"
        for place, held in by_place.items()
    ]
    return {
        "holds_chapters": "\n".join([_line(HEADS), "| --- " * len(HEADS) + "|", *rows]),
        "holds_refuted": table(refuted) if refuted else "None.",
        "holds_claims": "\n\n".join(folded),
    }


def claim(name: str) -> str:
    """Return the first sentence of what a chapter claims, fit for a cell of a table."""
    opening = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells[0].source
    found = re.search(r"\*\*Claim\.\*\* (.*?[.])(?:\s|$)", opening, re.DOTALL)
    return found[1].replace("\n", " ").replace("|", r"\vert ") if found else ""


def row(place: str, claims: Sequence[Held], told: Told) -> str:
    """Return the row of a chapter: its joint verdict, itself, and how many claims hold."""
    physics = [held for held in claims if held.kind == "physics" and held.verdict != "REFUTED"]
    others = [held for held in claims if held.kind != "physics"]
    what = f"{_link(place, told)}<br>{told[place][1]}" if place in told else _link(place, told)
    return _line((_badge(joint(physics or others)), what, *map(_of, (physics, others))))


def joint(claims: Sequence[Held]) -> Verdict:
    """Return the verdict of several claims: that of the one that holds least."""
    found = {held.verdict for held in claims}
    return next((one for one in WORST if one in found), "OPEN")


def summary(place: str, claims: Sequence[Held], told: Told) -> str:
    """Return what is seen of the folded claims of a chapter."""
    counts = Counter(held.verdict for held in claims)
    shown = ", ".join(f"{counts[one]} {one}" for one in get_args(Verdict) if counts[one])
    return f"{_name(place, told)}: {shown}"


def table(claims: Sequence[Held]) -> str:
    """Return a table of claims."""
    rows = [_line(cells(held, "markdown").values()) for held in claims]
    return "\n".join([_line(TITLES), "| --- " * len(TITLES) + "|", *rows])


def _line(parts: Sequence[str]) -> str:
    return f"| {' | '.join(parts)} |"


def _badge(verdict: Verdict) -> str:
    return f'<span class="verdict {verdict.lower()}">{verdict}</span>'


def _name(place: str, told: Told) -> str:
    return f"{number(place)}. {told[place][0]}" if place in told else "Tables of results"


def _link(place: str, told: Told) -> str:
    target = f"../notebooks/{place}.ipynb" if place in told else "data.md"
    return f"[{_name(place, told)}]({target})"


def _of(claims: Sequence[Held]) -> str:
    passed = sum(held.verdict == "PASS" for held in claims)
    return f"{passed} of {len(claims)}" if claims else ""
