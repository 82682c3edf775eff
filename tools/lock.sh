#!/bin/sh
# Write requirements.lock: exact versions with hashes that fit pyproject.toml, for every Python from 3.11 on.
# Versions already locked are kept where they fit; tools/lock.sh --upgrade takes the newest.
# Needs uv (pip install uv). The result holds names, versions and hashes, and no address.
set -eu
cd "$(dirname "$0")/.."
uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate --quiet --output-file requirements.lock "$@"
