"""Keeps openapi.json: `python -m fleet_backend.api.openapi` writes it, `--check` compares."""

import json
import sys
from pathlib import Path

from .app import bare_app

FILE = Path(__file__).parent.parent / "openapi.json"


def text() -> str:
    """The document as it is kept in git."""
    return json.dumps(bare_app().openapi(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or say in one line that it is not what the code says."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m fleet_backend.api.openapi [--check]", file=sys.stderr)
        return 2
    wanted = text()
    if not arguments:
        FILE.write_text(wanted)
        return 0
    if FILE.is_file() and FILE.read_text() == wanted:
        return 0
    print(f"{FILE.name} is stale: run python -m fleet_backend.api.openapi", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
