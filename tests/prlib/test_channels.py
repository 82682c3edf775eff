"""Channels: their laws against draws, against each other's limits, and against Hessians."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import eigh
from scipy.special import pbdv

import prlib
from prlib.channels import NOISELESS, Channel
from prlib.descent import descend, instance
from prlib.losses import Amplitude, NormalizedIntensity
from prlib.measures import empirical, initial
from prlib.measures.labels import label_nodes
from prlib.measures.threshold_states import solve_threshold_state
from prlib.parameters import ParameterError
from prlib.problem import Problem, random_on_sphere
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import bbp, outlier
from prlib.transitions import alpha_init, alpha_threshold

ALL = [
    "noiseless",
    "additive(sigma=0.3)",
    "intensity(sigma=0.05)",
    "intensity(sigma=0.7)",
    "poisson(photons=0.5)",
    "poisson(photons=20)",
    "outliers(fraction=0.1)",
    "outliers(fraction=0.2, size=4)",
]


def test_every_channel_is_tried_here():
    assert {Channel.read(text).name for text in ALL} == set(Channel.members)


@pytest.mark.parametrize("text", ALL)
def test_an_id_reads_back(text):
    assert Channel.read(text).id == text


@pytest.mark.parametrize("text", ALL)
def test_the_law_of_labels_is_that_of_draws(text):
    """Means of probes of the label, and of z² with them, within four standard errors."""
    channel, rng = Channel.read(text), np.random.default_rng(3)
    field = rng.standard_normal(400_000)
    label = np.abs(channel.draw(field, rng))
    z, y, w = label_nodes(0.1, channel)
    assert w.sum() == pytest.approx(1, abs=1e-9)
    assert w @ z**2 == pytest.approx(1, abs=1e-8)
    for probe in (lambda y: y**2, lambda y: 1 / (0.1 + y**2), lambda y: np.exp(-y)):
        for drawn, mean in (
            (probe(label), w @ probe(y)),
            (probe(label) * field**2, w @ (probe(y) * z**2)),
        ):
            assert abs(drawn.mean() - mean) < 4 * drawn.std() / np.sqrt(len(field))


def test_noise_on_the_intensity_has_parabolic_cylinder_functions_for_moments():
    r"""With b = sigma/2 - y²/sigma, E[z²|y] is sigma/2 D_{-3/2}(b)/D_{-1/2}(b)."""
    channel, y = Channel.read("intensity(sigma=0.7)"), np.array([0.3, 1.0, 2.0])
    b = 0.35 - y**2 / 0.7
    expected = [0.35 * pbdv(-1.5, one)[0] / pbdv(-0.5, one)[0] for one in b]
    assert channel.law(y)[1] == pytest.approx(expected, rel=1e-10)


def test_densities_integrate_to_what_the_atoms_leave():
    for text in ALL:
        channel = Channel.read(text)

        def density(y, channel=channel):
            half = np.sqrt(2 / np.pi) / channel.width * np.exp(-((y / channel.width) ** 2) / 2)
            return half * channel.law(np.array([y]))[0][0]

        total = quad(density, 0, 12 * channel.width, limit=200)[0]
        assert total + channel.atoms()[1].sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ("a", "sigma", "alpha"), [(0.01, 0.1, 2.9436), (0.01, 0.3, 3.7208), (1.0, 0.3, 1.36059)]
)
def test_known_thresholds_with_noise_before_the_modulus(a, sigma, alpha):
    found = alpha_init(a, channel=f"additive(sigma={sigma})").alpha
    assert found == pytest.approx(alpha, abs=5e-5 if a < 1 else 5e-6)


@pytest.mark.slow
def test_little_noise_is_none():
    for text in ("additive(1e-3)", "intensity(1e-4)", "outliers(1e-6)", "poisson(250)"):
        for transition in (alpha_init, alpha_threshold):
            ratio = transition(0.1, channel=text).alpha / transition(0.1).alpha
            assert ratio == pytest.approx(1, abs=0.01), (text, transition)


def test_more_noise_moves_every_threshold_up():
    for a in (0.01, 1.0):
        for transition in (alpha_init, alpha_threshold):
            alphas = [transition(a, channel=f"additive({s})").alpha for s in (0.1, 0.3, 0.6)]
            assert np.all(np.diff([transition(a).alpha, *alphas]) > 0)


def test_threshold_states_know_noise_by_the_law_of_labels_alone():
    """Outliers of size one leave that law as it is: the state is the same, its outlier is not."""
    loss, channel = NormalizedIntensity(0.01), Channel.read("outliers(fraction=0.2)")
    plain, noisy = solve_threshold_state(loss, 6.0), solve_threshold_state(loss, 6.0, channel)
    assert noisy.energy == pytest.approx(plain.energy, rel=1e-9)
    assert noisy.chi == pytest.approx(plain.chi, rel=1e-9)
    seen, clear = outlier(noisy.measure), outlier(plain.measure)
    assert seen is None or seen.overlap2 < clear.overlap2


@pytest.mark.parametrize("text", ["intensity(sigma=0.3)", "poisson(photons=10)"])
def test_two_ways_to_mu_agree_at_threshold_states_with_noise(text):
    """`solve_threshold_state` refuses a state whose left edge and radial force disagree."""
    state = solve_threshold_state(NormalizedIntensity(0.1), 8.0, Channel.read(text))
    assert abs(state.gap) < 1e-6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("additive", r"channel = 'additive': must be given as additive\(sigma=...\)"),
        ("additive(sigma=0)", r"channel = .*sigma = 0: must be a finite number > 0"),
        ("additive(0.3, sigma=0.3)", "must be given as additive"),
        ("outliers(fraction=1)", "fraction = 1: must be a number between 0 and 1"),
        ("noise", "must be one of noiseless, additive"),
        (None, "channel = None: must be one of"),
    ],
)
def test_a_bad_channel_is_one_line(text, message):
    with pytest.raises(ParameterError, match=message) as refusal:
        Channel.read(text)
    assert "\n" not in str(refusal.value)


def test_too_many_photons_are_refused_by_theory_alone():
    with pytest.raises(ParameterError, match="photons = 1000: theory sums over at most"):
        prlib.spectrum(0.1, 4.0, channel="poisson(1000)")
    assert prlib.descend(0.1, 4.0, 30, time=1.0, channel="poisson(1000)").steps > 0


def test_noise_is_drawn_last_and_changes_nothing_else():
    (plain, point), (noisy, same) = (
        instance(0.1, 3.0, 40, seed=1, channel=text) for text in ("noiseless", "additive(0.3)")
    )
    assert np.array_equal(plain.X, noisy.X)
    assert np.array_equal(plain.signal, noisy.signal)
    assert np.array_equal(point, same)
    assert np.array_equal(plain.y, plain.z)
    assert np.std(noisy.y - noisy.z) == pytest.approx(0.3, rel=0.3)


def test_a_channel_of_ones_own_is_one_class():
    @dataclass(frozen=True)
    class Erased(Channel):
        """A label is lost with some probability and read as zero."""

        fraction: float

        def draw(self, z, rng):
            return np.where(rng.random(z.shape) < self.fraction, 0.0, z)

        def law(self, y):
            return np.full_like(y, 1 - self.fraction), y * y

        def atoms(self):
            return np.zeros(1), np.array([self.fraction]), np.ones(1)

    try:
        found = prlib.thresholds(0.1, channel="erased(fraction=0.2)")
        assert found.channel == "erased(fraction=0.2)"
        assert found.alpha_init > prlib.thresholds(0.1).alpha_init
        grid = prlib.Grid(
            a=0.1, alpha=3.0, n=16, start="random", replicas=1, time=0.5, channel="erased(0.2)"
        )
        assert next(iter(prlib.Sweep((grid,)).tasks)).rows()[0]["channel"] == found.channel
    finally:
        del Channel.members["erased"]


def bent(power):
    """Return a channel of one's own: a power of the field."""

    class Bent(Channel):
        def draw(self, z, rng):
            del rng
            return np.abs(z) ** power

        def law(self, y):
            raise NotImplementedError

    return dataclass(frozen=True)(Bent)()


