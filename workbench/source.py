"""What is put on a board: the application of a checkout, or a release. Both flash the same way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import workbench
from workbench.application import BoardFile, application_image, collect_application
from workbench.flash import MakeImage
from workbench.release.bundle import Bundle


@dataclass(frozen=True)
class Source:
    """`board` is the folder of boards/ that a release is for, `digest` the release's; both are
    empty for a checkout, which is for any board and signed by nobody."""

    files: tuple[BoardFile, ...]
    image: MakeImage
    version: str = ""
    board: str = ""
    digest: bytes = b""
    number: int = 0


def of_checkout() -> Source:
    """Of the checkout that this program is from. Raises ApplicationError."""
    files = collect_application(Path(workbench.__file__).resolve().parent.parent)
    return Source(files, lambda sequence: application_image(files, sequence))


def of_bundle(bundle: Bundle) -> Source:
    """The image is the bundle's own, byte for byte but for the number in its seal."""
    said = bundle.manifest
    return Source(
        bundle.files(), bundle.image, said.version, said.board, bundle.digest, said.number
    )
