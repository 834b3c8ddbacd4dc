"""What flashing would write, found by looking only: for --dry-run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.application import BoardFile, loose_files
from workbench.bench import Bench
from workbench.errors import NoSuchFileError
from workbench.flash import IMAGE
from workbench.identify import Slot, identify_bench
from workbench.source import Source


@dataclass(frozen=True)
class Plan:
    """Names of what differs and would be written, and of what is there already."""

    write: tuple[str, ...]
    keep: tuple[str, ...]
    bytes_to_write: int


def plan_flash(bench: Bench, source: Source) -> Plan:
    """Compares by hashes that the board computes. Writes nothing."""
    loose = loose_files(source.files)
    wanted = [(file.path, len(file.data), _holds(bench, file)) for file in loose]
    image = source.image(0)
    if image is not None:
        slots = identify_bench(bench).slots
        wanted.insert(0, (IMAGE, len(image), _runs(slots, bench.slots().body_of(image))))
    return Plan(
        write=tuple(name for name, _, there in wanted if not there),
        keep=tuple(name for name, _, there in wanted if there),
        bytes_to_write=sum(size for _, size, there in wanted if not there),
    )


def _runs(slots: Sequence[Slot], body: bytes) -> bool:
    return any(slot.runs and slot.application == body for slot in slots)


def _holds(bench: Bench, file: BoardFile) -> bool:
    try:
        return bench.files.sha256(file.path) == file.sha256
    except NoSuchFileError:
        return False
