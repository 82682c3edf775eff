"""Claims on the half point against the dimension (notebook 06)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from companion.analysis.scaling import FORMS, Scaling, fit_scaling, held_out, predict
from companion.claims.claim import Claim, Verdict, rate_agrees, rises
from prlib.sweeps import half_point


def half_points(table: pd.DataFrame, starts: Sequence[str], seed: int) -> pd.DataFrame:
    """Find the half point of each start and size.

    Parameters
    ----------
    table : pandas.DataFrame
        From `companion.ensembles.recovery`, near the half points.
    starts : sequence of str
        The starts.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        start, n, runs, half, low, high (95 % bootstrap interval), slope.
    """
    rows = []
    for start in starts:
        for n, found in table[table["start"] == start].groupby("n"):
            fit = half_point(
                found["alpha"],
                found["recovered"],
                bootstrap=400,
                rng=np.random.default_rng([seed, n]),
            )
            rows.append(
                {
                    "start": start,
                    "n": n,
                    "runs": len(found),
                    "half": fit.alpha,
                    "low": fit.low,
                    "high": fit.high,
                    "slope": fit.slope,
                }
            )
    return pd.DataFrame(rows)


def all_fits(table: pd.DataFrame, starts: Sequence[str]) -> dict[str, list[Scaling]]:
    """Fit every form to every start.

    Parameters
    ----------
    table, starts
        See `half_points`.

    Returns
    -------
    dict of str to list of Scaling
        The fits of each start, in the order of `companion.analysis.scaling.FORMS`.
    """
    return {
        start: [fit_scaling(table[table["start"] == start], form) for form in FORMS]
        for start in starts
    }


def unseen_scores(table: pd.DataFrame, starts: Sequence[str]) -> pd.DataFrame:
    """Score every form on sizes that its fit has not seen.

    Parameters
    ----------
    table, starts
        See `half_points`.

    Returns
    -------
    pandas.DataFrame
        Log-likelihood summed over the held-out sizes: a row a start, a column a form.
    """
    scores = {
        start: held_out(table[table["start"] == start]).groupby("form")["score"].sum()
        for start in starts
    }
    return pd.DataFrame(scores).T


def predictions(table: pd.DataFrame, starts: Sequence[str], n: int, seed: int) -> pd.DataFrame:
    """Predict the half points of a size that was not run.

    Parameters
    ----------
    table, starts, seed
        See `half_points`.
    n : int
        The size.

    Returns
    -------
    pandas.DataFrame
        start, form, n, half, low, high.
    """
    rows = []
    for start in starts:
        for form in FORMS:
            place, low, high = predict(
                table[table["start"] == start], form, n, rng=np.random.default_rng([seed, n])
            )
            rows.append(
                {"start": start, "form": form, "n": n, "half": place, "low": low, "high": high}
            )
    return pd.DataFrame(rows)


def forms_table(
    scores: pd.DataFrame, fits: dict[str, list[Scaling]], predicted: pd.DataFrame
) -> pd.DataFrame:
    """Tabulate the forms: limits, likelihoods on unseen sizes, predictions.

    Parameters
    ----------
    scores : pandas.DataFrame
        From `unseen_scores`.
    fits : dict
        From `all_fits`.
    predicted : pandas.DataFrame
        From `predictions`.

    Returns
    -------
    pandas.DataFrame
        Per start and form.
    """
    rows = []
    for start, found in fits.items():
        score = scores.loc[start]
        for fit in found:
            mine = predicted[(predicted["start"] == start) & (predicted["form"] == fit.form)]
            at = mine.iloc[0]
            rows.append(
                {
                    "start": start,
                    "form": FORMS[fit.form][0],
                    "at infinite N": "no limit" if fit.form == "straight" else f"{fit.limit:.2f}",
                    "p": "" if np.isnan(fit.power) else f"{fit.power:.2f}",
                    "log-likelihood of unseen sizes, less the best": (
                        f"{score[fit.form] - score.max():.1f}"
                    ),
                    f"half point at N = {at['n']}": (
                        f"{at['half']:.2f} ({at['low']:.2f} to {at['high']:.2f})"
                    ),
                }
            )
    return pd.DataFrame(rows).set_index(["start", "form"])


def scaling_claims(
    found: pd.DataFrame,
    scores: pd.DataFrame,
    predicted: pd.DataFrame,
    check: pd.DataFrame,
    fits: dict[str, list[Scaling]],
) -> list[Claim]:
    """Hold the growth of half points, and the prediction for an unseen size, against runs.

    Parameters
    ----------
    found : pandas.DataFrame
        From `half_points`.
    scores : pandas.DataFrame
        From `unseen_scores`.
    predicted : pandas.DataFrame
        From `predictions`.
    check : pandas.DataFrame
        Runs of the predicted size; none may have served the fits.
    fits : dict
        From `all_fits`.

    Returns
    -------
    list of Claim
        Growth per start, whether a form with a limit does better, and the prediction.
    """
    claims = []
    for start, rows in found.groupby("start", sort=False):
        widths = rows["high"] - rows["low"]
        first, last = rows.iloc[0], rows.iloc[-1]
        error = np.hypot(widths.iloc[0], widths.iloc[-1]) / (2 * norm.ppf(0.975))
        claims.append(
            rises(
                f"scaling-rises-{start}",
                f"the half point of the {start} start rises from N = {first['n']} to {last['n']}",
                last["half"] - first["half"],
                float(error),
            )
        )
        claims.append(_limit(scores.loc[start], start))
    for (start, alpha), runs in check.groupby(["start", "alpha"]):
        claims.append(_prediction(start, float(alpha), runs, predicted, fits[start]))
    return claims


ENOUGH = 2.0
"""Log-likelihood of unseen runs by which one form must beat another to be told from it."""


def _limit(score: pd.Series, start: str) -> Claim:
    gain = float(score.drop("straight").max() - score["straight"])
    # In between, a limit beyond the sizes of the data would look like a straight line.
    verdict: Verdict = "PASS" if gain >= ENOUGH else "FAIL" if gain <= -ENOUGH else "OPEN"
    return Claim(
        f"scaling-limit-{start}",
        f"for the {start} start a form with a limit predicts unseen sizes better than a straight "
        f"line in log N, by {ENOUGH:g} units of log-likelihood",
        gain,
        ENOUGH,
        np.inf,
        verdict,
        "difference of log-likelihoods",
    )


def _prediction(
    start: str,
    alpha: float,
    runs: pd.DataFrame,
    predicted: pd.DataFrame,
    fits: Sequence[Scaling],
) -> Claim:
    n = int(runs["n"].iloc[0])
    places = predicted[predicted["start"] == start]
    # The rate at this alpha, were the half point at either end of the predicted interval.
    rates = [
        float(fit.probability(n, alpha - (end - fit.half_point(n))))
        for fit in fits
        for end in places.loc[places["form"] == fit.form, ["low", "high"]].to_numpy().ravel()
    ]
    return rate_agrees(
        f"scaling-prediction-{start}-{n}-{alpha:g}",
        f"at N = {n}, alpha = {alpha:g}, in no fit, the {start} start recovers at the predicted "
        "rate of one of the forms",
        int(runs["recovered"].sum()),
        len(runs),
        min(rates),
        max(rates),
    )
