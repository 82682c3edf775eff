"""The commands of the book: what they exit with, and what they never do to a terminal."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from companion import verification
from companion.verification import Held
from prlib.cli import main


def held(verdict):
    return Held("one", "a claim", 1.0, 0.0, None, "01-one", verdict, "its number")


@pytest.mark.parametrize(
    ("verdict", "status"),
    [("PASS", 0), ("OPEN", 0), ("UNDERPOWERED", 0), ("REFUTED", 0), ("FAIL", 1)],
)
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_verify_exits_with_one_exactly_if_a_claim_fails(
    monkeypatch, capsys, verdict, status, options
):
    monkeypatch.setattr(
        verification, "verify", lambda *, again: (held("PASS"), held(verdict)) if again else ()
    )
    assert main(["verify", *options]) == status
    told = capsys.readouterr()
    lines = told.out.splitlines()
    verdicts = [json.loads(line)["verdict"] if options else line.split()[0] for line in lines[:2]]
    assert verdicts == ["PASS", verdict]
    counted = "claims of physics: 2 PASS" if verdict == "PASS" else f"1 PASS, 1 {verdict}"
    assert options or any(counted in line for line in lines[2:])
    assert not options or len(lines) == 2
    assert ("1 of 2 claims fail: one" in told.err) == (verdict == "FAIL")


def test_the_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"prlib {version('prlib')}\n"


def test_a_name_cannot_command_the_terminal(capsys):
    assert main(["rerun", "a\x1b[31mb"]) == 2
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert r"a\x1b[31mb" in told


def run(*arguments, stdout=subprocess.PIPE, **environment):
    script = "import sys; from prlib.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, **environment},
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_output_that_is_full_is_one_line():
    with Path("/dev/full").open("w") as full:
        ran = run("notebooks", stdout=full)
    assert ran.returncode == 1
    assert ran.stderr == "prlib: output: No space left on device\n"


def test_a_terminal_without_greek_gets_what_it_can_show():
    ran = run("thresholds", "--help", PYTHONIOENCODING="ascii")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "--unnormalized" in ran.stdout
