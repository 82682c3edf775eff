"""Every claim of the book can hold and can fail: a pair of tables for each row of the registry."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from companion.analysis.finite_size import Growth, recovery_probability
from companion.analysis.half_points import Halves, near_half, resampled_halves, under_limits
from companion.analysis.threshold import by_loss
from companion.claims.bbp_at_initialisation import Starts
from companion.claims.claim import evaluate, registered
from companion.claims.constrained_vs_random import shares
from companion.claims.finite_size_scaling import powers
from companion.thresholds import DynamicalThreshold
from prlib.losses import NormalizedIntensity
from prlib.measures import initial
from prlib.measures.threshold_states import solve_threshold_state
from prlib.models.matrix_tensor import MatrixTensor
from prlib.spectra.bulk import edge_scale, left_edge
from prlib.spectra.outlier import outlier
from prlib.transitions import alpha_init

SOFT, HARD = NormalizedIntensity(0.01), NormalizedIntensity(10.0)
ALPHAS = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5)
PAIRS = {}


def pairs(chapter):
    """Register what a function returns: the two dicts of tables of each row."""
    return lambda function: PAIRS.setdefault(chapter, function)


def either(shared, **columns):
    """Two dicts of tables: of each keyword the first value passes, the second fails."""
    return tuple({**shared, **{k: v[i] for k, v in columns.items()}} for i in (0, 1))


def runs(halves, *, replicas=150, sizes=(64, 256), alphas=ALPHAS, steepness=4.0):
    """Runs of starts whose half points are given, start by start and size by size."""
    rng = np.random.default_rng(0)
    rows = [
        (start, n, alpha, replica, rng.random() < expit(steepness * (alpha - half[n])))
        for start, half in halves.items()
        for n in sizes
        for alpha in alphas
        for replica in range(replicas)
    ]
    return pd.DataFrame(rows, columns=["start", "n", "alpha", "replica", "recovered"])


def fates(rates, *, alpha=2.0, sizes=(64, 256), replicas=200):
    """Runs of one alpha, of which each start recovers a given share, on nested instances."""
    rows = [
        (start, n, alpha, replica, replica < share * replicas, 0.3 * 64 / n)
        for start, share in rates.items()
        for n in sizes
        for replica in range(replicas)
    ]
    columns = ["start", "n", "alpha", "replica", "recovered", "abs_start_overlap"]
    return pd.DataFrame(rows, columns=columns)


def at_start(loss, alphas, *, shift=0.0, lift=0.0, growth=0.25):
    """Lowest eigenpairs that follow the theory of a random start, or do not."""
    rng, rows = np.random.default_rng(0), []
    for alpha in alphas:
        law = initial(loss, alpha)
        edge, found = left_edge(law), outlier(law)
        for n in (100, 400):
            unit = edge_scale(law, edge) * n ** (-2 / 3) if edge.kind == "soft" else 0.01
            for replica in range(40):
                noise = 0.1 * rng.standard_normal()
                place = edge.position + law.mu + unit * (1.2065 + noise)
                own = 0.1 if found is None else found.overlap2
                rows.append(
                    {
                        "loss": loss.id,
                        "alpha": alpha,
                        "n": n,
                        "replica": replica,
                        "lowest": shift
                        + (place if found is None else found.position + law.mu)
                        + 0.01 * noise,
                        "empirical_edge": edge.position + law.mu,
                        "overlap2": lift
                        + own * (growth if n == 400 and found is None else 1)
                        + 0.01 * noise,
                        "predicted_overlap2": own * (growth if n == 400 and found is None else 1),
                    }
                )
    return pd.DataFrame(rows)


@pairs("bbp_at_initialisation")
def _(row):
    transition = alpha_init(SOFT)
    soft = Starts(SOFT, transition, at_start(SOFT, [1.4, 6.0]))
    hard = Starts(HARD, alpha_init(HARD), at_start(HARD, [3.0]))

    def changed(**fields):
        return {"found": {"soft": soft._replace(**fields), "hard": hard}, "seed": 1}

    good = changed()
    wrong = {
        "{name}-alpha-init": changed(transition=replace(transition, error=1e-3)),
        "{name}-monte-carlo": changed(transition=replace(transition, alpha=1.1 * transition.alpha)),
        "start-lowest": changed(rows=at_start(SOFT, [1.4, 6.0], shift=8.0)),
        "start-overlap2": changed(rows=at_start(SOFT, [6.0], lift=-0.15)),
        "start-own-law": {"found": {"hard": hard._replace(rows=at_start(HARD, [3.0], lift=0.15))}},
        "start-edge": changed(rows=at_start(SOFT, [1.4], shift=3.0)),
    }
    return good, wrong[row]


def descents(
    *, loss=SOFT, alphas=(1.0, 3.5, 6.0), rises=0, shift=0.0, lift=0.0, kept=0.0, fate=None
):
    """Observations of random starts that lose their alignment and recover at large alpha."""
    rng, rows = np.random.default_rng(0), []
    for alpha in alphas:
        law = initial(loss, alpha)
        found = outlier(law)
        lowest, overlap2 = (-20.0, 0.2) if found is None else (found.position, found.overlap2)
        for replica in range(30):
            noise = 0.01 * rng.standard_normal()
            for time, share, overlap in ((0.0, 1.0, 0.05), (0.1, kept, 0.1), (50.0, 0.0, 1.0)):
                rows.append(
                    {
                        "loss": loss.id,
                        "alpha": alpha,
                        "n": 400,
                        "replica": replica,
                        "time": time,
                        "lowest": lowest + shift + noise,
                        "mu": law.mu,
                        "abs_overlap": overlap,
                        "overlap2": (overlap2 + lift) * share + noise * (1 + share),
                        "start_overlap2": 0.9 + noise if not lift else 0.2 + noise,
                        "recovered": (alpha > 5) if fate is None else fate(alpha),
                        "rises": rises,
                    }
                )
    return pd.DataFrame(rows)


@pairs("hessian_over_time")
def _(row):
    changed = {
        "time-monotone": {"rises": 1},
        "time-start": {"lift": -0.4},
        "time-lost": {"kept": 1.5},
        "time-small-labels": {},
    }[row]
    # One loss at which it is otherwise contradicts a claim on all of them.
    wide = {"loss": NormalizedIntensity(1.0), "alphas": (3.0, 7.0)}
    good, wrong = (pd.concat([descents(), descents(**wide, **how)]) for how in ({}, changed))
    lost, kept = label_parts(-0.2, 0.1), label_parts(-0.2, -0.1)
    return either({}, rows=(good, wrong), parts=(lost, kept))


def label_parts(small, large):
    """Parts of the condition at two times, of small and large labels; what they change by."""
    noise = 0.01 * np.random.default_rng(0).standard_normal(12)
    return pd.concat(
        pd.DataFrame({"law": range(12), "label": label, "time": time, "share": 0.5 + by + noise})
        for label, change in ((0.1, small), (2.0, large))
        for time, by in ((0.0, 0.0), (1.0, change + noise))
    )


def held(*, energy=0.1, edge=0.0, turn=-0.5, alpha=6.0, replicas=40, n=(800,), **columns):
    """Observations of constrained descents whose energy ends above that of 1RSB by `energy`."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"alpha": alpha, "n": size, "replica": replica, "time": time}
        for size in n
        for replica in range(replicas)
        for time in np.geomspace(0.1, 10, 16)
    )
    wiggle = 1e-3 * rng.standard_normal(replicas)[rows["replica"]]
    t = rows["time"]
    found = rows.assign(
        energy=solve_threshold_state(SOFT, alpha).energy + energy + 0.3 * t**-0.75 + wiggle,
        edge=edge + turn * (t**-1.0 - 0.1) + 1e-2 * rng.standard_normal(len(rows)),
        abs_overlap=0.0,
        rises=0,
        lowest=-1.0 + wiggle,
        outlier=-1.0,
        overlap2=0.7 + wiggle,
        outlier_overlap2=0.7,
    )
    return found.assign(**columns)


