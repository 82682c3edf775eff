r"""Times to recover where the outlier is never lost, and when theory expects them.

While the overlap is small its variance is V(t)/N, so half the descents have grown to order one when

.. math:: V_\alpha(t) = \frac{c^2}{2\,\mathrm{erfcinv}(1/2)^2}\, N ,

and what follows takes a time that does not depend on N. Where V grows exponentially that is a
logarithm of N, whose rate is that of V.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import erfcinv

from prlib.sweeps.estimate import rates

BOOTSTRAP = 400
"""Copies behind the error of a median."""


def escape_times(
    table: pd.DataFrame, theory: pd.DataFrame, constant: float, seed: int = 0
) -> pd.DataFrame:
    """Find the median time to recover and the time at which V has grown enough.

    Parameters
    ----------
    table : pandas.DataFrame
        Runs, most of which recover.
    theory : pandas.DataFrame
        Runs of the dynamical theory at their alphas.
    constant : float
        The c of `companion.analysis.finite_size.fitted_constant`.
    seed : int
        Seed of the bootstrap.

    Returns
    -------
    pandas.DataFrame
        By alpha and n: time and error, runs, expected and expected_error (without what follows
        once the overlap is of order one), and rate, of log V then; alphas and sizes that theory
        covers and of whose runs more than half recover.
    """
    rng = np.random.default_rng(seed)
    rows = {}
    for cell in rates(table, by=["alpha", "n"]).itertuples():
        run = theory[(theory["alpha"] == cell.alpha) & (theory["t"] > 0)]
        needed = np.log(cell.n * constant**2 / (2 * erfcinv(0.5) ** 2))
        log_v = np.log(run["variance"].cummax())
        if run.empty or cell.rate <= 0.5 or not needed < log_v.iloc[-1]:
            continue
        expected, slope = np.interp(needed, log_v, run["t"]), np.gradient(log_v, run["t"])
        mine = table[(table["alpha"] == cell.alpha) & (table["n"] == cell.n)]
        times = np.where(mine["recovered"], mine["time"], np.inf)
        copies = np.median(rng.choice(times, (BOOTSTRAP, len(times))), axis=1)
        rate = np.interp(expected, run["t"], slope)
        spread = float(np.std(copies, ddof=1))
        unsure = np.interp(expected, run["t"], run["variance_error"] / run["variance"]) / rate
        rows[cell.alpha, cell.n] = (np.median(times), spread, len(times), expected, unsure, rate)
    index = pd.MultiIndex.from_tuples(rows, names=["alpha", "n"])
    columns = ["time", "error", "runs", "expected", "expected_error", "rate"]
    return pd.DataFrame(rows.values(), index, columns)


def escape_slope(found: pd.DataFrame) -> tuple[float, float]:
    """Fit one slope of the median time against the expected one, with an offset for each alpha.

    Returns
    -------
    slope, error : float
        Weighted by the errors of both; NaN where no alpha has two sizes.

    Examples
    --------
    >>> index = pd.MultiIndex.from_product([[5.0, 6.0], [64, 128]], names=["alpha", "n"])
    >>> found = pd.DataFrame({"expected": [1, 2, 1, 2], "time": [4, 6, 1, 3]}, index)
    >>> escape_slope(found.assign(error=1.0, expected_error=0.0))
    (2.0, 1.0)
    """
    weight = 1 / (found["error"] ** 2 + found["expected_error"] ** 2)
    alpha = found.index.get_level_values("alpha")

    def about_its_mean(values: pd.Series) -> pd.Series:
        total = (weight * values).groupby(alpha).transform("sum")
        return values - total / weight.groupby(alpha).transform("sum")

    x, y = (about_its_mean(found[name].astype(float)) for name in ("expected", "time"))
    spread = float((weight * x * x).sum())
    if not spread > 0:
        return np.nan, np.nan
    return float((weight * x * y).sum() / spread), float(spread**-0.5)
