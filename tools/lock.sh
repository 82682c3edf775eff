#!/bin/sh
# Write requirements.lock anew: the newest versions that fit pyproject.toml, for every Python from 3.11 on, with hashes.
# Needs uv (pip install uv). The result holds names, versions and hashes, and no address.
set -eu
cd "$(dirname "$0")/.."
uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes --upgrade \
    --no-header --no-annotate --quiet --output-file requirements.lock
