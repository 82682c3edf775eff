"""What the curvature of a network knows of what it learns: against chance, and in time."""

from __future__ import annotations

import numpy as np
import pandas as pd


def with_chance(table: pd.DataFrame, inputs: int) -> pd.DataFrame:
    """Add what random eigenvectors would give.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of an experiment with networks.
    inputs : int
        Dimension of what the network sees.

    Returns
    -------
    pandas.DataFrame
        The same with ``chance``: of k of the :math:`p(N + 1)` dimensions of the parameters, as many
        eigenvectors as are looked at, or directions toward the teacher as there are units.
    """
    size = table["width"] * (inputs + 1)
    many = table["eigenvectors"] if "eigenvectors" in table else table["width"]
    return table.assign(chance=many / size)


def excess(table: pd.DataFrame, column: str, other: str, t: float) -> pd.Series:
    """Return the logarithm of one alignment over another at a time, draw by draw.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of networks on one kind of labels.
    column, other : str
        The two columns.
    t : float
        A recorded time.
    """
    rows = table[table["t"] == t].set_index("replica")
    return np.log(rows[column] / rows[other])


def kept_share(table: pd.DataFrame, column: str, early: float, late: float) -> pd.Series:
    """Return the logarithm of an alignment at a late time over that at an early one."""
    rows = table.pivot_table(index="replica", columns="t", values=column)
    return np.log(rows[late] / rows[early])


def learned_table(**tables: pd.DataFrame) -> pd.DataFrame:
    """Tabulate what networks of each kind have learned in the end, on both kinds of labels."""
    rows = {}
    for name, table in tables.items():
        last = table[table["t"] == table["t"].max()]
        found = last.groupby("labels", sort=False)["score"].agg(["mean", "sem"])
        rows[name] = {
            kind: f"{row['mean']:.2f} ± {row['sem']:.2f}" for kind, row in found.iterrows()
        }
    return pd.DataFrame(rows).rename_axis("labels")
