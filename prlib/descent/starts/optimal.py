r"""The optimal spectral estimate, the field's reference.

The top eigenvector of :math:`X^T \mathrm{diag}(1 - 1/y^2) X`, the preprocessing that is best at
every alpha and recovers weakly above alpha = 1/2. The pole is cut off by :math:`1/(y^2 + 10^{-3})`,
which bounds the spectrum.
"""

from numpy.typing import NDArray

from prlib.descent.starts.start import Start, on_sphere
from prlib.problem import Problem
from prlib.spectra.eigenpairs import lowest_of_weighted

CUTOFF = 1e-3


def preprocessing(y: NDArray) -> NDArray:
    """Weights of the measurements, up to a shift that moves no eigenvector."""
    return 1 - 1 / (y * y + CUTOFF)


def optimal(problem: Problem, point: NDArray) -> NDArray:
    """Start along the estimate, which does not depend on the point; its sign is arbitrary."""
    del point
    return on_sphere(lowest_of_weighted(problem.X, -preprocessing(problem.y)).vectors[0])


START = Start(
    "optimal",
    optimal,
    holds=False,
    label="optimal spectral",
    phrase="optimal spectral starts",
    colour="green",
    marker="D",
    source=(
        "Mondelli & Montanari, Found. Comput. Math. 19, 703 (2019), arXiv:1708.05932; "
        "Lu & Li, Inf. Inference 9, 507 (2020), arXiv:1702.06435; "
        "Luo, Alghamdi & Lu, IEEE Trans. Signal Process. 67, 2347 (2019), arXiv:1811.04420"
    ),
)