def test_rows_of_a_channel_of_ones_own_do_not_outlive_its_formula():
    shared = {"a": 0.1, "alpha": 3.0, "n": 16, "start": "random", "replicas": 1, "time": 0.5}
    try:
        addresses = [
            prlib.Sweep((prlib.Grid(**shared, channel=bent(power)),)).run_ids for power in (2, 3, 2)
        ]
        assert addresses[0] == addresses[2] != addresses[1]
    finally:
        del Channel.members["bent"]


@pytest.mark.slow
@pytest.mark.parametrize("text", ALL[1:])
def test_hessians_with_noise_meet_their_theory(text):
    """Outlier and overlap at twice the transition, N = 800, eight draws, a = 0.3."""
    loss, channel, n = NormalizedIntensity(0.3), Channel.read(text), 800
    alpha = 2 * alpha_init(loss, channel=channel).alpha
    theory = outlier(initial(loss, alpha, channel))
    rng, rows = np.random.default_rng(5), []
    for _ in range(8):
        problem = Problem.random(loss, n, alpha, rng, channel=channel)
        w = random_on_sphere(n, rng)
        own = empirical(problem, w)
        found, depth = outlier(own), abs(left_edge(own).position + own.mu)
        values, vectors = eigh(problem.dense_hessian(w), subset_by_index=[0, 0])
        overlap2 = (vectors[:, 0] @ problem.signal) ** 2 / n
        rows.append([(values[0] - found.position) / depth, overlap2 - theory.overlap2])
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(8)
    assert np.all(np.abs(mean) < 4 * error + 2 / n)


