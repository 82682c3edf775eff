"""Whatever is typed: an answer, or one line that says what is wrong."""

from __future__ import annotations

import contextlib
import io
import os
import re
import resource
import signal
import subprocess
import sys

import psutil
import pytest

from prlib import cli

pytest.importorskip("hypothesis")
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

LINES = 500
SECONDS, MEMORY = 60, 2 * 2**30

HOSTILE = (
    *("nan", "inf", "-inf", "1e300", "1e-300", "-1e300", "-0", "-0.0", "0", "-1", "1e400", "2.5"),
    *("", " ", "None", "True", "[1, 2]", "(0.5,)", "{'a': 1}", "1e", "0x10", "1_000", "'3'"),
    *("α", "２", "naïve\u202e", "a{b}", "{0}", "%s", "\x1b[31m", "a\nb", "--", "-", "-a", "--a"),
    *(".", "..", "/dev/null/x", "~", "a" * 5000, "9" * 400, "(" * 300, "[" * 3000),
    *("99999999999", "1000000", "normalized(a=0)", "normalized(a=[1])", "flow(1)", "(", "f(x=)"),
)
"""What nobody should type, and somebody does."""

ACCEPTED = {
    "a": ("0.01", "1", "0.3", "1e-3", "1e3", "1e-12", "1e12"),
    "loss": ("normalized(a=0.01)", "normalized(a=1)", "amplitude(smoothing=0.3)"),
    "alpha": ("3", "2.0", "0.5", "1.63", "12", "1e-6", "1e6"),
    "overlap": ("0", "0.5", "-0.3", "0.999999"),
    "energy": ("0.01", "1", "1e-9", "1e9"),
    "labels": ("held",),
    "n": ("2", "3", "24"),
    "time": ("1e-3", "1e-9"),
    "hold": ("0.01", "1", "1e9"),
    "seed": ("0", "7", "99999999999999999999"),
    "scheme": ("flow", "descent(step=0.01)", "descent(step=1e9)", "sgd(0.5)", "langevin(1e9)"),
    "start": ("random", "spectral", "constrained", "optimal"),
    "dtype": ("float32", "float64"),
    "executor": ("serial",),
    "jobs": ("1",),
    "format": ("pdf", "csv", "bib"),
    "name": ("01-bbp-at-initialisation", "09-time-dependent-bbp"),
    "id": ("fig-bbp-transition", "fig-t-bbp"),
    "spec": ("spec.toml",),
}
"""What is worth reading further for."""

NEWS = re.compile(r"^prlib: (compiling|about)|[0-9?]steps? |step/s|^[0-9]+ of [0-9]+ runs")
"""What is said on the way."""

SAMPLE = (
    ("thresholds", "--a", "1e100"),
    ("spectrum", "--a", "1e-300", "--alpha", "4"),
    ("dynamics", "--a", "0.01", "--alpha", "3", "--time", "1e4"),
    ("dynamics", "--a", "0.01", "--alpha", "1e-300", "--time", "1"),
    ("descend", "--a", "0.01", "--alpha", "3", "--n", "100000"),
    ("descend", "--a", "0.01", "--alpha", "3", "--n", "9" * 400),
    ("landscape", "--a", "α{0}", "--alpha", "3"),
    ("rerun", "x" * 5000, "-p", "a", "["),
)
"""Lines that are run as a reader runs them."""

SKIPPED = {"verify", "figures"}
"""Commands that take no value, and a minute."""

SPEC = {"a": "0.01", "alpha": "[2.0, 3.0]", "n": "16", "start": '"random"', "replicas": "2"}
SPEC |= {"time": "0.1", "seed": "1"}

HOSTILE_TOML = (
    *("nan", "inf", "-inf", "-0.0", "0", "-1", "1e300", "1e-300", "2.5", "true", '""', "[]"),
    *("[[1]]", "{}", "{x = 1}", "1979-05-27", '"x"', '"\\u202e"', "[1, 'x']", "99999999999999999"),
    *("1000000000000", "[" * 2000, "[nan]", "[1, 1]", "[0.01, 1.0]", "=", "'normalized(a=1)'"),
)

KEYS = (*SPEC, "loss", "hold", "step", "scheme", "dtype", "observe", "paths", "name", "grid", "x")

