"""How much of its slot the application takes on a board. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from boards.description import BoardDescription
from boards.schema import ROMFS
from workbench.application import BoardFile, application_image, loose_files


def room(board: BoardDescription) -> int:
    """Bytes of one of the two slots."""
    return board.application.room_bytes // 2


def needed(board: BoardDescription, files: Sequence[BoardFile]) -> int:
    """Bytes of a slot that the modules take: the sealed image where the board has ROMFS, whole
    erase blocks for each file and folder where they lie on littlefs."""
    if board.application.form == ROMFS:
        return len(application_image(files, 0) or b"")
    block = board.application.erase_bytes
    loose = {file.path for file in loose_files(files)}
    modules = [file for file in files if file.path not in loose]
    folders = {part for file in modules for part in _parents(file.path)}
    # A folder of littlefs is a pair of blocks.
    return sum(-(-len(file.data) // block) * block for file in modules) + 2 * block * len(folders)


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))] + [""]
