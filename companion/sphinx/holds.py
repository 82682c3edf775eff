"""What holds, for a page: a row a chapter, what was refuted, and every claim folded away."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import get_args

from companion.claims.typeset import TITLES, cells
from companion.claims.verdicts import Verdict
from companion.reexecution import notebooks
from companion.verification import Held

WORST: tuple[Verdict, ...] = ("FAIL", "OPEN", "UNDERPOWERED", "PASS")
"""Of these the first that occurs is the verdict of a chapter; what was refuted is listed apart."""

HEADS = ("verdict", "chapter", "claims of physics", "checks")
"""Columns of the table of chapters."""


def what_holds(claims: Sequence[Held]) -> str:
    """Return the page of all claims, which `prlib verify` prints, from the short to the long."""
    titles = {notebook.name: notebook.title for notebook in notebooks()}
    by_place = {
        place: list(held)
        for place, held in itertools.groupby(claims, lambda held: held.source.partition("/")[0])
    }
    rows = [row(place, held, titles) for place, held in by_place.items()]
    refuted = [held for held in claims if held.verdict == "REFUTED"]
    folded = [
        f'<details class="prlib-claims"><summary>{summary(place, held, titles)}</summary>\n\n'
        f"{table(held)}\n\n</details>"
        for place, held in by_place.items()
    ]
    return "\n\n".join(
        (
            "## By chapter",
            "\n".join([_line(HEADS), "| --- " * len(HEADS) + "|", *rows]),
            "## Refuted",
            table(refuted) if refuted else "None.",
            "## Every claim",
            *folded,
        )
    )


def row(place: str, claims: Sequence[Held], titles: dict[str, str]) -> str:
    """Return the row of a chapter: its joint verdict, itself, and how many claims hold."""
    physics = [held for held in claims if held.kind == "physics" and held.verdict != "REFUTED"]
    others = [held for held in claims if held.kind != "physics"]
    return _line(
        (_badge(joint(physics or others)), _link(place, titles), *map(_of, (physics, others)))
    )


def joint(claims: Sequence[Held]) -> Verdict:
    """Return the verdict of several claims: that of the one that holds least."""
    found = {held.verdict for held in claims}
    return next((one for one in WORST if one in found), "OPEN")


def summary(place: str, claims: Sequence[Held], titles: dict[str, str]) -> str:
    """Return what is seen of the folded claims of a chapter."""
    counts = Counter(held.verdict for held in claims)
    shown = ", ".join(f"{counts[one]} {one}" for one in get_args(Verdict) if counts[one])
    return f"{_name(place, titles)}: {shown}"


def table(claims: Sequence[Held]) -> str:
    """Return a table of claims."""
    rows = [_line(cells(held, "markdown").values()) for held in claims]
    return "\n".join([_line(TITLES), "| --- " * len(TITLES) + "|", *rows])


def _line(parts: Sequence[str]) -> str:
    return f"| {' | '.join(parts)} |"


def _badge(verdict: Verdict) -> str:
    return f'<span class="verdict {verdict.lower()}">{verdict}</span>'


def _name(place: str, titles: dict[str, str]) -> str:
    return f"{int(place[:2])}. {titles[place]}" if place in titles else "Tables of results"


def _link(place: str, titles: dict[str, str]) -> str:
    target = f"../notebooks/{place}.ipynb" if place in titles else "data.md"
    return f"[{_name(place, titles)}]({target})"


def _of(claims: Sequence[Held]) -> str:
    passed = sum(held.verdict == "PASS" for held in claims)
    return f"{passed} of {len(claims)} hold" if claims else ""
