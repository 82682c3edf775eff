"""A spec says what runs, and refuses what cannot."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from prlib.parameters import ParameterError
from prlib.sweeps import Sweep
from prlib.sweeps.descents import Task, replica_seed

DATA = Path(__file__).resolve().parents[3] / "data"


def test_every_combination_runs_once(spec):
    assert spec.runs == 2 * 2 * 2 * 3 * 3
    runs = [run for task in spec.tasks for run in task.run_ids]
    assert len(set(runs)) == spec.runs
    chunked = [run for chunk in spec.chunks() for task in chunk.tasks for run in task.run_ids]
    assert chunked == runs


def test_a_spec_survives_its_file(spec, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(spec.to_toml())
    assert Sweep.load(path) == spec


def test_tables_override_what_stands_above_them(table):
    grids = [{"n": 16, "replicas": 5}, {"n": [32, 64]}]
    spec = Sweep.from_table({**table, "grid": grids})
    assert [grid.n for grid in spec.grids] == [(16,), (32, 64)]
    assert [grid.replicas for grid in spec.grids] == [5, 3]


def test_the_address_of_a_run_ignores_its_company(table):
    alone = Sweep.from_table({**table, "start": ["spectral"], "alpha": [6.0], "replicas": 1})
    more = Sweep.from_table(table)
    runs = {run for task in more.tasks for run in task.run_ids}
    assert {run for task in alone.tasks for run in task.run_ids} <= runs


def test_a_replica_has_the_same_seed_at_every_size(spec):
    seeds = {(task.replica, task.seed) for task in spec.tasks}
    assert seeds == {(r, replica_seed(5, r)) for r in range(3)}
    assert all(0 <= seed < 2**53 for _, seed in seeds)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": 0}, r"a = 0: must be a finite number > 0"),
        ({"alpha": []}, r"alpha = \[\]: must be a list of at least one value"),
        ({"alpha": [2.0, float("nan")]}, r"alpha = nan: must be a finite number > 0"),
        ({"n": 1}, r"n = 1: must be a whole number >= 2"),
        ({"start": "rndom"}, r"start = 'rndom': must be one of random, spectral, constrained"),
        ({"replicas": 0}, r"replicas = 0: must be a whole number >= 1"),
        ({"scheme": "descent(step=1e9)"}, r"time = .*: must be one step of descent"),
        ({"replicas": 10**12}, r"grid: gives .* runs; must be at most"),
        ({"success": 1.5}, r"success = 1.5: must be a number in \(0, 1\]"),
        ({"dtype": "float16"}, r"dtype = 'float16': must be 'float32' or 'float64'"),
        ({"sizes": 16}, r"sizes: is no key of a spec; must be one of a, alpha"),
        ({"alpha": 0.01}, r"give M = 0 measurements"),
        ({"alpha": [2.0, 2.0]}, r"grid: two grids hold the same run"),
        ({"name": "a/b"}, r"name = 'a/b': must be a plain name"),
        ({"name": 3}, r"name = 3: must be a plain name"),
        ({"grid": 3}, r"grid = 3: must be tables, each headed \[\[grid\]\]"),
        ({"grid": []}, r"grid = \[\]: must be at least one grid"),
        ({"grid": [{"seed": 3}]}, r"seed: is no key of a spec"),
        ({"a": []}, r"a = \[\]: must be a list of at least one value"),
        ({"loss": "amplitude(smoothing=0.3)"}, r"a: is another way to give the loss"),
        ({"observe": "x"}, r"time = 'x': must be a finite number"),
        ({"scheme": "flow(steps=1)"}, r"scheme = 'flow\(steps=1\)': must be given as flow"),
        ({"hold": "x"}, r"hold = 'x': must be a finite number"),
        ({"seed": 1.5}, r"seed = 1.5: must be a whole number"),
    ],
)
def test_bad_values_are_named(change, message, table):
    with pytest.raises(ParameterError, match=message):
        Sweep.from_table({**table, **change})


def test_a_missing_key_a_missing_file_and_no_toml_are_named(tmp_path, table):
    with pytest.raises(ParameterError, match="time: is missing"):
        Sweep.from_table({key: value for key, value in table.items() if key != "time"})
    with pytest.raises(ParameterError, match=r"cannot be read: No such file"):
        Sweep.load(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = [")
    with pytest.raises(ParameterError, match=r"is not TOML"):
        Sweep.load(tmp_path / "bad.toml")


# --- addresses ------------------------------------------------------------------------------------


def test_an_address_is_the_same_for_ever():
    """What was published under an address must be found under it: a default never changes."""
    plain = {"a": 0.01, "alpha": 2.3, "n": 64, "start": "spectral", "replicas": 1, "time": 400.0}
    assert Sweep.from_table({**plain, "seed": 2403}).run_ids == ("0eb0b17baa5b2b856fbd",)
    theory = {"a": 0.01, "alpha": 2.6, "time": 1.0, "paths": 131072, "seed": 1}
    assert Sweep.from_table(theory).run_ids == ("c8d51b056d37910d5254",)


def test_numbers_are_normalised_before_they_are_run(table):
    near = Sweep.from_table({**table, "alpha": [2.0000000000000004, 6]})
    assert near == Sweep.from_table(table)
    assert near.tasks[0].alpha == 2.0


def test_only_what_differs_from_a_default_enters_an_address(table, spec):
    spoken = Sweep.from_table({**table, "scheme": "flow", "success": 0.99, "dtype": "float32"})
    assert spoken.run_ids == spec.run_ids
    for change in ({"scheme": "flow(step=0.25)"}, {"dtype": "float64"}, {"hold": 2.0}):
        assert set(Sweep.from_table({**table, **change}).run_ids).isdisjoint(spec.run_ids)


@dataclass(frozen=True)
class NoisyTask(Task):
    """A task of a later edition, with one setting more."""

    noise: float = 0.0


def test_a_new_setting_with_a_default_finds_every_committed_row():
    for path in sorted(DATA.glob("*.parquet")):
        now = Sweep.load(DATA / "specs" / f"{path.stem}.toml")
        if not isinstance(now.tasks[0], Task):
            continue
        runs = set(pq.read_table(path, columns=["run"])["run"].to_pylist())
        later = [NoisyTask(**{f.name: getattr(t, f.name) for f in fields(Task)}) for t in now.tasks]
        assert {run for task in later for run in task.run_ids} == runs
        assert replace(later[0], noise=0.1).run_ids[0] not in runs


def test_a_loss_by_its_id_is_the_loss_by_its_number(table, spec):
    by_id = {key: value for key, value in table.items() if key != "a"}
    ids = ["normalized(a=0.01)", "unnormalized"]
    assert Sweep.from_table({**by_id, "loss": ids}) == spec
