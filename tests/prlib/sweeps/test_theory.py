"""Runs of the dynamical theory are a kind of sweep: kept, read again and refused alike."""

from dataclasses import replace

import pandas as pd
import pytest

from prlib import dynamics
from prlib.losses import NormalizedIntensity
from prlib.measures.dynamical import choose_flow, cost
from prlib.measures.dynamical.solver import workers
from prlib.parameters import ParameterError
from prlib.sweeps import Sweep, SweepError, TheoryGrid, results
from prlib.sweeps.store import Store, gather, read
from prlib.sweeps.theory import SCHEMA, TheoryTask

TABLE = {"a": 1.0, "alpha": [2.0, 3.0], "time": 0.02, "paths": 1024, "batches": 4, "seed": 3}


@pytest.fixture(scope="module")
def sweep():
    return Sweep.from_table(TABLE | {"name": "small"})


@pytest.fixture(scope="module")
def data(sweep, tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    sweep.run(data / "theory", quiet=True)
    return data


def test_rows_are_the_states_of_the_theory(sweep, data):
    found = results(sweep, data=data)
    mine = found[found["alpha"] == 3.0]
    states = dynamics(1.0, 3.0, 0.02, paths=1024, batches=4, seed=int(mine["seed"].iloc[0]))
    assert list(found.columns) == [*SCHEMA.names, "source"]
    assert set(found["source"]) == {f"{data.name}/theory/small.parquet"}
    assert mine["t"].tolist() == [state.t for state in states]
    assert mine["variance"].tolist() == [state.variance for state in states]
    assert not (data / "computed").exists()


def test_each_alpha_draws_its_own_paths_whatever_others_stand_beside_it(sweep):
    seeds = [task.seed for grid in sweep.grids for task in grid.tasks(0)]
    assert len({*seeds}) == len(seeds)
    alone = next(TheoryGrid(a=1.0, alpha=3.0, time=0.02, paths=1024, batches=4, seed=3).tasks(0))
    assert alone.seed in seeds


def test_what_is_not_there_is_computed_and_kept(data, monkeypatch):
    grid = TheoryGrid(a=1.0, alpha=2.5, time=0.02, paths=1024, batches=4)
    first = results(grid, data=data, quiet=True)
    monkeypatch.setattr(TheoryTask, "rows", None)
    pd.testing.assert_frame_equal(results(grid, data=data), first)


def test_a_spec_survives_its_file(sweep, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(sweep.to_toml())
    assert Sweep.load(path) == sweep


def test_a_changed_spec_never_replaces_a_table(sweep, data):
    before = (data / "theory" / "small.parquet").read_bytes()
    other = Sweep.from_table(TABLE | {"seed": 4, "name": "small"})
    with pytest.raises(SweepError, match=r"another spec \(seed = \[3\], now seed = \[4\]\)"):
        other.run(data / "theory", quiet=True)
    assert (data / "theory" / "small.parquet").read_bytes() == before
    assert Store(sweep, data / "theory").finished() is not None


def test_executors_and_jobs_are_refused_as_for_descents(sweep, tmp_path):
    with pytest.raises(ParameterError, match="jobs = 0"):
        sweep.run(tmp_path, jobs=0)
    with pytest.raises(ParameterError, match="executor = 'foo'"):
        sweep.run(tmp_path, executor="foo")


def test_a_run_that_fails_is_named_and_the_others_are_kept(tmp_path, monkeypatch):
    rows = TheoryTask.rows

    def failing(self, until=None):
        if self.alpha == 2.0:
            raise FloatingPointError("the descent diverges")
        return rows(self, until)

    monkeypatch.setattr(TheoryTask, "rows", failing)
    sweep = Sweep.from_table(TABLE | {"name": "small"})
    with pytest.raises(RuntimeError, match=r"1 of 2 tasks .*alpha = 2, .*: the descent diverges"):
        sweep.run(tmp_path, executor="serial", quiet=True)
    monkeypatch.undo()
    assert sweep.run(tmp_path, executor="serial", quiet=True).computed == 1


def test_a_damaged_file_is_refused(sweep, tmp_path):
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "small.parquet").write_bytes(b"PAR1")
    with pytest.raises(SweepError, match="is not a readable Parquet file"):
        results(sweep, data=tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"alpha": [-1.0]}, "alpha = -1"),
        ({"time": 0}, "time = 0"),
        ({"n": 3}, "n: is no key of a spec"),
        ({"paths": "x"}, "paths = 'x': must be a whole number"),
        ({"batches": "x"}, "batches = 'x': must be a whole number"),
        ({"tolerance": "x"}, "tolerance = 'x': must be a number"),
        ({"seed": []}, r"seed = \[\]: must be a list"),
        ({"overlap": [1.0]}, "overlap = 1.0: must be"),
    ],
)
def test_bad_values_are_named(change, words):
    with pytest.raises(ParameterError, match=words):
        Sweep.from_table(TABLE | change)


def test_a_missing_key_is_named():
    with pytest.raises(ParameterError, match="time: is missing"):
        Sweep.from_table({key: value for key, value in TABLE.items() if key != "time"})


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
def test_the_estimate_of_a_run_follows_its_times(tolerance):
    def task(paths, scheme="flow"):
        grid = TheoryGrid(
            a=1.0, alpha=3.0, time=1.0, paths=paths, batches=4, tolerance=tolerance, scheme=scheme
        )
        return next(iter(grid.tasks(0)))

    times = choose_flow(NormalizedIntensity(1.0), 3.0, 1.0, tolerance=tolerance).times
    more = task(2**20).seconds - task(2**16).seconds
    expected = workers() * (cost(2**20, times, 4).seconds - cost(2**16, times, 4).seconds)
    assert 1 / 3 < more / expected < 3
    assert task(2**16, "descent(step=0.01)").seconds > workers() * cost(2**16, 100, 4).seconds


NOISY = {"a": 1.0, "alpha": 3.0, "time": 0.02, "paths": 1024, "batches": 4}


def test_a_channel_is_a_setting_and_none_is_no_setting(tmp_path):
    def sweep(**more):
        return Sweep.from_table(NOISY | more | {"name": "noisy"})

    assert sweep(channel="noiseless").run_ids == sweep().run_ids
    noisy = sweep(channel="additive(sigma=0.3)")
    assert noisy.run_ids != sweep().run_ids
    (row, *_), (task,) = noisy.tasks[0].rows(), noisy.tasks
    plain = dynamics(1.0, 3.0, 0.02, paths=1024, batches=4, seed=task.seed)
    assert row["channel"] == "additive(sigma=0.3)"
    assert row["bbp"] < plain[0].bbp
    path = tmp_path / "noisy.toml"
    path.write_text(noisy.to_toml())
    assert Sweep.load(path) == noisy


def test_tables_without_a_channel_are_of_none(sweep, tmp_path):
    """They were written before there was the column: their rows are found, and say noiseless."""
    sweep.run(tmp_path, quiet=True)
    kept = read(tmp_path / "small.parquet")
    found = gather([replace(kept, table=kept.table.drop_columns(["channel"]))], sweep)
    assert {*found.table["channel"].to_pylist()} == {"noiseless"}
