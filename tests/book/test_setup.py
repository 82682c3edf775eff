"""A setup that cannot succeed says in one sentence what is missing and what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def setup(root: Path, tmp_path: Path, **environment: str) -> str:
    """Run the first step of the setup into a new folder; return its last line, an error."""
    ran = subprocess.run(
        [root / "tools" / "setup.sh", "venv"],
        env={**os.environ, "VENV": str(tmp_path / "venv"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    return ran.stderr.strip().splitlines()[-1]


def command(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_without_any_python(root: Path, tmp_path: Path) -> None:
    for tool in "sh dirname rm".split():
        (tmp_path / tool).symlink_to(shutil.which(tool))
    message = setup(root, tmp_path, PATH=str(tmp_path), PYTHON="")
    assert "no Python 3.11 or newer found" in message
    assert "apt-get install python3" in message


def test_a_python_that_is_there_but_does_not_run_is_passed_over(root: Path, tmp_path: Path) -> None:
    for tool in "sh dirname rm".split():
        (tmp_path / tool).symlink_to(shutil.which(tool))
    command(tmp_path, "python3.11", "exit 127")
    assert "no Python 3.11" in setup(root, tmp_path, PATH=str(tmp_path), PYTHON="")


def test_a_python_that_is_too_old(root: Path, tmp_path: Path) -> None:
    old = command(tmp_path, "python3.8", "exit 1")
    message = setup(root, tmp_path, PYTHON=str(old))
    assert f"PYTHON={old} is not a working Python 3.11 or newer" in message


def test_a_python_without_venv(root: Path, tmp_path: Path) -> None:
    bare = command(
        tmp_path,
        "python3",
        f'case "$2" in *ensurepip*) exit 1;; esac; exec "{sys.executable}" "$@"',
    )
    assert "apt-get install python3-venv" in setup(root, tmp_path, PYTHON=str(bare))


@pytest.mark.slow
def test_without_a_network(root: Path, tmp_path: Path) -> None:
    nowhere = {name: "" for name in os.environ if name.startswith("PIP_")}
    nowhere |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:9/"}
    nowhere |= {"PIP_RETRIES": "0", "PIP_DEFAULT_TIMEOUT": "5", "PIP_NO_CACHE_DIR": "1"}
    message = setup(root, tmp_path, PYTHON=sys.executable, **nowhere)
    assert "pip could not reach its package index: check the network" in message


def test_of_pips_settings_only_those_hold_that_say_where_packages_come_from(
    root: Path, tmp_path: Path
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = http://one/simple\nuser = true\ndry-run = true\nquiet = 3\n"
        "[install]\nextra-index-url =\n    http://two/a b\n    http://three\ntarget = /elsewhere\n"
    )
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    hostile = {"PIP_CONFIG_FILE": str(config), "PIP_USER": "1", "PIP_PREFIX": "/elsewhere"}
    ran = subprocess.run(
        [sys.executable, root / "tools" / "pip_sources.py"],
        env=plain | hostile | {"PIP_TIMEOUT": "7", "PIP_PYTHON": "/none"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = ran.stdout.splitlines()
    assert {"unset PIP_USER", "unset PIP_PREFIX", "unset PIP_PYTHON"} <= set(lines)
    assert f"export PIP_CONFIG_FILE={os.devnull}" in lines
    assert "export PIP_TIMEOUT=7" in lines
    shell = subprocess.run(
        ["sh", "-c", f'{ran.stdout}\nprintf %s "$PIP_INDEX_URL|$PIP_EXTRA_INDEX_URL"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout.split("|")[0] == "http://one/simple"
    assert "http://three" in shell.stdout
    assert "elsewhere" not in ran.stdout


def test_in_a_folder_whose_letters_the_terminal_lacks(root: Path, tmp_path: Path) -> None:
    place = tmp_path / "plå ce"
    shutil.copytree(root / "tools", place / "tools")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / ".venv"], check=True)
    (packages,) = place.glob(".venv/lib/python*/site-packages")
    (packages / "pip").mkdir()
    for name in ("__init__.py", "__main__.py"):  # a pip that has nothing to do
        (packages / "pip" / name).touch()
    ran = subprocess.run(
        [place / "tools" / "setup.sh", "project"],
        env={**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "HOME": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "setup: .venv is ready\n")
    assert (packages / "checkout.pth").is_file()


@pytest.mark.slow
def test_a_second_build_with_nothing_changed_takes_seconds(root: Path, html: Path) -> None:
    assert html.exists()
    ran = subprocess.run(
        ["make", "book"], cwd=root, timeout=20, capture_output=True, text=True, check=True
    )
    assert "building" not in ran.stdout
    assert f"file://{root}/_build/html/index.html" in ran.stdout