def long_holds(*, shift=0.0, energy=0.0, edge=0.0, bend=0.0, apart=0.0, **columns):
    """Descents held at a = 0.01 whose states turn unstable at alpha = 4.07 + shift."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"alpha": alpha, "n": n, "replica": replica, "time": time}
        for n in (500, 1000)
        for alpha in (3.0, 3.75, 4.0, 4.25, 4.5, 5.0)
        for replica in range(20)
        for time in (5.0, 10.0, 20.0, 40.0, 100.0, 320.0)
    )
    wiggle = 1e-3 * rng.standard_normal(20)[rows["replica"]]
    large, late = rows["n"] == 1000, rows["time"] > 200
    noise = 0.01 * rng.standard_normal(len(rows))
    at = rows["alpha"] - 4.07 - shift - apart * large
    found = rows.assign(
        a=0.01,
        loss="normalized(a=0.01)",
        bbp=1 + 0.25 * at - 0.05 * at**2 + wiggle,
        energy=0.548 + 0.32 * (rows["alpha"] - 4) + 0.06 * (rows["alpha"] - 4) ** 2 + energy,
        edge=edge * late
        - (1 + wiggle + noise) * rows["time"] ** (-0.5 - bend * np.log(rows["time"])),
        abs_overlap=0.0,
        rises=0,
        overlap2=0.3,
    )
    found["energy"] += wiggle
    # At the end of the run a minimum of a finite size.
    found.loc[late, "edge"] = edge - rows["n"] ** (-2 / 3) * (1 + wiggle)
    return found.assign(**columns)


@pairs("threshold_states")
def _(row):
    def tables(**changed):
        holds = long_holds(**changed)
        near = holds[holds["alpha"].between(3.5, 4.75)]
        return {"holds": near, "found": by_loss(near), "far": holds}

    shared = {"loss": SOFT, "rows": held()}
    if row in ("threshold-lowest-{alpha:g}", "threshold-overlap2-{alpha:g}"):
        wrong = held(outlier=-1.2, outlier_overlap2=0.6)
        return either(shared | tables(), rows=(held(), wrong))
    changed = {
        "threshold-equator": {"abs_overlap": 0.1},
        "threshold-monotone": {"rises": 2},
        "threshold-dynamical": {"shift": 0.4},
        "threshold-size": {"apart": 0.3},
        "threshold-predicted": {"shift": 0.3},
        "threshold-energy-met-{alpha:g}": {"energy": 0.2},
        "threshold-sum-met-{alpha:g}": {"shift": 0.6},
        "threshold-edge": {"edge": -0.5},
        "threshold-power": {"bend": 0.4},
    }[row]
    return shared | tables(), shared | tables(**changed)


@pairs("constrained_vs_random")
def _(row):
    good = fates({"random": 0.8, "constrained": 0.2}, alpha=3.0)
    # One size at which the order is the other way round contradicts a claim on every size.
    wrong = pd.concat([good[good["n"] == 64], fates({"random": 0.2, "constrained": 0.8})])
    wrong = wrong[(wrong["n"] == 256) | (wrong["alpha"] == 3.0)].assign(alpha=3.0)
    base = runs({"random": {64: 3.0, 256: 3.0}}, replicas=60)
    more = base.assign(recovered=base["recovered"] | (base["alpha"] > 2.4))
    shifts = pd.DataFrame({"shift": [0.0, 0.11], "error": 0.01, "pairs": 100}, index=[64, 256])

    def shared(orthogonal):
        halves = {"random": 2.4, "orthogonal": orthogonal, "constrained": 3.2}
        control = runs({s: {64: h, 256: h} for s, h in halves.items()}, replicas=400)
        return shares(control, 0)

    early = {"alpha": 3.0, "a_wide": 1.0, "alpha_wide": 3.0}
    return {
        "recovery-early": either(early | {"table": good}, wide=(good, wrong)),
        "control-curvature": ({"shared": shared(2.6)}, {"shared": shared(3.1)}),
        "settings": either({"base": base}, changed=({"nothing": base}, {"all": more})),
        "settings-time": either({"base_time": base}, longer=(base, more)),
        "settings-hold": either({"once": base}, twice=(base, more)),
        "hold-shift-grows": either({}, shifts=(shifts, shifts.assign(shift=[0.2, 0.1]))),
        "hold-shift-same": either(
            {"measured_first": [256]}, shifts=(shifts, shifts.assign(shift=[0.1, 0.11]))
        ),
    }[row]


@pairs("spectral_initialisation")
def _(row):
    order = ("orthogonal", "deflated", "random", "spectral", "optimal")
    rates = dict(zip(order, (0.25, 0.1, 0.4, 0.7, 0.95), strict=True))
    other = dict(zip(order, (0.1, 0.8, 0.9, 0.7, 0.2), strict=True))
    good, wrong = fates(rates), fates(other)
    if row == "spectral-overlap-fades":
        rng = np.random.default_rng(0)
        good["abs_start_overlap"] *= 1 + 0.1 * rng.standard_normal(len(good))
        wrong = good.assign(abs_start_overlap=0.1 / good["abs_start_overlap"])
    return either({"loss": SOFT, "alpha": 2.0, "named": good.iloc[:0]}, table=(good, wrong))


def by_size(half, *, replicas=150, sizes=(64, 128, 256, 512), **columns):
    """Runs of each start whose half points are a function of N."""
    starts = ("random", "spectral", "constrained")
    halves = {start: {n: half(n) for n in sizes} for start in starts}
    alphas = np.arange(1.5, 4.6, 0.25)
    return runs(halves, replicas=replicas, sizes=sizes, alphas=alphas).assign(**columns)


@pairs("finite_size_scaling")
def _(row):
    free = ["random", "spectral"]

    def halves(half):
        return {
            "halves": resampled_halves(near_half(by_size(half, replicas=300)), ["start", "n"]),
            "free": free,
        }

    def rises(n):
        return 2 + np.log10(n / 64)

    if row == "scaling-rises":
        return halves(rises), halves(lambda n: 3 - np.log10(n / 64))
    if row == "scaling-no-faster":
        log, square = (
            by_size(half, replicas=800) for half in (lambda n: 2.5 - 30 / n, lambda n: 2 + n / 400)
        )
        return tuple({"rising": powers(table, ["random"])} for table in (log, square))

    def limited(late):
        # Recoveries take longer the larger N is: a fixed limit cuts off more of them.
        table = by_size(lambda n: 2 + 0.2 * np.log10(n / 64), replicas=1500, sizes=(64, 640))
        rng = np.random.default_rng(1)
        times = 100 * rng.random(len(table)) * (table["n"] / 64) ** late
        found = under_limits(table.assign(time=times), 100.0)
        return {"limited": resampled_halves(found, ["limit", "start", "n"]), "free": free}

    return limited(0.25), limited(-0.6)


def scored(overlap, alignment):
    """Starts whose overlap and alignment tell, by so many standard deviations, who recovers."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"alpha": alpha, "recovered": np.arange(300) < 150} for alpha in (2.0, 2.5))
    rows = rows.explode("recovered").astype({"recovered": bool})
    scores = {"abs_overlap": overlap, "overlap2": alignment}
    told = {k: v * rows["recovered"] + rng.standard_normal(len(rows)) for k, v in scores.items()}
    return rows.assign(loss=SOFT.id, time=0.0, **told)


