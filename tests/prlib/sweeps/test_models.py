"""Experiments with models are swept, kept and computed again like any runs."""

import numpy as np
import pandas as pd
import pytest

from prlib.parameters import ParameterError
from prlib.sweeps import Sweep, recheck
from prlib.sweeps.experiments import EXPERIMENTS
from prlib.sweeps.store import record_of

SMALL = {
    "wide": {"width": [1, 2], "alpha": [3.0], "a": 0.1, "time": 4.0, "hold": 1.0},
    "wide_hold": {"width": 2, "alpha": [3.0, 4.0], "a": 0.1, "time": 2.0},
    "wide_start": {"width": 2, "alpha": [1.0, 2.0], "a": 1.0},
    "tensor": {"tensor": 2, "low": 0.5, "high": 2, "count": 3, "time": 2, "step": 0.1, "hold": 1},
    "teacher": {"width": 3, "alpha": 3.0, "a": 1.0, "time": 1.0},
    "digits": {"width": 3, "eigenvectors": 4, "time": 1.0},
}


def spec(name, **changes):
    n = 200 if name == "digits" else 24
    table = {"name": name, "experiment": name, "n": n, "replicas": 3, "seed": 5}
    return {**table, **SMALL[name], **changes}


def test_each_experiment_has_a_case():
    assert SMALL.keys() == EXPERIMENTS.keys()


@pytest.mark.parametrize("name", SMALL)
def test_an_experiment_is_swept_and_its_rows_are_computed_again(name, tmp_path):
    sweep = Sweep.from_table(spec(name))
    result = sweep.run(tmp_path, executor="serial", quiet=True)
    table = result.table
    assert sweep.runs == len(table["run"].unique())
    assert Sweep.from_table(record_of(result.path)["spec"]).run_ids == sweep.run_ids
    assert (
        not table.drop(columns=["toward", "others2"], errors="ignore")
        .isna()
        .to_numpy()[:, : len(table.columns) - 8]
        .any()
    )
    found = recheck(result.path, 2)
    assert len(found) == 2
    assert all(one.holds for one in found)


def test_a_row_that_was_changed_is_found(tmp_path):
    path = Sweep.from_table(spec("wide", replicas=1)).run(tmp_path, quiet=True).path
    table = pd.read_parquet(path)
    table["start_share"] += 0.01
    # The digest of the file is of its record; here only the comparison is tried.
    text = path.with_suffix(".toml").read_text()
    before = record_of(path)["sha256"]
    import hashlib

    import pyarrow as pa

    from prlib.sweeps.store import table_bytes

    content = table_bytes(pa.Table.from_pandas(table, preserve_index=False))
    path.write_bytes(content)
    path.with_suffix(".toml").write_text(text.replace(before, hashlib.sha256(content).hexdigest()))
    assert not any(one.holds for one in recheck(path, 2))


def test_rows_do_not_depend_on_which_replicas_run_together():
    together = Sweep.from_table(spec("wide")).tasks[0]
    alone = together.alone(together.run_ids[2])
    kept = [row for row in together.rows() if row["replica"] == 1]
    assert kept == alone.rows()
    assert alone.run_ids == together.run_ids[2:4]


def test_the_first_unit_begins_where_phase_retrieval_does():
    from prlib.descent import instance

    task = Sweep.from_table(spec("wide_hold")).tasks[0]
    problem, W = task.experiment.draw(24, task.seeds[0], "float32")
    same, point = instance(0.1, 3.0, 24, task.seeds[0])
    assert np.array_equal(W[0], point)
    assert np.array_equal(problem.X, same.X)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"experiment": "deep"}, "must be one of"),
        ({"depth": 3}, "depth: is no key of wide"),
        ({"width": 1.5}, "width = 1.5: must be a whole number"),
        ({"alpha": -1.0}, "alpha = -1"),
        ({"dtype": "int8"}, "dtype"),
    ],
)
def test_a_bad_spec_is_refused_in_one_line(changes, says):
    def first(table):
        return Sweep.from_table(table).tasks[0].rows()

    with pytest.raises(ParameterError, match=says) as error:
        first(spec("wide") | changes)
    assert "\n" not in str(error.value)


def test_a_key_that_is_missing_is_named():
    table = spec("wide")
    del table["time"]
    with pytest.raises(ParameterError, match="time: is missing"):
        Sweep.from_table(table)
