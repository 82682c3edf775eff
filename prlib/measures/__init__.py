"""The joint law of labels and fields, and the sources it comes from.

At any state of a descent the spectrum of the Hessian at infinite size depends on the state only
through the joint law of labels y and fields ŷ. `LabelMeasure` is that law; each module of this
package is one source of it.
"""

from prlib.measures.instance import empirical
from prlib.measures.label_measure import LabelMeasure
from prlib.measures.random_start import initial
from prlib.measures.threshold_states import threshold_state

__all__ = ["LabelMeasure", "empirical", "initial", "threshold_state"]