@pairs("eigenvector_alignment")
def _(row):
    good, wrong = scored(1.2, 0.0), scored(-0.2, 1.2)
    assert row in {"overlap-tells", "overlap-tells-more", "alignment-tells"}
    first, then = (wrong, good) if row == "alignment-tells" else (good, wrong)
    # What holds at one loss alone does not hold.
    mixed = pd.concat([first, then.assign(loss="other")])
    same = pd.concat([first, first.assign(loss="other")])
    return ({"rows": mixed}, {"rows": same})[:: 1 if row == "alignment-tells" else -1]


@pairs("loss_functions")
def _(row):
    def found(a, init, threshold):
        ends = {"alpha_threshold": threshold, "alpha_minima": threshold}
        return SimpleNamespace(a=a, alpha_init=init, **ends, edge_init="soft")

    good = [found(10.0, 6.0, 12.8), found(100.0, 30.0, 13.7)]
    wrong = [found(10.0, 14.0, 12.8), found(100.0, 30.0, 13.0)]
    apart = [found(0.1, 2.0, 5.0), found(1.0, 1.0, 7.0)]
    rows = at_start(SOFT, [6.0])
    return {
        "unnormalised-threshold": either({}, unnormalised=(13.8025, 13.6)),
        "large-a": either({"unnormalised": 13.8}, found=(good, wrong)),
        "informative-window": either({}, found=(good[:1], wrong[:1])),
        "opposite-ways": either({}, found=(apart, good)),
        "losses-start": either({}, rows=(rows, rows.assign(overlap2=rows["overlap2"] - 0.2))),
    }[row]


