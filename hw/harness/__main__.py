"""Writes the WireViz sources: `python -m hw.harness`; `--check` compares instead."""

import sys
from collections.abc import Sequence

from hw.errors import ConfigError
from hw.harness.sources import FOLDER, sources


def main(arguments: Sequence[str]) -> int:
    """0; 1 where a file differs or a harness breaks a rule; 2 for other arguments."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m hw.harness [--check]", file=sys.stderr)
        return 2
    try:
        texts = sources()
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    stale = {path.name for path in FOLDER.glob("*.yml")} - set(texts)
    for name in stale if not arguments else ():
        (FOLDER / name).unlink()
    wrong = sorted(stale) if arguments else []
    for name, text in texts.items():
        path = FOLDER / name
        if not arguments:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            wrong.append(name)
    for name in wrong:
        print(f"hw/harness/{name}: differs, run python -m hw.harness")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
