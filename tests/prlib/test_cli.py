"""The command line: one JSON object out, one clear line for what is wrong."""

import json
import math
import re

import pytest

import prlib
from prlib.cli import main


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def refused(capsys, *arguments):
    status, out, err = run(capsys, *arguments)
    assert status == 2
    assert out == ""
    assert err.startswith("prlib: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(("a", "expected"), [(1, 1.1349), (0.01, 2.851)])
def test_thresholds_agree_with_the_known_values(capsys, a, expected):
    status, out, err = run(capsys, "thresholds", "--a", a, "--json")
    found = json.loads(out)
    assert (status, err) == (0, "")
    assert found["a"] == a
    assert found["edge_init"] == "soft"
    assert found["alpha_init"] == pytest.approx(expected, abs=5e-4 if a < 1 else 5e-5)


def test_the_unnormalised_loss_has_no_initial_transition(capsys):
    _, out, _ = run(capsys, "thresholds", "--unnormalized", "--json")
    found = json.loads(out)
    assert found["a"] is None
    assert found["alpha_init"] is None


def test_spectrum_gives_its_fields_and_null_for_no_outlier(capsys):
    _, out, _ = run(capsys, "spectrum", "--a", 0.01, "--alpha", 2, "--json")
    found = json.loads(out)
    assert list(found) == [
        *("loss", "a", "alpha", "mu", "left_edge", "edge_kind", "outlier", "overlap2"),
        *("channel", "edge"),
    ]
    assert found["outlier"] is None
    assert found["overlap2"] == 0
    _, out, _ = run(capsys, "spectrum", "--a", 0.01, "--alpha", 4, "--json")
    found = json.loads(out)
    assert found["outlier"] < found["left_edge"] < 0 < found["overlap2"] < 1


def test_landscape_gives_the_minima_and_their_band(capsys):
    arguments = ("landscape", "--a", 0.01, "--alpha", 4)
    _, out, _ = run(capsys, *arguments, "--json")
    found = json.loads(out)
    assert found["complexity"] == pytest.approx(0.0227, abs=5e-5)
    assert found["energy_low"] < found["energy"] == pytest.approx(found["energy_high"])
    assert found["overlap_max"] == pytest.approx(0.2656, abs=5e-5)
    _, out, _ = run(capsys, *arguments, "--overlap", 0.5, "--json")
    assert json.loads(out)["energy_low"] is None
    assert "overlap = 2: must be a number between" in refused(capsys, *arguments, "--overlap", 2)
    assert "no minima" in refused(capsys, *arguments, "--energy", 1e-6)


def test_noise_is_short_for_a_channel(capsys):
    for command in (("thresholds",), ("spectrum", "--alpha", 6), ("threshold-state", "--alpha", 6)):
        answers = [
            run(capsys, *command, "--a", 0.01, *words, "--json")
            for words in (("--noise", 0.3), ("--channel", "additive(sigma=0.3)"))
        ]
        assert answers[0] == answers[1]
        assert json.loads(answers[0][1])["channel"] == "additive(sigma=0.3)"
    found = json.loads(run(capsys, "thresholds", "--a", 0.01, "--noise", 0.3, "--json")[1])
    assert found["alpha_init"] == pytest.approx(3.7208, abs=5e-5)
    assert found["alpha_minima"] is None
    assert "sigma = -1: must be" in refused(capsys, "thresholds", "--a", 1, "--noise", -1)
    both = ("--noise", 0.3, "--channel", "noiseless")
    assert "not allowed with" in refused(capsys, "thresholds", "--a", 1, *both)


def test_thresholds_of_a_wide_student(capsys):
    for width, alpha in ((2, 1.43999), ("inf", 0.505)):
        found = json.loads(run(capsys, "thresholds", "--a", 0.01, "--width", width, "--json")[1])
        assert found["alpha_init"] == pytest.approx(alpha, abs=5e-6)
        assert "alpha_threshold" not in found
    assert found["width"] is None
    assert "width = 0: must be a whole number" in refused(
        capsys, "thresholds", "--a", 1, "--width", 0
    )


DESCEND = {
    "--loss": ("normalized(a=0.5)", {"loss": "normalized(a=0.5)"}),
    "--a": (0.5, {"loss": "normalized(a=0.5)"}),
    "--unnormalized": (None, {"loss": "unnormalized"}),
    "--alpha": (4, {"alpha": 4.0}),
    "--n": (20, {"n": 20}),
    "--start": ("optimal", {"start": "optimal"}),
    "--time": (0.3, {"time": 0.3}),
    "--seed": (5, {"seed": 5}),
    "--hold": (0.05, {"hold": 0.05}),
    "--scheme": ("descent(step=0.01)", {"scheme": "descent(step=0.01)"}),
    "--dtype": ("float64", {"dtype": "float64"}),
    "--channel": ("outliers(fraction=0.3)", {"channel": "outliers(fraction=0.3)"}),
    "--noise": (0.3, {"channel": "additive(sigma=0.3)"}),
    "--sensing": ("rademacher", {"sensing": "rademacher"}),
}


@pytest.mark.parametrize("option", DESCEND)
def test_every_option_of_a_descent_reaches_what_it_names(capsys, option):
    base = {"alpha": 3.0, "n": 16, "start": "constrained", "time": 0.2, "loss": "normalized(a=1)"}
    value, change = DESCEND[option]
    words = [option] if value is None else [option, value]
    for name, default in base.items():
        if name not in change:
            words += [f"--{name}", default]
    status, out, _ = run(capsys, "descend", *words, "--json")
    expected = prlib.descend(**{**base, **change})
    found = json.loads(out)
    assert status == 0
    assert found == {name: getattr(expected, name) for name in found}
    assert found != {name: getattr(prlib.descend(**base), name) for name in found}


def test_no_option_of_a_descent_is_untried(capsys):
    with pytest.raises(SystemExit):
        main(["descend", "--help"])
    named = set(re.findall(r"^  (--\w+)", capsys.readouterr().out, flags=re.MULTILINE))
    assert named == {*DESCEND, "--json"}


def test_a_descent_is_the_same_twice_and_says_how_it_ended(capsys):
    arguments = ("descend", "--a", 0.01, "--alpha", 6, "--n", 64, "--time", 20, "--seed", 3)
    _, first, _ = run(capsys, *arguments, "--json")
    _, second, _ = run(capsys, *arguments, "--json")
    assert first == second
    found = json.loads(first)
    contract = {"recovered", "overlap", "energy", "steps", "time", "stopped_by"}
    assert contract <= set(found)
    assert found["stopped_by"] in {"recovered", "stationary", "time", "steps", "diverged"}
    assert found["recovered"] == (found["stopped_by"] == "recovered")


def test_without_json_a_person_reads_a_table(capsys):
    status, out, _ = run(capsys, "thresholds", "--a", 1)
    assert status == 0
    assert "alpha_init" in out
    assert "1.13485" in out


def test_several_losses_are_one_object_a_line(capsys):
    _, out, _ = run(capsys, "thresholds", "--a", 0.01, "--a", 1, "--json")
    assert [json.loads(line)["a"] for line in out.splitlines()] == [0.01, 1]


def test_a_person_sees_the_digits_that_the_error_estimate_vouches_for(capsys):
    _, out, _ = run(capsys, "thresholds", "--a", 0.01)
    _, exact, _ = run(capsys, "thresholds", "--a", 0.01, "--json")
    found = json.loads(exact)
    shown = dict(line.split() for line in out.splitlines())
    digits = len(shown["alpha_threshold"].replace(".", ""))
    assert 10 ** (1 - digits) >= found["alpha_threshold_error"] / found["alpha_threshold"]
    assert not any(key.endswith("_error") for key in shown)


def test_a_threshold_state_has_the_fields_of_the_contract(capsys):
    _, out, _ = run(capsys, "threshold-state", "--a", 0.01, "--alpha", 4, "--json")
    fields = {"a", "alpha", "chi", "x", "energy", "mu", "outlier", "overlap2"}
    assert fields <= set(json.loads(out))


def test_a_sweep_runs_prints_rates_and_finds_its_rows_again(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    spec = tmp_path / "small.toml"
    spec.write_text(
        "a = [0.01]\nalpha = [2.0]\nn = [16]\nstart = ['random']\n"
        "replicas = 3\ntime = 2.0\nseed = 1\n"
    )
    _, out, _ = run(capsys, "sweep", spec, "--jobs", 1, "--json")
    first = json.loads(out)
    assert (first["runs"], first["computed"]) == (3, 3)
    assert {"rate", "low", "high"} <= set(first["rates"][0])
    _, out, _ = run(capsys, "sweep", spec, "--jobs", 1)
    assert "3 runs, 0 computed now" in out
    spec.write_text(spec.read_text().replace("replicas = 3", "replicas = 4"))
    grown = ("sweep", spec, "--jobs", 1, "--out", "grown", "--known", first["table"])
    _, out, _ = run(capsys, *grown)
    assert "4 runs, 1 computed now" in out


def test_a_scheme_of_long_steps_is_swept(capsys, tmp_path):
    spec = tmp_path / "steps.toml"
    spec.write_text(
        "a = 1.0\nalpha = 3.0\nn = 8\nstart = 'random'\nreplicas = 1\ntime = 0.1\n"
        "scheme = 'descent(step=0.05)'\n"
    )
    status, _, err = run(
        capsys, "sweep", spec, "--out", tmp_path / "out", "--executor", "serial", "--json"
    )
    assert status == 0, err


def test_a_rate_is_of_runs_of_one_setting(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    top = "a = 1.0\nalpha = 6.0\nn = 16\nstart = 'random'\nreplicas = 2\ntime = 2.0\n"
    (tmp_path / "two.toml").write_text(f"{top}[[grid]]\n[[grid]]\nhold = 1.0\n")
    _, out, _ = run(capsys, "sweep", "two.toml", "--executor", "serial", "--json")
    rates = json.loads(out)["rates"]
    assert [(row["hold"], row["runs"]) for row in rates] == [(20.0, 2), (1.0, 2)]
    assert {row["loss"] for row in rates} == {"normalized(a=1)"}
    assert {row["a"] for row in rates} == {1.0}
    (tmp_path / "seen.toml").write_text(f"{top}observe = [0.5, 1.0]\n")
    _, out, _ = run(capsys, "sweep", "seen.toml", "--executor", "serial", "--json")
    assert [row["runs"] for row in json.loads(out)["rates"]] == [2]


@pytest.mark.parametrize("paths", ["", "paths = 1024\n"])
@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--executor", "foo"), "executor = 'foo': must be one of processes, dask, serial"),
        (("--jobs", 0), "jobs = 0: must be a whole number >= 1"),
        (("--scheduler", "tcp://x:1"), "needs executor = 'dask'"),
    ],
)
def test_options_of_a_sweep_reach_it_whatever_its_kind(capsys, tmp_path, paths, option, words):
    spec = tmp_path / "spec.toml"
    rest = paths or "n = 16\nstart = 'random'\nreplicas = 1\n"
    spec.write_text(f"a = 1.0\nalpha = 6.0\ntime = 2.0\n{rest}")
    status, out, err = run(capsys, "sweep", spec, "--out", tmp_path / "out", *option)
    assert (status, out) == (2, "")
    assert words in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("thresholds",), "--a"),
        (("threshold-state", "--a", 0.01, "--alpha", 0.3), "end at alpha = 1.6"),
        (("sweep", "no-such.toml"), "cannot be read"),
        (("thresholds", "--a", 0), "a = 0: must be a finite number > 0"),
        (("thresholds", "--a", "nan"), "a = 'nan': must be"),
        (("thresholds", "--a", "inf"), "a = 'inf': must be"),
        (("thresholds", "--a", "1e999"), "a = inf: must be"),
        (("thresholds", "--a", "-1e-3"), "a = -0.001: must be a finite number > 0"),
        (("thresholds", "--a", "1or 2"), "a = '1or 2': must be"),
        (("thresholds", "--a", "[1, 2]"), "a = [1, 2]: must be"),
        (("thresholds", "--a", "1", "--unnormalized"), "not allowed with"),
        (("spectrum", "--a", 1, "--alpha", -2), "alpha = -2: must be a finite number > 0"),
        (("descend", "--a", 1, "--alpha", 1, "--n", 1), "n = 1: must be a whole number >= 2"),
        (("descend", "--a", 1, "--alpha", 0.1, "--n", 3), "M = 0 measurements"),
        (("descend", "--a", 1, "--alpha", 2, "--n", 10, "--start", "x"), "start = 'x': must be"),
        (("descend", "--a", 1, "--alpha", 2, "--n", 10, "--scheme", "x"), "scheme = 'x': must be"),
        (("descend", "--a", 1, "--alpha", 2, "--n", 10, "--hold", 0), "hold = 0: must be"),
        (("descend", "--a", 1, "--alpha", 3, "--n", 100000), "GiB of memory; must fit into"),
        (("descend", "--a", 1, "--alpha", 3, "--n", "9" * 400), "and < 2**63"),
        (("descend", "--a", 1e300, "--alpha", 3, "--n", 10), "is beyond the range of float32"),
        (("descend", "--a", 1, "--alpha", 2, "--n", 10, "--seed", -1), "seed = -1: must be"),
        (("nothing",), "invalid choice"),
        (("rerun", "no-such"), "must be the name of one"),
        (("rerun", "../notebooks/01-bbp-at-initialisation"), "a name, not a path"),
        (("rerun", "01-bbp-at-initialisation", "-p", "beta", 1), "it has a,"),
        (("rerun", "01-bbp-at-initialisation", "-p", "alpha", 0), "alpha = 0: must be"),
        (("rerun", "01-bbp-at-initialisation", "-p", "alpha", "x"), "alpha = 'x': must be"),
        (("rerun", "01-bbp-at-initialisation", "-p", "alpha", "[1]"), "alpha = [1]: must be"),
        (("rerun", "01-bbp-at-initialisation", "-p", "n", "nan"), "n = 'nan': must be"),
        (("rerun", "01-bbp-at-initialisation", "-p", "n", 1), "n = 1: must be"),
        (("rerun", "01-bbp-at-initialisation", "-p", "sizes", 100), "sizes = 100: must be a list"),
    ],
)
def test_a_bad_argument_is_one_line(capsys, arguments, words):
    assert words in refused(capsys, *arguments)


