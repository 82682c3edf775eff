"""A point of the equator, where the descent is then held for a time.

Updates without a component along the signal bring it to threshold states before it is set free.
"""

from prlib.descent.starts.orthogonal import orthogonal
from prlib.descent.starts.start import Start

START = Start(
    "constrained",
    orthogonal,
    holds=True,
    label="constrained",
    phrase="constrained starts",
    colour="red",
    marker="^",
    source="Bonnaire, Biroli & Cammarota, arXiv:2403.02418: constrained dynamics",
)