TIMES = np.array([0.0, 0.01, 0.1, 1.0, 3.0])


def run(alpha, bbp, *, edge=None):
    """One run of the theory whose condition of the transition takes given values at `TIMES`."""
    start = left_edge(initial(SOFT, alpha)).position if edge is None else edge
    numbers = {
        "bbp": (bbp, 1e-3),
        "left_edge": (np.linspace(start, -1, len(TIMES)), 0.05),
        "energy": (np.linspace(25, 1, len(TIMES)), 0.01),
        "overlap2": (np.linspace(0.3, 0.4, len(TIMES)), 0.01),
        "gap": (-0.0035, 1e-4),
    }
    columns = {k: v for k, (v, _) in numbers.items()}
    errors = {f"{k}_error": e for k, (_, e) in numbers.items()}
    return pd.DataFrame({"alpha": alpha, "t": TIMES, **columns, **errors})


@pairs("time_dependent_bbp")
def _(row):
    theory = pd.concat(
        [
            run(2.0, [0.9, 0.9, 0.9, 0.8, 0.7]),
            run(2.5, [0.9, 0.9, 0.9, 0.8, 0.7]),
            run(2.8, [0.99, 1.02, 1.03, 0.9, 0.8]),
            run(3.2, [1.05, 1.06, 1.02, 0.95, 0.9]),
            run(3.5, [1.1, 1.12, 1.08, 0.97, 0.9]),
            run(3.8, [1.2, 1.2, 1.2, 1.1, 0.98]),
        ]
    )
    theory = theory.assign(batches=16)
    told = {(3.2, 0.01): 1.06, (3.2, 3.0): 0.9, (3.5, 3.0): 0.9}
    index = pd.MultiIndex.from_tuples(told, names=["alpha", "time"])
    conditions = pd.DataFrame({"mean": told.values(), "error": 0.005, "count": 40}, index)
    checked = pd.DataFrame({"apart": [0.5, -1.0], "freedom": 6.0})
    shared = {"loss": SOFT, "theory": theory, "conditions": conditions, "alpha_slow": 3.2}
    shared["shared"] = pd.DataFrame(0.005**2 * np.eye(len(index)), index, index)
    shared |= {"gap": (-0.0036, 4e-4, 20), "soon": 0.1}
    wrong = {
        "evolution-start": pd.concat([theory, run(3.4, [1.3] * 5, edge=-50.0)]),
        "evolution-lost": pd.concat([theory, run(4.0, [1.05, 1.04, 0.9, 0.9, 0.9])]),
        "evolution-comes-later": theory.assign(
            bbp=theory["bbp"].where(theory["alpha"] > 2.83, 0.9)
        ),
    }
    if row in wrong:
        return either(shared, theory=(theory, wrong[row]))
    return {
        "evolution-condition": either(
            shared, conditions=(conditions, conditions.assign(mean=conditions["mean"] + 0.06))
        ),
        "evolution-one-side": either(
            shared, conditions=(conditions, conditions.assign(mean=conditions["mean"] - 0.02))
        ),
        "evolution-gap": either(shared, gap=((-0.0036, 4e-4, 20), (-6e-4, 4e-4, 20))),
        "evolution-lost-simulated": either(
            shared, conditions=(conditions, conditions.assign(mean=1.06))
        ),
        "evolution-again": either(shared, checked=(checked, checked.assign(apart=9.0))),
    }[row]


