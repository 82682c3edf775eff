"""How the place where half the runs recover moves with the dimension."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, minimize
from scipy.special import expit
from scipy.stats import chi2

from prlib.threads import one_blas_thread


def _box_cox(n: NDArray, power: float) -> NDArray:
    log_n = np.log(n)
    return np.expm1(power * log_n) / power if abs(power) > 1e-9 else log_n


FORMS: dict[str, tuple[str, Callable[[NDArray, float], NDArray], bool]] = {
    "log": (r"c + b / log N", lambda n, _: 1 / np.log(n), False),
    "straight": (r"c + b log N", lambda n, _: np.log(n), False),
    "square": (r"c + b log² N", lambda n, _: np.log(n) ** 2, False),
    "power": (r"c + b Nᵖ", _box_cox, True),
}
"""Forms of the half point against N: its formula, the term that b multiplies, whether p is free.
The power, taken as (Nᵖ - 1)/p, is a logarithm at p = 0, has a limit below it and outruns any power
of the logarithm above it: its p says how fast the half point rises."""

LEAST_SIZES = 3
"""Sizes with a half point that a fit needs: two leave no third to hold it against."""

_NEAR = 1e-5
"""Step of the derivative in the power."""

POWERS = (-2.0, 1.5)
"""Range of the power p: below, the rise ends at the second size; above, it is all in the last."""


@dataclass(frozen=True)
class Scaling:
    r"""One form of :math:`\alpha_{1/2}(N)`, fitted to runs.

    The model of a run is :math:`P = 1/(1 + e^{-s(N)(\alpha - \alpha_{1/2}(N))})` with
    :math:`\log s` linear in log N.

    Attributes
    ----------
    form : str
        A name in `FORMS`.
    constant, amplitude : float
        c and b.
    power : float
        p; NaN where the form has none.
    slope : tuple of float
        Intercept and slope of log s in log N.
    log_likelihood : float
        Of the runs that were fitted.
    runs : int
        How many.
    """

    form: str
    constant: float
    amplitude: float
    power: float
    slope: tuple[float, float]
    log_likelihood: float
    runs: int

    def half_point(self, n: ArrayLike) -> NDArray[np.float64]:
        """Return the alpha at which half the runs recover, at given dimensions."""
        term = FORMS[self.form][1](np.asarray(n, dtype=float), self.power)
        return self.constant + self.amplitude * term

    @property
    def limit(self) -> float:
        """The half point of infinite size; infinite where the form has none."""
        if self.form == "log":
            return self.constant
        return self.constant - self.amplitude / self.power if self.power < 0 else math.inf

    def probability(self, n: ArrayLike, alpha: ArrayLike) -> NDArray[np.float64]:
        """Return the probability that a run recovers."""
        n = np.asarray(n, dtype=float)
        steepness = np.exp(self.slope[0] + self.slope[1] * np.log(n))
        return expit(steepness * (np.asarray(alpha) - self.half_point(n)))


def fit_scaling(table: pd.DataFrame, form: str) -> Scaling:
    """Fit one form to runs of several sizes, by maximum likelihood.

    Parameters
    ----------
    table : DataFrame
        Runs of one loss and one start, near their half points.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> n, alpha = rng.choice([64, 256, 1024], 6000), rng.uniform(1, 4, 6000)
    >>> recovered = rng.random(6000) < expit(5 * (alpha - 3 + 3 / np.log(n)))
    >>> fit = fit_scaling(pd.DataFrame({"n": n, "alpha": alpha, "recovered": recovered}), "log")
    >>> bool(abs(fit.half_point(256) - (3 - 3 / np.log(256))) < 0.05)
    True
    """
    return _fit(_cells(table), form)


def predict(
    table: pd.DataFrame,
    form: str,
    n: int,
    *,
    bootstrap: int = 100,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> tuple[float, float, float]:
    """Predict the half point of a size that was not run.

    Parameters
    ----------
    bootstrap : int
        Resamplings of runs within each group of one size and alpha.

    Returns
    -------
    alpha, low, high : float
        The prediction, with the interval due to the sampling of runs; that the form is right is
        not part of it.
    """
    cells = _cells(table)
    best = _fit(cells, form)
    rate = cells["recovered"] / cells["runs"]
    found = []
    for _ in range(bootstrap):
        drawn = cells.assign(recovered=rng.binomial(cells["runs"], rate))
        found.append(_fit(drawn, form, best).half_point(n))
    tail = (1 - confidence) / 2
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(best.half_point(n)), float(low), float(high)


def growth_power(table: pd.DataFrame, confidence: float) -> tuple[float, float, float]:
    """Estimate the power p of N as which the half point rises: 0 is a logarithm.

    Parameters
    ----------
    table : pandas.DataFrame
        See `fit_scaling`.
    confidence : float
        Coverage of the interval, from the profile of the likelihood.

    Returns
    -------
    power, low, high : float
        An end is infinite where the likelihood has not fallen enough within `POWERS`.
    """
    cells = _cells(table)
    best, fall = _fit(cells, "power"), chi2.ppf(confidence, 1) / 2

    def above(power: float) -> float:
        return _fit(cells, "power", power=power).log_likelihood - best.log_likelihood + fall

    def end(limit: float, beyond: float) -> float:
        return float(brentq(above, best.power, limit, xtol=1e-4)) if above(limit) < 0 else beyond

    return best.power, end(POWERS[0], -math.inf), end(POWERS[1], math.inf)


def held_out(table: pd.DataFrame) -> pd.DataFrame:
    """Score each form on sizes that its fit has not seen, one size at a time.

    Returns
    -------
    DataFrame
        One row a form and held-out size: form, n, runs, score (log-likelihood of its runs under
        the fit to all other sizes).
    """
    cells = _cells(table)
    rows = []
    for form in FORMS:
        for n in sorted(cells["n"].unique()):
            fit = _fit(cells[cells["n"] != n], form)
            left = cells[cells["n"] == n]
            rows.append(
                {
                    "form": form,
                    "n": n,
                    "runs": int(left["runs"].sum()),
                    "score": _log_likelihood(left, fit.probability(left["n"], left["alpha"])),
                }
            )
    return pd.DataFrame(rows)


def all_fits(table: pd.DataFrame, starts: Sequence[str]) -> dict[str, list[Scaling]]:
    """Fit every form to every start, in the order of `FORMS`; none below `LEAST_SIZES` sizes."""
    runs = {start: table[table["start"] == start] for start in starts}
    return {
        start: [fit_scaling(found, form) for form in FORMS] if _enough(found) else []
        for start, found in runs.items()
    }


def unseen_scores(table: pd.DataFrame, starts: Sequence[str]) -> pd.DataFrame:
    """Sum the scores of `held_out` over the sizes: a row a start, a column a form.

    NaN where a start has fewer than `LEAST_SIZES` sizes.
    """
    scores = {}
    for start in starts:
        found = table[table["start"] == start]
        held = held_out(found).groupby("form")["score"].sum() if _enough(found) else {}
        scores[start] = pd.Series(held, index=list(FORMS), dtype=float)
    return pd.DataFrame(scores).T


def predictions(table: pd.DataFrame, starts: Sequence[str], n: int, seed: int) -> pd.DataFrame:
    """Predict the half points of a size that was not run: start, form, n, half, low, high."""
    rows = []
    for start in starts:
        found = table[table["start"] == start]
        for form in FORMS if _enough(found) else ():
            rng = np.random.default_rng([seed, n])
            rows.append((start, form, n, *predict(found, form, n, rng=rng)))
    return pd.DataFrame(rows, columns=["start", "form", "n", "half", "low", "high"])


def _enough(table: pd.DataFrame) -> bool:
    return table["n"].nunique() >= LEAST_SIZES


def _cells(table: pd.DataFrame) -> pd.DataFrame:
    groups = table.groupby(["n", "alpha"])["recovered"]
    return groups.agg(runs="size", recovered="sum").reset_index()


def _log_likelihood(cells: pd.DataFrame, probability: NDArray) -> float:
    p = np.clip(probability, 1e-12, 1 - 1e-12)
    k, n = cells["recovered"].to_numpy(), cells["runs"].to_numpy()
    return float(np.sum(k * np.log(p) + (n - k) * np.log1p(-p)))


# Five unknowns: threads of linear algebra would only wait for each other.
@one_blas_thread()
def _fit(
    cells: pd.DataFrame, form: str, near: Scaling | None = None, power: float | None = None
) -> Scaling:
    free, given = FORMS[form][2] and power is None, power or 0.0
    n, alpha, runs, recovered = (
        cells[name].to_numpy(dtype=float) for name in ("n", "alpha", "runs", "recovered")
    )
    log_n, total = np.log(n), runs.sum()
    centred = log_n - log_n.mean()

    # Everything about its mean, in units of its spread: the likelihood is then nearly round.
    def term(power: float) -> tuple[NDArray, float, float]:
        values = FORMS[form][1](n, power)
        middle, spread = np.average(values, weights=runs), values.std()
        return (values - middle) / spread, float(middle), float(spread)

    def loss(x: NDArray) -> tuple[float, NDArray]:
        power = float(x[4]) if free else given
        values, _, _ = term(power)
        steepness = np.exp(x[2] + x[3] * centred)
        logit = steepness * (alpha - x[0] - x[1] * values)
        value = np.sum(runs * np.logaddexp(0, logit) - recovered * logit)
        pull = runs * expit(logit) - recovered
        slopes = [-steepness, -steepness * values, logit, logit * centred]
        if free:
            change = (term(power + _NEAR)[0] - term(power - _NEAR)[0]) / (2 * _NEAR)
            slopes.append(-steepness * x[1] * change)
        return float(value) / total, np.array([pull @ slope for slope in slopes]) / total

    bounds = [(None, None), (None, None), (-3, 4), (-2, 2)] + ([POWERS] if free else [])
    centre = float(np.average(alpha, weights=runs))
    if near is None:
        # Where the power is free the likelihood may have more than one maximum.
        powers = (-0.6, 0.3) if free else (0.0 if power is None else power,)
        starts = [[centre, 0.0, 1.2, 0.0, power] for power in powers]
    else:
        _, middle, spread = term(near.power)
        steepness = near.slope[0] + near.slope[1] * log_n.mean()
        place, rise = near.constant + near.amplitude * middle, near.amplitude * spread
        starts = [[place, rise, steepness, near.slope[1], near.power]]
    starts = [start[: len(bounds)] for start in starts]
    fits = [minimize(loss, x, jac=True, bounds=bounds, method="L-BFGS-B") for x in starts]
    best = min(fits, key=lambda found: found.fun)
    found = float(best.x[4]) if free else given
    _, middle, spread = term(found)
    amplitude = float(best.x[1]) / spread
    steepness = float(best.x[3])
    return Scaling(
        form=form,
        constant=float(best.x[0]) - amplitude * middle,
        amplitude=amplitude,
        power=found if FORMS[form][2] else math.nan,
        slope=(float(best.x[2]) - steepness * float(log_n.mean()), steepness),
        log_likelihood=-float(best.fun) * total,
        runs=int(total),
    )
