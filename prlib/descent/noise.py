"""What chance adds to the steps of descents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from prlib.schemes import Update

DRAWN, LARGEST = 64, 2**22
"""Steps whose noise is drawn at once, and most numbers of a descent for which they are so many."""

Seed = int | np.random.SeedSequence


class Noise:
    """Noise of several descents: that of a step depends on the descent's seed and on its number.

    So a descent takes the same steps whatever its companions, its threads and its stops. Drawing it
    makes a step longer by a sixth at N = 128, and by a quarter at N = 512.

    Parameters
    ----------
    update : Update
        What steps are made of: white noise, a batch of measurements, neither or both.
    m, n : int
        Measurements and dimensions.
    seeds : sequence of int or SeedSequence
        One a descent.
    dtype : dtype
        Of the noise; it is drawn in single precision.

    Attributes
    ----------
    white : ndarray, shape (B, D, N or 0)
        Standard normals for steps s, at ``s % D``.
    masks : ndarray, shape (B, D, M or 0)
        What each residual is multiplied with: 0, or 1/b with probability b.
    """

    def __init__(
        self, update: Update, m: int, n: int, seeds: Sequence[Seed], dtype: DTypeLike
    ) -> None:
        self._share = update.batch
        of_white, of_masks = (n if update.temperature else 0), (m if update.batch < 1 else 0)
        size = of_white + of_masks
        self._drawn = max(1, min(DRAWN, LARGEST // size)) if size else 0
        self.white = np.zeros((len(seeds), max(self._drawn, 1), of_white), dtype)
        self.masks = np.zeros((len(seeds), max(self._drawn, 1), of_masks), dtype)
        self._seeds = [
            seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
            for seed in seeds
        ]
        self._known = [-1] * len(seeds)

    def ready(self, b: int, step: int) -> int:
        """Draw the noise of a step, if it is not there; return for how many steps it lasts."""
        if not self._drawn:
            return np.iinfo(np.int64).max
        part = step // self._drawn
        if self._known[b] != part:
            self._known[b] = part
            whose = self._seeds[b]
            key = (*whose.spawn_key, part)
            rng = np.random.default_rng(np.random.SeedSequence(whose.entropy, spawn_key=key))
            shape = self.white.shape[1:]
            self.white[b] = rng.standard_normal(shape, dtype=np.float32)
            seen = rng.random(self.masks.shape[1:], dtype=np.float32) < self._share
            self.masks[b] = seen / self._share
        return self._drawn - step % self._drawn