def grown():
    """Runs of a theory in which V is a power of time, and the outlier is lost."""
    rows = [
        (alpha, t, (1 + 2 * t) ** (alpha - 1), 0.01)
        for alpha in (1.5, 2.0, 2.5, 3.0, 3.5, 4.0)
        for t in (0.0, 1.0, 40.0)
    ]
    table = pd.DataFrame(rows, columns=["alpha", "t", "variance", "variance_error"])
    return table.assign(bbp=table["t"].map({0.0: 1.2, 1.0: 1.1, 40.0: 0.8}), bbp_error=0.01)


def obeying(growth, constants, *, replicas=400, alphas=None):
    """Runs that recover as the theory says with a constant for each size."""
    rng = np.random.default_rng(0)
    rows = [
        (n, alpha, recovered)
        for n, constant in constants.items()
        for alpha in (growth.alphas if alphas is None else alphas)
        for recovered in rng.random(replicas)
        < recovery_probability(n, growth.variance(alpha), constant)
    ]
    return pd.DataFrame(rows, columns=["n", "alpha", "recovered"]).assign(start="random")


@pairs("finite_size_theory")
def _(row):
    theory = grown()
    growth = Growth.of(theory, 40.0)
    rng, n = np.random.default_rng(3), 1024
    observed = pd.DataFrame(
        (n, each.alpha, each.t, abs(rng.normal(scale=np.sqrt(each.variance / n))))
        for each in theory[theory["t"] == 1.0].itertuples()
        for _ in range(300)
    )
    observed.columns = ["n", "alpha", "time", "abs_overlap"]
    table = obeying(growth, {64: 0.7, 128: 0.7, 512: 0.7, 1024: 0.7})
    shared = {"theory": theory, "growth": growth, "table": table, "seen": [64, 128], "seed": 0}
    shared |= {"constant": (0.7, 0.02), "observed": observed}
    unseen = obeying(growth, {2048: 0.7}, replicas=200, alphas=[2.75])
    ended = theory.assign(variance=theory["variance"].where(theory["t"] < 40, 0.5))
    logs = np.log([64.0, 128.0, 256.0, 512.0])
    index = pd.MultiIndex.from_product([[5.0, 6.0], [64, 128, 256, 512]], names=["alpha", "n"])
    escapes = pd.DataFrame({"expected": np.tile(logs, 2), "error": 0.02}, index)
    escapes["expected_error"] = 0.0
    escapes["time"] = 1 + escapes["expected"]
    at = pd.MultiIndex.from_tuples([(3.2, 2.0)], names=["alpha", "t"])
    grown_ = pd.DataFrame({"error": 0.1, "again_error": 0.1}, at)
    grown_ = grown_.assign(again=0.05, again_freedom=6.0)
    grown_ = grown_.assign(batches=0.05, batches_error=0.001, steps=0.05)
    expected = {"expected": 0.7, "expected_error": 0.01, "seeds": 8}
    compared = pd.DataFrame({"constant": [0.71, 0.69], "error": 0.01, **expected}, [64, 128])
    shared |= {"escapes": escapes, "grown": grown_, "compared": compared}
    if row.startswith("growth-"):
        return either(shared, grown=(grown_, grown_.assign(again=0.5, batches=0.5, steps=0.5)))
    return {
        "finite-size-basin": either(shared, compared=(compared, compared.assign(constant=0.85))),
        "finite-size-goes-on": either(shared, theory=(theory, ended)),
        "finite-size-variance": either(
            shared, observed=(observed, observed.assign(abs_overlap=2 * observed["abs_overlap"]))
        ),
        "finite-size-half": either(
            shared, table=(table, obeying(growth, {64: 0.7, 128: 0.7, 512: 1.6, 1024: 1.6}))
        ),
        "finite-size-prediction": either(shared, unseen=(unseen, unseen.assign(recovered=False))),
        "escape-rate": either(
            shared, escapes=(escapes.assign(time=2 * escapes["expected"]), escapes)
        ),
        "escape-logarithm": either(
            shared, escapes=(escapes, escapes.assign(time=np.exp(0.8 * escapes["expected"])))
        ),
    }[row]


