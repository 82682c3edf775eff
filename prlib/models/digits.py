"""Pictures of handwritten digits, 8 by 8, as scikit-learn ships them.

E. Alpaydin & C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository (1998), doi:10.24432/C50P49, its test set, under CC BY 4.0. They are kept beside this
file, so that a network can be trained without another package.
"""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray


@cache
def digits() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the pictures, shape (1797, 64), each pixel of mean zero and the whole of variance one.

    Returns
    -------
    pictures : ndarray, shape (1797, 64)
        The pictures, one a row.
    numbers : ndarray, shape (1797,)
        What they show.

    Examples
    --------
    >>> pictures, numbers = digits()
    >>> pictures.shape, np.bincount(numbers).min() > 170
    ((1797, 64), np.True_)
    """
    packed = files("prlib.models").joinpath("digits.csv.gz").read_bytes()
    table = np.loadtxt(gzip.decompress(packed).decode().splitlines(), delimiter=",")
    pictures = table[:, :-1] - table[:, :-1].mean(axis=0)
    return pictures / pictures.std(), table[:, -1].astype(np.int64)
