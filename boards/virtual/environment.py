"""What the interpreter of a virtual board finds in its environment; device/vboard.py reads it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from boards.pins import BoardPin
from boards.virtual.child import DEVICE_FOLDER
from boards.virtual.settings import VirtualBoardSettings


@dataclass(frozen=True)
class Start:
    """One start of the interpreter. `files` are descriptors that it inherits."""

    cause: int
    wake_reason: int
    marker: bytes
    files: Sequence[int]
    raw: bool


def environment(
    settings: VirtualBoardSettings, pins: Sequence[BoardPin], unique_id: bytes, start: Start
) -> dict[str, str]:
    """Bare, so that nothing of this computer reaches the firmware by accident."""
    return {
        "PATH": os.environ.get("PATH", ""),
        **settings.env,
        "MICROPYPATH": f".frozen:{DEVICE_FOLDER}",
        "TRIFLEET_DEVICE": str(DEVICE_FOLDER),
        "TRIFLEET_FILES": ",".join(map(str, start.files)),
        "TRIFLEET_FLASH": f"{settings.image_bytes},{settings.rom_bytes}",
        "TRIFLEET_RESET_CAUSE": str(start.cause),
        "TRIFLEET_WAKE_REASON": str(start.wake_reason),
        "TRIFLEET_UNIQUE_ID": unique_id.hex(),
        "TRIFLEET_PINS": ",".join(pin.name for pin in pins),
        "TRIFLEET_MARKER": start.marker.decode(),
        "TRIFLEET_REPL": "raw" if start.raw else "friendly",
        "TRIFLEET_CAN": f"{settings.can_host}:{settings.can_port}" if settings.can_port else "",
    }