@pairs("a_million_dimensions")
def _(row):
    growth = Growth.of(grown(), 40.0)
    shared = {"growth": growth, "constant": (0.7, 0.02), "seed": 0, "ratio": 16.0}
    ratios = [np.inf, 4.0, 8.0, 16.0] * 2
    halves = pd.DataFrame({"start": "random", "n": [256] * 4 + [512] * 4, "ratio": ratios})
    halves = halves.assign(half=3 - 0.2 / halves["ratio"], error=0.02)
    moved_halves = halves.assign(half=halves["half"] + 0.3 * np.isfinite(halves["ratio"]))
    scaling, far = (obeying(growth, {512: c, 1024: c}) for c in (0.7, 1.6))
    single = obeying(growth, {4096: 0.7}, replicas=200, alphas=[2.75])
    shared |= {"halves": halves, "scaling": scaling, "single": single}
    recovered = single.assign(recovered=True)
    shared |= {"n_observed": 65_536}
    held = pd.DataFrame({"n": [64, 128, 256, 1024], "ratio": [np.inf] * 3 + [16.0], "error": 0.02})
    held = held.assign(half=2 + 0.2 * np.log(held["n"]))
    bent = held.assign(half=held["half"] + np.isfinite(held["ratio"]))
    threshold = DynamicalThreshold(4.0, 0.02, measured=True)
    condition = pd.DataFrame(
        {"mean": [1.05, 0.95], "error": 0.001, "count": 8},
        pd.MultiIndex.from_tuples([(3.0, 0.1), (3.0, 1.0)], names=["alpha", "time"]),
    )
    theory = pd.DataFrame({"alpha": 3.0, "t": [0.05, 0.1, 1.0], "bbp": [1.1, 1.05, 0.95]})
    theory = theory.assign(bbp_error=0.001, left_edge=theory["bbp"], left_edge_error=0.001)
    moved = condition.assign(mean=condition["mean"] + 0.2)
    shared |= {"theory": theory, "conditions": condition, "alpha_slow": 3.0}
    return {
        "million-edge": either(shared, factor=((1.02, 0.1), (0.0, 0.1))),
        "million-bias": either(shared, halves=(halves, moved_halves)),
        "million-limit": either(shared, halves=(halves, moved_halves)),
        "million-half": either(shared, scaling=(scaling, far)),
        "million-rate": either(shared, single=(recovered, single)),
        "million-held": either(shared, held=(held, bent)),
        "million-threshold": either(
            shared | {"threshold": threshold}, held=(held, held.assign(half=4.5))
        ),
        "million-no-faster": either(shared, rising=(powers_of(-0.1), powers_of(0.8))),
        "million-condition": either(shared, conditions=(condition, moved)),
        "million-lost": either(shared, conditions=(condition, moved)),
    }[row]


def powers_of(power):
    """What the half points of random starts say of the power as which they rise."""
    return pd.DataFrame({"power": power, "low": power - 0.1, "high": power + 0.1}, ["random"])


def traps(**columns):
    """What theory says of minima at two alphas, with some of it changed."""
    table = pd.DataFrame({"alpha": [2.0, 3.0], "energy_low": [0.1, 0.3], "energy_high": [0.2, 0.4]})
    return table.assign(
        overlap_max=0.5,
        energy_1rsb=[0.08, 0.28],
        complexity_1rsb=-0.05,
        bbp_low=0.9,
        bbp_high=1.1,
        bbp_1rsb=0.8,
        x=0.7,
        slope=0.7,
    ).assign(**columns)


def trapped(*, end=0.2, informed=True):
    """Runs of which half start informed and half end at an overlap without having recovered."""
    rows = [
        (start, n, alpha, start == "optimal" and informed, end, 0.8 if start == "optimal" else 0.1)
        for start in ("random", "optimal")
        for n in (64, 256)
        for alpha in (2.0, 3.0)
        for _ in range(500)
    ]
    columns = ["start", "n", "alpha", "recovered", "abs_overlap", "abs_start_overlap"]
    return pd.DataFrame(rows, columns=columns)


@pairs("landscape_of_minima")
def _(row):
    def lines(low):
        return SimpleNamespace(alpha_minima=3.7, alpha_minima_low=low, alpha_threshold=4.4)

    ends = held(alpha=3.0)
    ends["bbp"] = 1 + 0.001 * ends["replica"]
    ends["energy"] += 0.35 - ends.loc[ends["time"] == ends["time"].max(), "energy"].mean()
    shared = {"found": traps(), "at": traps().iloc[1:], "table": trapped(), "held": ends}
    return {
        "minima-order": either(shared, lines=(lines(4.2), lines(4.5))),
        "minima-1rsb-below-{alpha:g}": either(
            shared, at=(shared["at"], shared["at"].assign(energy_1rsb=0.35))
        ),
        "minima-1rsb-absent-{alpha:g}": either(
            shared, at=(shared["at"], shared["at"].assign(complexity_1rsb=0.01))
        ),
        "minima-slope": either(shared, at=(shared["at"], shared["at"].assign(slope=0.71))),
        "minima-stuck": either(shared, table=(trapped(), trapped(end=0.6))),
        "minima-released": either(shared, table=(trapped(), trapped(informed=False))),
        "minima-energy": either(shared, held=(ends, ends.assign(energy=ends["energy"] - 0.1))),
        "minima-instability": either(shared, held=(ends, ends.assign(bbp=ends["bbp"] - 0.2))),
    }[row]