def test_an_existing_output_is_left_alone(capsys, tmp_path):
    output = tmp_path / "mine.ipynb"
    output.write_text("precious")
    message = refused(capsys, "rerun", "01-bbp-at-initialisation", "-o", output)
    assert "exists already" in message
    assert output.read_text() == "precious"


def test_a_parameter_given_twice_is_refused(capsys):
    arguments = ("-p", "n", 10, "-p", "n", 20)
    assert "given twice" in refused(capsys, "rerun", "01-bbp-at-initialisation", *arguments)


def test_notebooks_are_listed_with_their_parameters(capsys):
    _, out, _ = run(capsys, "notebooks", "--json")
    first = json.loads(out)["notebooks"][0]
    assert first["name"] == "01-bbp-at-initialisation"
    assert {"name", "type", "default", "help"} == set(first["parameters"][0])


def test_json_never_holds_nan(capsys):
    _, out, _ = run(capsys, "thresholds", "--a", 100, "--json")
    assert all(
        math.isfinite(value) for value in json.loads(out).values() if isinstance(value, float)
    )


def test_dynamics_prints_an_object_a_time(capsys):
    status, out, err = run(capsys, "dynamics", "--a", 1, "--alpha", 3, "--time", 0.01, "--json")
    states = [json.loads(line) for line in out.splitlines()]
    names = {"t", "energy", "mu", "left_edge", "outlier", "overlap2", "variance"}
    assert status == 0
    assert "take about" not in err
    assert all(names <= set(state) for state in states)
    assert states[0]["t"] == 0
    assert states[-1]["t"] == pytest.approx(0.01)


def test_dynamics_begins_at_an_overlap(capsys):
    given = ("dynamics", "--a", 1, "--alpha", 3, "--time", 0.01, "--overlap", 0.3)
    _, out, _ = run(capsys, *given, "--json")
    states = [json.loads(line) for line in out.splitlines()]
    assert states[0]["overlap"] == 0.3
    assert 0.3 < states[-1]["overlap"] < 0.4
    assert states[-1]["variance"] is None
    _, out, _ = run(capsys, *given)
    assert out.split()[6] == "overlap"
    assert out.split()[-1].startswith("0.3")


def test_dynamics_says_what_it_takes_and_that_it_diverged(capsys, monkeypatch):
    def diverge(*_arguments, **_options):
        raise FloatingPointError("step 3 is too large for the curvature")

    monkeypatch.setattr("prlib.dynamics", diverge)
    monkeypatch.setattr("prlib.cli.LONG_SECONDS", 0.0)
    status, out, err = run(capsys, "dynamics", "--a", 1, "--alpha", 3, "--time", 0.01)
    assert (status, out) == (2, "")
    assert "sample paths take about" in err
    assert err.splitlines()[-1] == "prlib: step 3 is too large for the curvature"
