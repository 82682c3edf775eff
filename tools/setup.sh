#!/bin/sh
# Make the virtual environment .venv and install into it exactly what requirements.lock names.
#   tools/setup.sh venv     the interpreter and the locked packages
#   tools/setup.sh project  prlib itself, editable, from this checkout
# PYTHON=/path/to/python chooses the interpreter; VENV=/path chooses the folder (default .venv).
set -eu
cd "$(dirname "$0")/.."
# The folder's name may hold letters that the locale, or the encoding of a terminal, does not.
export PYTHONUTF8=1
unset PYTHONIOENCODING
venv="${VENV:-.venv}"
log="${TMPDIR:-/tmp}/prlib-setup-$$.log"
trap 'rm -f "$log"' EXIT

say() { printf '%s\n' "$*" >&2; }
stop() { say "setup: $*"; exit 1; }

works() { # a command that runs and is recent enough (a version manager's shim may exist and yet not run)
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        works "$PYTHON" || stop "PYTHON=$PYTHON is not a working Python 3.11 or newer; unset it, or name one that is."
        return
    fi
    for PYTHON in python3.11 python3.12 python3.13 python3.14 python3; do
        if works "$PYTHON"; then return; fi
    done
    stop "no Python 3.11 or newer found (tried python3.11 to python3.14, python3)." \
        "Install one (Debian, Ubuntu: apt-get install python3 python3-venv), or name it: make setup PYTHON=/path/to/python3.11"
}

make_venv() {
    find_python
    "$PYTHON" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        stop "$PYTHON cannot make virtual environments: its venv module is missing. Debian, Ubuntu: apt-get install python3-venv"
    if ! works "$venv/bin/python"; then
        say "setup: making $venv with $("$PYTHON" --version)"
        rm -rf "$venv"
        "$PYTHON" -m venv "$venv" >"$log" 2>&1 || { cat "$log" >&2; stop "$PYTHON could not make $venv (see above)."; }
    fi
}

pip_install() {
    eval "$("$venv/bin/python" tools/pip_sources.py)"
    "$venv/bin/python" -m pip install --disable-pip-version-check --quiet "$@" >"$log" 2>&1 && return
    cat "$log" >&2
    if grep -qiE 'NewConnectionError|Name or service|name resolution|Network is unreachable|ConnectTimeout|Could not fetch|ProxyError|Connection refused|from versions: none' "$log"; then
        stop "pip could not reach its package index: check the network, or the index and proxy that pip is configured with (pip config list), then run make setup again."
    elif grep -qi 'DO NOT MATCH THE HASHES' "$log"; then
        stop "a downloaded package is not the one that requirements.lock names; nothing was installed from it."
    fi
    stop "pip could not install what requirements.lock names (see above)."
}

case "${1:-}" in
venv)
    make_venv
    say "setup: installing the packages of requirements.lock into $venv (a minute or two the first time)"
    pip_install --require-hashes --no-deps -r requirements.lock
    ;;
project)
    pip_install --no-deps --no-build-isolation --editable .
    # pip writes where the checkout is in letters that an ASCII locale cannot read; this is found from
    # where the environment is, when it lies in the checkout.
    if [ "$venv" = .venv ]; then
        packages="$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
        echo 'import os, sys; sys.path.append(os.path.dirname(sys.prefix))' >"$packages/checkout.pth"
    fi
    say "setup: $venv is ready"
    ;;
*) stop "say 'venv' or 'project'." ;;
esac