def lived(wide, small, amplitude=0.7):
    """Shares of their noiseless time for which losses keep the direction."""
    losses = ["normalized(a=1)", "normalized(a=0.01)", "amplitude(smoothing=0.3)"]
    rows = {"loss": losses, "share": [wide, small, amplitude]}
    return pd.DataFrame(rows | {"sigma": 0.2, "share_error": 0.01, "batches": 16})


def compared(**differences):
    """Squared overlaps of sensings, less those of normal rows."""
    known = {"rademacher": 0.0, "sparse": 0.0, "orthogonal": 0.2, "coded_diffraction": 0.2}
    rows = pd.Series(known | differences, name="difference").rename_axis("sensing").reset_index()
    low, high = rows["difference"] - 0.01, rows["difference"] + 0.01
    return rows.assign(quantity="overlap2", low=low, high=high)


def beside(half):
    """Half points of descents, and of message passing."""
    rows = {"start": ["message passing", "random", "optimal"], "half": [1.2, half + 1, half]}
    return pd.DataFrame(rows | {"n": 64, "error": 0.01})


@pairs("beyond")
def _(row):
    def found(*gaps):
        return pd.DataFrame({"n": [30, 60][: len(gaps)], "gap": gaps, "error": 0.01})

    class Lost(MatrixTensor):
        def outlier(self, mu):
            return super().outlier(mu) if mu == 0 else None

    models = [[kind(0.4, 2.0), kind(0.9, 2.0)] for kind in (MatrixTensor, Lost)]
    shared = {"start": 2.8, "end": 4.4, "models": models[0]}
    shared |= {"retrieval": found(0.3, 0.4)}
    shared |= {"lives": lived(0.5, 0.2), "sensing": compared(), "halves": beside(2.0)}
    shared |= {"rotations": compared(coded_diffraction=0.0)}
    return {
        "beyond-window": either(shared, end=(4.4, 2.8)),
        "beyond-no-window": either(shared, models=models),
        "beyond-used": either(shared, retrieval=(found(0.3, 0.4), found(0.3, -0.2))),
        "beyond-noise": either(shared, lives=(lived(0.3, 0.3), lived(0.5, 0.2))),
        "beyond-noise-amplitude": either(
            shared, lives=(lived(0.5, 0.2, amplitude=0.8), lived(0.5, 0.2, amplitude=0.4))
        ),
        "beyond-universal": either(shared, sensing=(compared(), compared(sparse=0.2))),
        "beyond-orthogonal": either(shared, sensing=(compared(), compared(orthogonal=0.0))),
        "beyond-diffraction": either(
            shared,
            rotations=(compared(coded_diffraction=0.0), compared(coded_diffraction=0.2)),
        ),
        "beyond-best-{n}": either(shared, halves=(beside(2.0), beside(1.1))),
    }[row]


def ways(**shares):
    """Runs by start and scheme, each of which recovers a share of the same instances."""
    table = fates(shares, sizes=(64, 256))
    start, _, scheme = zip(*(name.partition("_") for name in table["start"]), strict=True)
    schemes = {"": "flow", "sgd": "sgd(batch=0.5)", "momentum": "momentum(beta=0.9)"}
    schemes["annealed"] = "annealed(temperature=1, cooling=50)"
    return table.assign(start=start, scheme=[schemes[one] for one in scheme])


def losing(**times):
    """Theory of schemes that lose the outlier at some times."""
    t = np.linspace(0, 1, 101)
    columns = {"alpha": 3.0, "t": t, "bbp_error": 1e-4, "batches": 16}
    return pd.concat(
        pd.DataFrame(columns | {"scheme": scheme, "bbp": 1 + at - t})
        for scheme, at in times.items()
    )


@pairs("other_dynamics")
def _(row):
    if row == "other-direction-{scheme}":
        good = losing(flow=0.5, sgd=0.4, langevin=0.4)
        return either({}, theory=(good, losing(flow=0.5, sgd=0.7, langevin=0.8)))
    shares = {"random": 0.2, "random_sgd": 0.2, "random_momentum": 0.4, "random_annealed": 0.8}
    shares |= {"spectral": 0.3, "wide": 0.5, "wide_annealed": 0.9}
    other = shares | {"random_sgd": 0.5, "random_momentum": 0.1, "random_annealed": 0.25}
    other |= {"wide": 0.2, "wide_annealed": 0.3}
    return either({"alpha": 2.0}, table=(ways(**shares), ways(**other)))


def places(**halves):
    """Half points by width, start and N, with copies that scatter by 0.02."""
    rng = np.random.default_rng(0)
    best = {
        (int(width[1:]), start, n): half + 0.02 * (start == "random")
        for width, pair in halves.items()
        for start, half in zip(("random", "constrained"), pair, strict=True)
        for n in (64, 128)
    }
    draws = {name: half + 0.02 * rng.standard_normal(40) for name, half in best.items()}
    return Halves(pd.Series(best), pd.DataFrame(draws))


