"""What flashing would write, found by looking only: for --dry-run."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.application import BoardFile, loose_files
from workbench.bench import Bench
from workbench.errors import NoSuchFileError
from workbench.flash import IMAGE
from workbench.identify import running_slot
from workbench.slots import SLOTS
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
        wanted.insert(0, (IMAGE, len(image), _runs(bench, image)))
    return Plan(
        write=tuple(name for name, _, there in wanted if not there),
        keep=tuple(name for name, _, there in wanted if there),
        bytes_to_write=sum(size for _, size, there in wanted if not there),
    )


def _runs(bench: Bench, image: bytes) -> bool:
    """Is that what the board starts now, in whichever form it has its applications?"""
    slots = bench.slots()
    sealed = [slots.sealed(number) for number in SLOTS]
    number = running_slot(bench, sealed)
    seal = None if number is None else sealed[number]
    return seal is not None and seal.body == slots.body_of(image)


def _holds(bench: Bench, file: BoardFile) -> bool:
    try:
        return bench.files.sha256(file.path) == file.sha256
    except NoSuchFileError:
        return False
