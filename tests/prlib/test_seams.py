"""Each thing that a reader may add is added once, in the way that the architecture page says."""

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

import prlib
from prlib import losses
from prlib.cli import main
from prlib.descent import starts
from prlib.measures import LabelMeasure
from prlib.schemes import SCHEMES, GradientDescent
from prlib.spectra.bulk import left_edge
from prlib.spectra.outlier import outlier
from prlib.sweeps import descents, recheck
from prlib.sweeps.experiments import EXPERIMENTS, Experiment
from prlib.sweeps.observables import Observable

LOSS = """
from dataclasses import dataclass
from prlib.losses.loss import Loss


@dataclass(frozen=True)
class Trial(Loss):
    strength: float

    @staticmethod
    def l(y, yhat, strength):
        return strength * (yhat * yhat - y * y) ** 2

    @staticmethod
    def dl(y, yhat, strength):
        return 4.0 * strength * yhat * (yhat * yhat - y * y)

    @staticmethod
    def d2l(y, yhat, strength):
        return 4.0 * strength * (3.0 * yhat * yhat - y * y)

    @property
    def curvature_floor(self):
        return -float("inf")
"""

START = """
from prlib.descent.starts.start import Start


def signal(problem, point):
    return problem.signal


START = Start("signal", signal, holds=False, label="signal", phrase="starts at the signal",
              colour="black", marker="*", source="a trial")
"""


def answer(capsys, *arguments):
    assert main([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_loss_is_one_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "trial.py").write_text(LOSS)
    monkeypatch.setattr(losses, "__path__", [*losses.__path__, str(tmp_path)])
    monkeypatch.setattr("prlib.losses.loss.LOSSES", losses.LOSSES)
    before = dict(losses.LOSSES)
    try:
        __import__("prlib.losses.trial")
        found = answer(capsys, "thresholds", "--loss", "trial(strength=0.25)")
        assert found["alpha_threshold"] == pytest.approx(
            prlib.thresholds("unnormalized").alpha_threshold, rel=1e-9
        )
        ends = [
            answer(capsys, "descend", *loss, "--alpha", "12", "--n", "24", "--time", "3")
            for loss in (["--loss", "trial(0.25)"], ["--unnormalized"])
        ]
        assert ends[0]["energy"] == pytest.approx(ends[1]["energy"], rel=1e-3)
    finally:
        losses.LOSSES.clear()
        losses.LOSSES.update(before)


def test_a_start_is_one_file(tmp_path, monkeypatch, capsys):
    (tmp_path / "signal.py").write_text(START)
    monkeypatch.setattr(starts, "__path__", [*starts.__path__, str(tmp_path)])
    found = starts._found()
    monkeypatch.setitem(starts.STARTS, "signal", found["signal"])
    end = answer(
        capsys,
        "descend",
        "--a",
        "1",
        "--alpha",
        "3",
        "--n",
        "20",
        "--start",
        "signal",
        "--time",
        "1",
    )
    assert end["recovered"]
    assert end["steps"] == 0
    grid = prlib.Grid(loss=1.0, alpha=3.0, n=20, start="signal", replicas=1, time=1.0)
    assert prlib.Sweep((grid,)).runs == 1


def test_a_scheme_is_one_class_for_simulation_and_theory():
    @dataclass(frozen=True)
    class Halved(GradientDescent, name="halved"):
        """Steps of half the length."""

        def __post_init__(self):
            object.__setattr__(self, "step", self.step / 2)

    try:
        by_half, plain = (
            prlib.descend(1.0, 4.0, 40, time=0.1, seed=1, scheme=scheme)
            for scheme in ("halved(step=0.02)", "descent(step=0.01)")
        )
        assert by_half.energy == plain.energy
        theory = [
            prlib.dynamics(1.0, 3.0, 0.04, scheme=scheme, paths=512, batches=2)[-1].energy
            for scheme in ("halved(step=0.02)", "descent(step=0.01)")
        ]
        assert theory[0] == theory[1]
    finally:
        del SCHEMES["halved"]


def test_an_observable_is_one_entry(monkeypatch, tmp_path):
    import pyarrow as pa

    entry = Observable("curvature", pa.float64(), lambda seen: float(seen.law.curvature.mean()))
    monkeypatch.setattr(descents, "OBSERVABLES", (*descents.OBSERVABLES, entry))
    grid = prlib.Grid(
        loss=1.0, alpha=3.0, n=16, start="random", replicas=1, time=0.5, observe=[0.5]
    )
    task = next(iter(prlib.Sweep((grid,)).tasks))
    assert all(np.isfinite(row["curvature"]) for row in task.rows())


def test_a_label_measure_is_one_function():
    # All labels and fields at one point: the Hessian is a Wishart matrix, whose edge is known.
    one = np.ones(1)
    law = LabelMeasure(prlib.NormalizedIntensity(1.0), 4.0, one, one, one, one, 0.0, floor=1.0)
    assert left_edge(law).position + law.mu == pytest.approx((2 - 1) ** 2)
    assert outlier(law) is None


def test_an_experiment_is_one_class(tmp_path):
    import pyarrow as pa

    @dataclass(frozen=True)
    class Coin(Experiment, name="coin"):
        """Whether a seed is even."""

        columns: ClassVar = {"even": pa.bool_()}
        begun: ClassVar = ("even",)

        bias: float

        def seconds(self, n):
            return 1e-6 * n

        def rows(self, n, seeds, dtype):
            assert (n, dtype[:5]) == (4, "float")
            return [[{"start": "random", "even": seed % 2 == 0}] for seed in seeds]

    try:
        spec = {"experiment": "coin", "bias": [0.5, 1.0], "n": 4, "replicas": 3}
        result = prlib.Sweep.from_table(spec).run(tmp_path, executor="serial", quiet=True)
        assert (result.table["even"] == (result.table["seed"] % 2 == 0)).all()
        assert all(one.holds for one in recheck(result.path, 2))
    finally:
        del EXPERIMENTS["coin"]