def apart_by(small, large):
    """Half points of the control whose starts lie so far apart at its smallest N and largest."""
    halves = {("random", n): 1.0 for n in (20, 160)}
    return halves | {("constrained", 20): 1 + small, ("constrained", 160): 1 + large}


def copied(best):
    rng = np.random.default_rng(0)
    draws = {name: half + 0.01 * rng.standard_normal(40) for name, half in best.items()}
    return Halves(pd.Series(best), pd.DataFrame(draws))


def alignments(start, late, *, other=0.02, early=0.1):
    """Networks whose lowest eigenvectors overlap so much at the start, and later."""
    rng = np.random.default_rng(0)
    rows = [
        {"labels": labels, "t": t, "replica": replica, "chance": 0.02}
        | {"early": kept * np.exp(0.1 * rng.standard_normal())}
        | {name: value * np.exp(0.1 * rng.standard_normal()) for name in ("toward", "displaced")}
        | {"other_displaced": other}
        for replica in range(20)
        for labels, pair in (("true", (start, late)), ("shuffled", (other, other)))
        for t, value, kept in zip((0.0, 100.0), pair, (1.0, early), strict=True)
    ]
    return pd.DataFrame(rows)


@pairs("wide_and_trained")
def _(row):
    if row.startswith("wide-") and row not in ("wide-forgets", "wide-opens"):
        good = places(w1=(2.4, 3.6), w2=(1.8, 2.2), w4=(2.1, 2.1), w8=(2.3, 2.3))
        wrong = places(w1=(1.8, 1.9), w2=(2.4, 2.8), w4=(2.1, 2.9), w8=(1.9, 1.9))
        return either({}, halves=(good, wrong))
    if row.startswith("trained-teacher"):
        return either({}, teacher=(alignments(0.1, 0.1), alignments(0.02, 0.005)))
    if row.startswith("trained"):
        good, wrong = alignments(0.12, 0.1), alignments(0.02, 0.02, early=0.9)
        return either({}, digits=(good, wrong))
    table = pd.DataFrame({"width": [1, 2, 4], "alpha": 2.0, "count": 60, "error": 0.03})
    if row == "wide-forgets":
        start = table.assign(when="start", power=0.2)
        ends = [table.assign(when="end", power=power) for power in (0.9, 0.1)]
        return either({}, powers=tuple(pd.concat([start, end]) for end in ends))
    if row == "wide-opens":
        starts = pd.Series({1: 2.0, 2: 1.2, 4: 0.9})
        states = table.set_index("width")
        good = states.assign(alpha=[4.0, 4.0, 3.0])
        return either({"starts": starts}, states=(good, states.assign(alpha=[8.0, 2.0, 1.5])))
    if row == "tensor-closes":
        return either({}, control=(copied(apart_by(0.3, 0.05)), copied(apart_by(0.05, 0.3))))
    if row == "jump-soft":
        return either({}, soft=((0.33, 0.02, 100), (0.8, 0.02, 100)))
    draws = pd.DataFrame({"width": [1, 2], "n": 100, "draws": 200, "error": 0.03})
    if row == "jump-low":
        return either({}, starting=(draws.assign(low=40), draws.assign(low=160)))
    return either({}, told=(draws.assign(correlation=0.5), draws.assign(correlation=-0.2)))


ROWS = [(chapter, row) for chapter, rows in registered().items() for row in rows]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("companion.analysis.half_points.BOOTSTRAP", 40)
    monkeypatch.setattr("companion.analysis.finite_size.DRAWS", 40)


def named(rows):
    return pytest.mark.parametrize(
        ("chapter", "row"), rows, ids=[f"{chapter}:{row.id}" for chapter, row in rows]
    )


@named(ROWS)
def test_every_claim_holds_on_one_table_and_fails_on_another(chapter, row):
    good, wrong = PAIRS[chapter](row.id)
    held_, failed = evaluate([row], **good), evaluate([row], **wrong)
    assert held_
    first, then = ("REFUTED", "PASS") if row.refuted else ("PASS", "FAIL")
    assert {claim.verdict for claim in held_} == {first}
    assert then in {claim.verdict for claim in failed}


@named([(c, row) for c, row in ROWS if row.kind == "physics"])
def test_every_claim_of_physics_states_an_effect_and_passes_on_none_that_it_cannot_see(
    chapter, row
):
    good, _ = PAIRS[chapter](row.id)
    assert row.effect > 0
    for claim in evaluate([replace(row, effect=1e-9)], **good):
        exact = claim.ends[0] == claim.ends[1]
        # What is at most something passes, whatever matters, if its whole interval is.
        assert exact or claim.low == -np.inf or claim.verdict != "PASS"


def test_ids_tell_claims_apart():
    ids = [row.id for _, row in ROWS]
    assert len({*ids}) == len(ids)
