"""Print, for a shell, the reader's settings of pip that say where packages come from.

No other setting holds in `make setup`: one that sends packages elsewhere (user, target, prefix) or
installs nothing (dry-run) would break the environment, or seem to succeed.
"""

import ast
import os
import shlex
import subprocess
import sys
from configparser import Error, RawConfigParser
from contextlib import suppress

KEPT = """index-url extra-index-url no-index find-links trusted-host proxy cert client-cert
    timeout default-timeout retries cache-dir no-cache-dir keyring-provider constraint""".split()


def settings() -> list[tuple[str, str]]:
    """Return section and name of every setting, and its value, a later one before an earlier."""
    plain = {name: value for name, value in os.environ.items() if name != "PIP_PYTHON"}
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        env=plain | {"PIP_QUIET": "0", "PIP_VERBOSE": "0"},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    ).stdout.splitlines()
    # The file that PIP_CONFIG_FILE names is read by pip, and not listed.
    named = RawConfigParser()
    with suppress(Error, OSError, UnicodeError):
        named.read(os.environ.get("PIP_CONFIG_FILE", ""), encoding="utf-8")
    pairs = [line.partition("=")[::2] for line in listed if "=" in line]
    return [(key, str(ast.literal_eval(value))) for key, value in pairs] + [
        (f"{section}.{name}", value)
        for section in named.sections()
        for name, value in named[section].items()
    ]


def main() -> None:
    """Print what to unset and what to export."""
    given, found = settings(), {}
    for section in ("global.", "install.", ":env:."):
        for key, value in given:
            if key.startswith(section) and key.removeprefix(section) in KEPT:
                found[key.removeprefix(section)] = " ".join(value.split())
    for name in os.environ:
        if name.startswith("PIP_"):
            print(f"unset {name}")
    print(f"export PIP_CONFIG_FILE={os.devnull}")
    for key, value in found.items():
        print(f"export PIP_{key.upper().replace('-', '_')}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
