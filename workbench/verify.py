"""Whether a board holds what it should, by hashes that the board computes. Writes nothing but the
file `stay`, which is gone again when the work begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.application import BoardFile, application_image, loose_files
from workbench.bench import Bench, on_bench
from workbench.errors import NoSuchFileError, VerifyError
from workbench.flash import IMAGE
from workbench.identify import running_slot
from workbench.slots import SLOTS


@dataclass(frozen=True)
class Verified:
    """Names of what lies there as it should, and of what does not."""

    same: tuple[str, ...]
    other: tuple[str, ...]

    def check(self) -> None:
        """Raises VerifyError."""
        if self.other:
            raise VerifyError(f"not as it should be: {', '.join(self.other)}")


def verify(port: str, files: Sequence[BoardFile]) -> Verified:
    """`files` as collected: the image must be the one that runs."""
    with on_bench(port) as bench:
        return verify_files(bench, files)


def verify_files(bench: Bench, files: Sequence[BoardFile]) -> Verified:
    found = {file.path: _holds(bench, file) for file in loose_files(files)}
    image = application_image(files, 0)
    if image is not None:
        slots = bench.slots()
        sealed = [slots.sealed(number) for number in SLOTS]
        runs = running_slot(bench, sealed)
        seal = None if runs is None else sealed[runs]
        found[IMAGE] = seal is not None and seal.body == slots.body_of(image)
    return Verified(
        same=tuple(name for name, there in found.items() if there),
        other=tuple(name for name, there in found.items() if not there),
    )


def _holds(bench: Bench, file: BoardFile) -> bool:
    try:
        return bench.files.sha256(file.path) == file.sha256
    except NoSuchFileError:
        return False
