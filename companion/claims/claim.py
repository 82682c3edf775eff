"""Claims of the book: a sentence, the estimator that decides it, and what it found."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Literal, NamedTuple

import pandas as pd

import companion.claims
from companion.claims.typeset import cells, digits
from companion.claims.verdicts import Finding, Interval, Verdict

Kind = Literal["physics", "check", "data"]
"""Whether a claim is about the world, a check of the code, or one of the data."""

MIME = "application/vnd.companion.claims+json"
"""Under which a notebook keeps its claims, for `companion.verification`."""


class Refuted(NamedTuple):
    """When a claim that was made turned out wrong, and what is claimed instead."""

    on: str
    instead: str


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
    kind : {"physics", "check", "data"}
        What it is about.
    effect : float, optional
        Smallest effect that would matter, in the unit of the number; see
        `companion.claims.verdicts.Finding.judged`. A claim of physics states one.
    reads : mapping
        Tables by another name: ``{"table": "wide"}`` lets the estimator take `wide` for `table`.
    refuted : Refuted, optional
        A claim that was made and failed: while its data still contradict it, it is REFUTED.
    """

    id: str
    sentence: str
    estimator: Callable
    kind: Kind = "physics"
    effect: float | None = None
    reads: Mapping[str, str] = field(default_factory=dict)
    refuted: Refuted | None = None

    def claims(self, tables: Mapping[str, Any]) -> Iterator[Claim]:
        """Decide the claim, once for each case that the tables hold."""
        names = {name: self.reads.get(name, name) for name in self.parameters}
        found = self.estimator(**{name: tables[given] for name, given in names.items()})
        known = {
            name: value for name, value in tables.items() if isinstance(value, (str, float, int))
        }
        for told, finding in _cases(found):
            fields = {**known, **told}
            verdict, statement = finding.judged(self.effect), self.sentence.format(**fields)
            if self.refuted:
                statement += (
                    f" (stated first; refuted on {self.refuted.on}: {self.refuted.instead})"
                )
                verdict = "REFUTED" if verdict == "FAIL" else verdict
            low, high = finding.accepted(self.effect)
            yield Claim(
                self.id.format(**fields),
                statement,
                finding.number,
                low,
                high,
                verdict,
                finding.quantity,
                self.kind,
                finding.ends,
                self.effect,
                tuple(
                    Member(name, one.number, one.ends, one.judged(self.effect))
                    for name, one in finding.members
                ),
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


@dataclass(frozen=True)
class Member:
    """One of a family of which a claim speaks: its name, number, interval and verdict."""

    name: str
    number: float
    ends: Interval
    verdict: Verdict


@dataclass(frozen=True)
class Claim:
    """One claim with its evidence.

    Attributes
    ----------
    id, statement : str
        From the texts of its `Row`; the statement holds any number of theory it rests on.
    number, verdict, quantity, ends
        See `companion.claims.verdicts.Finding`.
    low, high : float
        Where the whole interval must lie.
    kind : {"physics", "check", "data"}
        What it is about.
    effect : float or None
        Smallest effect that would matter.
    members : tuple of Member
        The family, if it speaks of one.
    """

    id: str
    statement: str
    number: float
    low: float
    high: float
    verdict: Verdict
    quantity: str
    kind: Kind = "physics"
    ends: Interval | None = None
    effect: float | None = None
    members: tuple[Member, ...] = ()

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
        records = [_finite(asdict(claim)) for claim in self.claims]
        return {"text/html": self._html(), MIME: {"claims": records}}

    def _html(self) -> str:
        rows = [cells(claim) for claim in self.claims]
        return pd.DataFrame(rows).to_html(index=False, escape=False)


def _finite(value: Any) -> Any:
    # JSON has no infinity and no NaN: an open end of an interval is null.
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def evidence(claims: Iterable[Claim]) -> Evidence:
    """Show claims with the numbers they rest on; the result displays itself in a notebook."""
    return Evidence(tuple(claims))
