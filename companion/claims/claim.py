"""Claims of the book: a sentence, the estimator that decides it, and what it found."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from html import escape
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal

import pandas as pd

import companion.claims
from companion.claims.typeset import digits, number, typeset
from companion.claims.verdicts import Finding, Verdict, too_few

Kind = Literal["physics", "check"]
"""Whether a claim is about the world, or about the code and the data that the book rests on."""

MIME = "application/vnd.companion.claims+json"
"""Under which a notebook keeps its claims, for `companion.verification`."""


@dataclass(frozen=True)
class Row:
    """A claim as it is stated, before any data.

    Attributes
    ----------
    id, sentence : str
        Stable name and statement; ``{alpha:g}`` in them stands for what the estimator tells, or
        for a number or word among the tables.
    estimator : callable
        Takes the tables of `evaluate` that its parameters name. Returns a finding, or pairs of the
        fields of the texts and a finding: one a claim, none where the tables do not concern it.
    kind : {"physics", "check"}
        What it is about.
    effect : float, optional
        Smallest effect that would matter, in units of the number: a verdict PASS whose interval
        reaches further from its middle is OPEN.
    reads : mapping
        Tables by another name: ``{"table": "wide"}`` lets the estimator take `wide` for `table`.
    """

    id: str
    sentence: str
    estimator: Callable
    kind: Kind = "physics"
    effect: float | None = None
    reads: Mapping[str, str] = field(default_factory=dict)

    def claims(self, tables: Mapping[str, Any]) -> Iterator[Claim]:
        """Decide the claim, once for each case that the tables hold."""
        names = {name: self.reads.get(name, name) for name in self.parameters}
        found = self.estimator(**{name: tables[given] for name, given in names.items()})
        known = {
            name: value for name, value in tables.items() if isinstance(value, (str, float, int))
        }
        for told, finding in _cases(found):
            fields = {**known, **told}
            yield Claim(
                self.id.format(**fields),
                self.sentence.format(**fields),
                **asdict(_of_effect(finding, self.effect)),
                kind=self.kind,
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the tables that its estimator takes."""
        parameters = inspect.signature(self.estimator).parameters.values()
        return tuple(p.name for p in parameters if p.default is p.empty)


def _cases(found: Any) -> Iterable[tuple[Mapping[str, Any], Finding]]:
    if found is None:
        return ()
    if isinstance(found, Finding):
        return (({}, found),)
    return (found,) if isinstance(found, tuple) else found


def _of_effect(finding: Finding, effect: float | None) -> Finding:
    if effect is None or finding.verdict != "PASS" or finding.high - finding.low <= 2 * effect:
        return finding
    return replace(finding, verdict="OPEN", quantity=f"{finding.quantity}, {too_few().quantity}")


@dataclass(frozen=True)
class Claim:
    """One claim with its evidence.

    Attributes
    ----------
    id, statement : str
        From the texts of its `Row`; the statement holds any number of theory it rests on.
    number, low, high, verdict, quantity
        See `companion.claims.verdicts.Finding`.
    kind : {"physics", "check"}
        What it is about.
    """

    id: str
    statement: str
    number: float
    low: float
    high: float
    verdict: Verdict
    quantity: str
    kind: Kind = "physics"

    def __str__(self) -> str:
        """Return the verdict line: it holds on any machine, so it leaves the number out."""
        return f"{self.verdict}  {self.id}: {self.statement}"


def evaluate(rows: Iterable[Row], /, **tables: Any) -> list[Claim]:
    """Decide the claims of a chapter on its tables.

    Parameters
    ----------
    rows : iterable of Row
        What is claimed.
    **tables
        Tables, and what else the estimators ask for by name.

    Returns
    -------
    list of Claim
        In the order of the rows.

    Examples
    --------
    >>> from companion.claims.verdicts import within
    >>> row = Row("digits-{n}", "{n} digits of pi", lambda pi: ({"n": 3}, within(pi, 3.14, 3.15)))
    >>> print(*evaluate([row], pi=math.pi))
    PASS  digits-3: 3 digits of pi
    """
    return [claim for row in rows for claim in row.claims(tables)]


@cache
def registered() -> Mapping[str, tuple[Row, ...]]:
    """Return the rows of all chapters: the lists CLAIMS of the modules of this package."""
    names = [module.name for module in iter_modules(companion.claims.__path__)]
    modules = {name: import_module(f"companion.claims.{name}") for name in names}
    return {name: m.CLAIMS for name, m in modules.items() if hasattr(m, "CLAIMS")}


@dataclass(frozen=True)
class Evidence:
    """Claims with the numbers they rest on: a table for a reader, a record for a program."""

    claims: tuple[Claim, ...]

    def table(self) -> pd.DataFrame:
        """Tabulate the claims, one a row."""
        return pd.DataFrame(
            {
                "claim": claim.statement,
                "number": digits(claim.number),
                "which is": claim.quantity,
                "accepted": f"{digits(claim.low)} to {digits(claim.high)}",
                "verdict": claim.verdict,
            }
            for claim in self.claims
        ).set_index("claim")

    def _repr_mimebundle_(self, **_: object) -> dict[str, object]:
        # JSON has no infinity and no NaN: an open end of an interval is null.
        records = [
            {
                key: None if isinstance(value, float) and not math.isfinite(value) else value
                for key, value in asdict(claim).items()
            }
            for claim in self.claims
        ]
        return {"text/html": self._html(), MIME: {"claims": records}}

    def _html(self) -> str:
        rows = [
            {
                "verdict": f'<span class="verdict {claim.verdict.lower()}">{claim.verdict}</span>',
                "claim": typeset(escape(claim.statement)),
                "number": number(claim.number),
                "which is": typeset(escape(claim.quantity)),
                "accepted": _accepted(claim),
            }
            for claim in self.claims
        ]
        return pd.DataFrame(rows).to_html(index=False, escape=False)


def _accepted(claim: Claim) -> str:
    if math.isnan(claim.low):
        return "–"
    return f"{number(claim.low)} to {number(claim.high)}"


def evidence(claims: Iterable[Claim]) -> Evidence:
    """Show claims with the numbers they rest on; the result displays itself in a notebook."""
    return Evidence(tuple(claims))
