"""Claims on the half point against the dimension (notebook 06)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from companion.analysis.scaling import FORMS, Scaling
from companion.claims.claim import Row
from companion.claims.verdicts import Finding, outweighs, rate_agrees, rises, too_few

ENOUGH = 2.0
"""Log-likelihood of unseen runs by which one form must beat another to be told from it."""

Found = Iterator[tuple[dict, Finding]]


def _rises(found: pd.DataFrame, fits: Mapping[str, Sequence[Scaling]]) -> Found:
    for start in fits:
        rows = found[found["start"] == start]
        if len(rows) < 2:
            yield {"start": start, "span": "with N"}, too_few()
            continue
        first, last = rows.iloc[0], rows.iloc[-1]
        error = float(np.hypot(first["error"], last["error"]))
        fields = {"start": start, "span": f"from N = {first['n']} to {last['n']}"}
        yield fields, rises(last["half"] - first["half"], error)


def _limit(scores: pd.DataFrame) -> Found:
    for start, score in scores.iterrows():
        gain = float(score.drop("straight").max() - score["straight"])
        # In between, a limit beyond the sizes of the data would look like a straight line.
        finding = outweighs(gain, ENOUGH, "difference of log-likelihoods")
        yield {"start": start, "enough": ENOUGH}, too_few() if np.isnan(gain) else finding


def _prediction(
    predicted: pd.DataFrame, check: pd.DataFrame, fits: Mapping[str, Sequence[Scaling]]
) -> Found:
    for (start, n, alpha), runs in check.groupby(["start", "n", "alpha"]):
        fields = {"start": start, "n": n, "alpha": float(alpha)}
        if not fits[start]:
            yield fields, too_few()
            continue
        places = predicted[predicted["start"] == start].set_index("form")[["low", "high"]]
        # The rate at this alpha, were the half point at either end of the predicted interval.
        rates = [
            float(fit.probability(n, alpha - (end - fit.half_point(n))))
            for fit in fits[start]
            for end in places.loc[fit.form]
        ]
        finding = rate_agrees(int(runs["recovered"].sum()), len(runs), min(rates), max(rates))
        yield fields, finding


CLAIMS = (
    Row(
        "scaling-rises-{start}",
        "the half point of the {start} start rises {span}",
        _rises,
    ),
    Row(
        "scaling-limit-{start}",
        "for the {start} start a form with a limit predicts unseen sizes better than a straight "
        "line in log N, by {enough:g} units of log-likelihood",
        _limit,
    ),
    Row(
        "scaling-prediction-{start}-{n}-{alpha:g}",
        "at N = {n}, alpha = {alpha:g}, in no fit, the {start} start recovers at the predicted "
        "rate of one of the forms",
        _prediction,
    ),
)
"""Evaluated on ``found`` (`companion.analysis.half_points.half_points`), ``scores``, ``fits`` and
``predicted`` (`companion.analysis.scaling`), and ``check``: runs of the predicted size, of which
none has served the fits."""


def forms_table(
    scores: pd.DataFrame, fits: Mapping[str, Sequence[Scaling]], predicted: pd.DataFrame
) -> pd.DataFrame:
    """Tabulate the forms of each start: limits, likelihoods on unseen sizes, predictions."""
    columns = ["start", "form", "at infinite N", "p"]
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
    return pd.DataFrame(rows, columns=None if rows else columns).set_index(["start", "form"])
