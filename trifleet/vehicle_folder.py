"""Everything that follows from a vehicle's configuration, in a new folder.

`config` for its board, `parts.csv`, `picture.svg`, and the WireViz sources of harness and VCU's
box; with their drawings where WireViz is installed.
"""

from pathlib import Path

from hw.harness.draw import draw, is_installed
from hw.harness.sources import box_of, loom_of, sheets
from hw.parts import as_csv, parts_list
from hw.pictures.sheet import sheet
from hw.vehicle_config import load_vehicle
from trifleet.errors import UsageError
from trifleet.vehicle_file import config_file


def compile_vehicle(name: str | Path, folder: Path, board: str | None = None) -> list[str]:
    """The names of the files, in the order in which they are written; all is worked out before the
    first one is. Raises ConfigError, EncodeError, DrawingError, and UsageError for a folder that
    is there already.
    """
    config = load_vehicle(name)
    board = board or config.harness.board
    sources = sheets(config.name, loom_of(config, board), f"the vehicle {config.name}")
    sources |= sheets(f"vcu-box-{board}", box_of(board), f"boards/{board}")
    texts = {
        "parts.csv": as_csv(parts_list(config, board)),
        "picture.svg": sheet(config),
        **sources,
    }
    binary = config_file(config)
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise UsageError(f"{folder} is there already: choose a new folder") from error
    (folder / "config").write_bytes(binary)
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    written = ["config", *texts]
    if is_installed():
        for file in sources:
            draw(folder / file, folder)
            stem = file.removesuffix(".yml")
            written += [f"{stem}.svg", f"{stem}.bom.tsv"]
    return written
