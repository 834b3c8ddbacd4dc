"""Draws each vehicle: `python -m hw.pictures`; `--check` compares byte for byte instead."""

import sys
from collections.abc import Sequence

from hw.errors import ConfigError
from hw.pictures.sheet import sheet
from hw.vehicle_config import FOLDER, load_vehicle, vehicle_names


def main(arguments: Sequence[str]) -> int:
    """0; 1 where a picture differs, is missing or is of no vehicle; 2 for other arguments."""
    if arguments not in ([], ["--check"]):
        print("usage: python -m hw.pictures [--check]", file=sys.stderr)
        return 2
    try:
        texts = {f"{name}.svg": sheet(load_vehicle(name)) for name in vehicle_names()}
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    superfluous = sorted(path.name for path in FOLDER.glob("*.svg") if path.name not in texts)
    if not arguments:
        for name, text in texts.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        for name in superfluous:
            (FOLDER / name).unlink()
        return 0
    wrong = superfluous + [
        name
        for name, text in texts.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text(encoding="utf-8") != text
    ]
    for name in wrong:
        print(f"hw/vehicles/{name}: differs, run python -m hw.pictures")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
