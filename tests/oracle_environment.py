"""Makes the environment of the oracles that need Python 3.12 or newer, where one is found.

Usage: oracle_environment.py FOLDER REQUIREMENTS. Without such an interpreter nothing is made, and
the tests that ask for it are skipped with that reason. `ORACLE_PYTHON` names another interpreter.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

OLDEST = (3, 12)


def candidates() -> Iterator[list[str]]:
    """Commands that may start such an interpreter: named ones, and what pyenv has."""
    if named := os.environ.get("ORACLE_PYTHON"):
        yield [named]
    for minor in (14, 13, 12):
        yield [f"python3.{minor}"]
    if shutil.which("pyenv"):
        found = subprocess.run(["pyenv", "root"], capture_output=True, text=True)
        for program in sorted(Path(found.stdout.strip()).glob("versions/3.*/bin/python")):
            yield [str(program)]


def is_new_enough(command: list[str]) -> bool:
    check = f"import sys, venv, ensurepip; sys.exit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([*command, "-c", check], capture_output=True).returncode == 0
    except OSError:
        return False


def main(folder: str, requirements: str) -> None:
    command = next(filter(is_new_enough, candidates()), None)
    if command is None:
        print("No Python 3.12 or newer: the audit by aics-tlog and aics-witness is left out.")
        return
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([*command, "-m", "venv", folder], check=True)
    pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "install", "--require-hashes", "-r", requirements], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
