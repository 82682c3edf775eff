"""Where in alpha, and when, an informative direction appears: one file a question."""

from prlib.transitions.alphas import Thresholds, thresholds
from prlib.transitions.random_start import InitialTransition, Spectrum, alpha_init, spectrum
from prlib.transitions.threshold_states import (
    ThresholdSpectrum,
    ThresholdTransition,
    alpha_threshold,
    threshold_state,
)

__all__ = [
    "InitialTransition",
    "Spectrum",
    "ThresholdSpectrum",
    "ThresholdTransition",
    "Thresholds",
    "alpha_init",
    "alpha_threshold",
    "spectrum",
    "threshold_state",
    "thresholds",
]
