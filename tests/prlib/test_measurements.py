"""X and y from files, and the command that recovers a signal from them."""

import json

import numpy as np
import pandas as pd
import pytest

from prlib.cli import main
from prlib.measurements import read_measurements
from prlib.parameters import ParameterError


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    X, signal = rng.standard_normal((240, 60)), rng.standard_normal(60)
    return X, np.abs(X @ signal), signal


@pytest.fixture(params=["npz", "npy", "parquet"])
def files(request, drawn, tmp_path):
    X, y, _ = drawn
    data = tmp_path / f"data.{request.param}"
    if request.param == "npz":
        np.savez(data, X=X, y=y)
    elif request.param == "parquet":
        pd.DataFrame(X, columns=[f"x{i}" for i in range(X.shape[1])]).assign(y=y).to_parquet(data)
    else:
        np.save(data, X)
        np.save(tmp_path / "labels.npy", y)
        return [str(data), str(tmp_path / "labels.npy")]
    return [str(data)]


def test_every_kind_of_file_gives_the_same_arrays(files, drawn):
    X, y = read_measurements(*files)
    np.testing.assert_array_equal(X, drawn[0])
    np.testing.assert_array_equal(y, drawn[1])


def test_the_command_recovers_and_keeps_the_estimate(files, drawn, tmp_path, capsys):
    out = tmp_path / "estimate.npy"
    assert main(["recover", *files, "-o", str(out), "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["trusted"] is True
    assert "trusted: the estimate leaves nothing" in printed.err
    w, signal = np.load(out), drawn[2]
    assert min(np.abs(w - signal).max(), np.abs(w + signal).max()) < 1e-9
    assert main(["recover", *files, "-o", str(out)]) == 2
    assert "is there already" in capsys.readouterr().err


def test_the_command_does_not_trust_too_few_measurements(drawn, tmp_path, capsys):
    X, y, _ = drawn
    np.savez(tmp_path / "few.npz", X=X[:48], y=y[:48])
    assert main(["recover", str(tmp_path / "few.npz")]) == 0
    printed = capsys.readouterr()
    assert "trusted       no" in printed.out
    assert "not trusted: with 0.8 measurements per dimension" in printed.err


def test_intensities_are_squares(drawn, tmp_path):
    X, y, _ = drawn
    np.savez(tmp_path / "i.npz", X=X, y=y**2)
    np.testing.assert_allclose(read_measurements(tmp_path / "i.npz", intensities=True)[1], y)
    np.savez(tmp_path / "j.npz", X=X, y=-y)
    with pytest.raises(ParameterError, match="all must be >= 0"):
        read_measurements(tmp_path / "j.npz", intensities=True)


def test_what_cannot_be_read_is_refused_in_a_line(tmp_path, drawn, capsys):
    X, y, _ = drawn
    np.savez(tmp_path / "other.npz", A=X)
    np.savez(tmp_path / "both.npz", X=X, y=y)
    np.save(tmp_path / "X.npy", X)
    (tmp_path / "no.npz").write_bytes(b"not an archive")
    (tmp_path / "no.parquet").write_bytes(b"not a table")
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    for words, told in (
        (["gone.npz"], "no such file"),
        (["data.txt"], "must be .npz"),
        (["other.npz"], "holds no X"),
        (["X.npy"], "holds no y"),
        (["both.npz", "X.npy"], "holds y already"),
        (["no.npz"], "cannot be read as .npz"),
        (["no.parquet"], "cannot be read as .parquet"),
        (["objects.npy", "X.npy"], "cannot be read as .npy"),
        (["X.npy", "X.npy"], "y has shape"),
        (["both.npz", "-o", "w.txt"], "must end in .npy"),
        (["both.npz", "-o", "gone/w.npy"], "no such folder"),
        (["both.npz", "--starts", "0"], "starts = 0"),
        (["both.npz", "--time", "-1"], "time = -1"),
    ):
        paths = [str(tmp_path / w) if "." in w and not w.startswith("-") else w for w in words]
        assert main(["recover", *paths]) == 2, words
        error = capsys.readouterr().err
        assert told in error
        assert error.count("\n") == 1, error