@pytest.mark.parametrize("text", ["poisson(photons=10)", "intensity(sigma=0.3)"])
def test_a_loss_without_a_derivative_at_a_label_of_zero_says_so(text):
    loss, channel = Amplitude(0.3), Channel.read(text)
    assert alpha_init(loss, channel=channel).alpha > 1
    with pytest.raises(ParameterError, match="labels of exactly zero, where loss = amplitude"):
        alpha_threshold(loss, channel=channel)


def test_noiseless_is_the_default():
    assert prlib.thresholds(1.0).channel == NOISELESS.id


@pytest.mark.parametrize("text", ["additive(sigma=0.3)", "outliers(fraction=0.1)"])
def test_the_theory_of_the_descent_starts_from_the_law_of_the_start(text):
    law = initial(NormalizedIntensity(0.1), 4.0, Channel.read(text))
    options = {"paths": 8192, "batches": 8, "scheme": "descent(step=0.005)"}
    first, *_, last = prlib.dynamics(0.1, 4.0, 0.02, channel=text, **options)
    assert first.left_edge == pytest.approx(left_edge(law).position, abs=6 * first.left_edge_error)
    assert first.mu == pytest.approx(law.mu, abs=6 * first.mu_error)
    assert first.variance == pytest.approx(1)
    assert last.variance < prlib.dynamics(0.1, 4.0, 0.02, **options)[-1].variance


def test_the_theory_of_the_descent_refuses_labels_of_finite_probability():
    with pytest.raises(ParameterError, match=r"channel = 'poisson.*must be one whose labels"):
        prlib.dynamics(0.1, 4.0, 0.02, channel="poisson(10)")


@pytest.mark.slow
def test_descents_with_noise_meet_the_theory_of_the_descent():
    """Energy and V at t = 0.1, N = 400, sixty instances, within four standard errors."""
    from prlib.descent import descend_starts

    text, n, alpha, time = "additive(sigma=0.3)", 400, 4.0, 0.1
    theory = prlib.dynamics(1.0, alpha, time, channel=text, paths=16384, batches=8)[-1]
    rows = []
    for seed in range(60):
        end = descend_starts(
            1.0, alpha, n, ["random"], time, seed, channel=text, success=None, stationary=0.0
        )[0]
        rows.append([end.energy, n * end.overlap**2])
    mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(60)
    # Of finite size: an overlap of V/N by chance, in relative terms, times a few.
    assert abs(mean[0] - theory.energy) < 4 * error[0] + 5 * theory.variance / n * theory.energy
    assert abs(mean[1] - theory.variance) < 4 * error[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "alpha", "sigma", "times"),
    [
        ("normalized(a=1)", 1.362, 0.2, (0.02, 0.5)),
        ("normalized(a=0.01)", 3.421, 0.2, (0.1, 1.5)),
        ("amplitude(smoothing=0.3)", 4.234, 0.2, (0.05, 0.5)),
    ],
)
def test_the_direction_is_lost_under_noise_when_theory_says(loss, alpha, sigma, times):
    """The condition of the transition, before and after, extrapolated in 1/N from 750 and 1500."""
    text = f"additive(sigma={sigma})"
    options = {"paths": 65536, "batches": 16, "seed": 5}
    states = prlib.dynamics(loss, alpha, times[-1], channel=text, **options)
    grid = [state.t for state in states]
    found = {}
    for n, instances in ((750, 96), (1500, 48)):
        rows = []
        for seed in range(instances):
            problem, w = instance(loss, alpha, n, seed, channel=text)
            ends = {"success": None, "stationary": 0.0, "keep_states": True}
            path = descend(problem, w, time=times[-1], times=times, **ends)
            laws = [empirical(problem, state) for state in path.states[1:]]
            rows.append([bbp(law, left_edge(law).chi) for law in laws])
        found[n] = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / np.sqrt(instances)
    for k, time in enumerate(times):
        theory = np.interp(time, grid, [state.bbp for state in states])
        error = np.interp(time, grid, [state.bbp_error for state in states])
        limit = 2 * found[1500][0][k] - found[750][0][k]
        joint = np.sqrt(4 * found[1500][1][k] ** 2 + found[750][1][k] ** 2 + error**2)
        assert abs(limit - theory) < 4 * joint
        assert (theory > 1) == (k == 0)
        # Before and after are told apart: either is more than an error from the transition.
        assert joint < abs(theory - 1)
