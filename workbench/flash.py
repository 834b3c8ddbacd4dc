"""Puts an application on a board: its modules as one image into the half of the ROMFS partition
that does not run, `boot.py` and `main.py` as files.

Whatever is interrupted leaves the old application running; run again, it finishes the job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from workbench.application import BoardFile, application_image, collect_application, loose_files
from workbench.bench import Bench, on_bench
from workbench.errors import NoSuchFileError, VerifyError
from workbench.folder_slots import FolderSlots
from workbench.identify import check_board, running_slot
from workbench.running import await_software
from workbench.slots import SLOTS, Slots

log = logging.getLogger("workbench")

IMAGE = "application"  # its name in progress and result
# Applications with this module say over the cable what they are.
ANSWERS = "vcu/cable.mpy"
# How often the board crashed early (firmware/vcu/flash/crashes.py): what was flashed begins anew.
CRASHES = "crashes"


@dataclass(frozen=True)
class FlashProgress:
    """Sent before each piece, and once at the end with an empty path."""

    path: str
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True)
class FlashResult:
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    removed: tuple[str, ...]
    bytes_written: int


Progress = Callable[[FlashProgress], None]
# The image with this number in its seal; None where there is none.
MakeImage = Callable[[int], bytes | None]


def flash_application(
    port: str,
    files: Sequence[BoardFile] | None = None,
    *,
    board: str = "",
    progress: Progress | None = None,
    confirm: bool = True,
    image: MakeImage | None = None,
) -> FlashResult:
    """Writes what differs, verifies all of it, starts the board, and asks the application that
    runs then which one it is.

    `files` as collected, or None for the application of this checkout. `board` is a folder of
    boards/: another board is refused before anything is written. `confirm` False: whoever goes on
    with the board sees for himself whether it runs. `image` makes the image where it is not that
    of `files`, as a release has it. Raises NotRunningError besides what on_bench
    and flash_files raise.
    """
    if files is None:
        files = collect_application(Path(__file__).resolve().parent.parent)
    with on_bench(port) as bench:
        if board:
            check_board(bench, board)
        result = flash_files(bench, files, progress=progress, image=image)
        wanted = image(0) if image else application_image(files, 0)
        sealed = bench.slots().body_of(wanted) if wanted is not None else b""
    if confirm and sealed and ANSWERS in {file.path for file in files}:
        await_software(port, sealed)
    return result


def flash_files(
    bench: Bench,
    files: Sequence[BoardFile],
    *,
    progress: Progress | None = None,
    image: MakeImage | None = None,
) -> FlashResult:
    """Order of durable writes: power may go after any of them."""
    loose = [file for file in loose_files(files) if not _is_there(bench, file)]
    plan = _plan_image(bench, image or (lambda sequence: application_image(files, sequence)))
    report = _Report(progress, sum(len(file.data) for file in loose) + plan.bytes_to_write)
    # 1. The image, into the slot that does not run; the seal last. With it the new modules are what
    #    the next start finds; `boot.py` and `main.py` of any version start any image.
    if plan.bytes_to_write:
        plan.slots.write(plan.target, plan.image, report.of_image)
        report.wrote(IMAGE, len(plan.image))
    # Also where the image is there already: power may have gone just here.
    _remove_if_there(bench, CRASHES)
    # 2. What starts it, each file old or new.
    for file in sorted(loose, key=lambda file: file.path):
        report.begins(file.path)
        bench.files.write(file.path, file.data)
        report.wrote(file.path, len(file.data))
    # 3. Modules as files, from before boards had an image.
    removed = _remove_modules(bench, files)
    _verify(bench, files, plan)
    report.ends()
    log.info("flashed %s: %s", bench.repl.port, ", ".join(report.written) or "nothing to do")
    names = [IMAGE] * plan.is_wanted + [file.path for file in loose_files(files)]
    return FlashResult(
        written=tuple(report.written),
        skipped=tuple(name for name in names if name not in report.written),
        removed=removed,
        bytes_written=report.done,
    )


@dataclass(frozen=True)
class _ImagePlan:
    slots: Slots | FolderSlots
    target: int
    image: bytes
    is_wanted: bool
    bytes_to_write: int


def _plan_image(bench: Bench, make: MakeImage) -> _ImagePlan:
    slots = bench.slots()
    found = [slots.sealed(number) for number in SLOTS]
    running = running_slot(bench, found)
    seal = None if running is None else found[running]
    # Above both: one that did not pass its trial may lie beside the one that runs.
    image = make(max(seal.sequence if seal else -1 for seal in found) + 1)
    target = 0 if running is None else 1 - running
    if image is None:
        return _ImagePlan(slots, target, b"", False, 0)
    same = seal is not None and seal.body == slots.body_of(image)
    return _ImagePlan(slots, target, image, True, 0 if same else len(image))


class _Report:
    """What was written so far, told to `progress`."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress = progress
        self._total = total
        self.done = 0
        self.written: list[str] = []

    def of_image(self, written: int) -> None:
        self._tell(IMAGE, self.done + written)

    def begins(self, path: str) -> None:
        self._tell(path, self.done)

    def wrote(self, path: str, size: int) -> None:
        self.written.append(path)
        self.done += size

    def ends(self) -> None:
        self._tell("", self.done)

    def _tell(self, path: str, done: int) -> None:
        if self._progress is not None:
            self._progress(FlashProgress(path, done, self._total))


def _verify(bench: Bench, files: Sequence[BoardFile], plan: _ImagePlan) -> None:
    for file in loose_files(files):
        if not _is_there(bench, file):
            raise VerifyError(f"{file.path}: not on the board as it was written")
    if plan.bytes_to_write:
        seal = plan.slots.sealed(plan.target)
        if seal is None or seal.body != plan.slots.body_of(plan.image):
            raise VerifyError(f"{IMAGE}: not on the board as it was written")


def _is_there(bench: Bench, file: BoardFile) -> bool:
    try:
        return bench.files.sha256(file.path) == file.sha256
    except NoSuchFileError:
        return False


def _remove_modules(bench: Bench, files: Sequence[BoardFile]) -> tuple[str, ...]:
    folders = sorted({file.path.partition("/")[0] for file in files if "/" in file.path})
    stale = sorted(path for folder in folders for path in bench.files.hashes(folder))
    for path in stale:
        bench.files.remove(path)
    return tuple(stale)


def _remove_if_there(bench: Bench, path: str) -> None:
    with suppress(NoSuchFileError):
        bench.files.remove(path)