numbers = st.floats(allow_nan=True, allow_infinity=True).map(repr) | st.integers().map(str)
# No slash: what is written must stay in the test's folder.
texts = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), max_size=12)
values = st.sampled_from(HOSTILE) | numbers | texts


def choices():
    parser = cli._parser()
    (commands,) = (one for one in parser._actions if one.dest == "command")
    found = {name: one for name, one in commands.choices.items() if name not in SKIPPED}
    for one in found.values():
        if one.later is not None:
            one.later(one)
    return found


COMMANDS = choices()


@st.composite
def lines(draw):
    """One command with some of its options, most values accepted, some hostile."""
    name = draw(st.sampled_from(sorted(COMMANDS)))
    parser = COMMANDS[name]
    group = [one for many in parser._mutually_exclusive_groups for one in many._group_actions]
    chosen = draw(st.sampled_from(group)) if group else None
    line = [name]
    for action in parser._actions:
        needed = action is chosen or action.required or not action.option_strings
        often = 12 if action in group else 3
        if action.dest == "help" or not (needed or draw(st.integers(0, often)) == 0):
            continue
        line += [draw(st.sampled_from(action.option_strings))] if action.option_strings else []
        many = action.nargs if isinstance(action.nargs, int) else 1
        known = ACCEPTED.get(action.dest, ())
        good = st.sampled_from(known) if known and draw(st.integers(0, 9)) else values
        line += draw(st.lists(good, min_size=many, max_size=many))
    if draw(st.integers(0, 19)) == 0:
        line.insert(draw(st.integers(0, len(line))), draw(values))
    return line


@st.composite
def specs(draw):
    """A sweep of four short descents, in which something may be wrong."""
    wrong = st.dictionaries(
        st.sampled_from(KEYS), st.sampled_from(HOSTILE_TOML), max_size=2
    ) | st.just({})
    return "".join(f"{key} = {value}\n" for key, value in {**SPEC, **draw(wrong)}.items())


class Hanging(BaseException):
    """No error that the command line could take for one of its own."""


def hang(*_):
    raise Hanging


def run(line):
    """Return status, standard output and standard error of a command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = cli.main(line)
        except SystemExit as end:  # --version
            status = end.code
    return status, out.getvalue(), err.getvalue()


def complaint(status, out, err):
    """Say what is wrong with the answer to a command line; None if nothing is."""
    if status not in (0, 2):
        return f"status {status}: {err}"
    if status == 0:
        return None
    told = [line for line in re.split("[\r\n]", err) if line.strip() and not NEWS.search(line)]
    if out or len(told) != 1 or not told[0].startswith("prlib: ") or not told[0].isprintable():
        return f"not one line: {out!r} {err!r}"
    return None


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to write in, in which no notebook is executed, on a machine of `MEMORY`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("companion.reexecution._executed", lambda node, *_: node)
    for module in ("prlib.memory", "prlib.measures.dynamical.mean_field"):
        monkeypatch.setattr(f"{module}.available_memory", left)
    before = signal.signal(signal.SIGVTALRM, hang)
    yield tmp_path
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def left():
    """Return what a machine with little memory would still have for X: a part is for the rest."""
    return 0.75 * MEMORY - psutil.Process().memory_info().rss


def peak():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.slow
@settings(
    max_examples=LINES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # a line is told as it was found: to shrink it takes an hour
    suppress_health_check=list(HealthCheck),
)
@given(line=lines(), spec=specs())
def test_an_answer_or_one_line(place, line, spec):
    (place / "spec.toml").write_text(spec)
    before = peak()
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    wrong = complaint(*run(line))
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    assert wrong is None
    assert peak() < max(before + 1, MEMORY)


@pytest.mark.slow
@pytest.mark.parametrize("line", SAMPLE, ids=lambda line: " ".join(line)[:40])
def test_a_process_of_its_own_ends_as_well(tmp_path, line):
    script = "import sys; from prlib.cli import main; sys.exit(main())"
    with (tmp_path / "err").open("w+") as err, (tmp_path / "out").open("w+") as out:
        process = subprocess.Popen([sys.executable, "-c", script, *line], stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        told = [stream.seek(0) or stream.read() for stream in (out, err)]
    assert complaint(process.returncode, *told) is None
    assert used.ru_utime + used.ru_stime < SECONDS
    assert 1024 * used.ru_maxrss < MEMORY
