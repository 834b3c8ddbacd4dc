"""A release as one file: the head that people sign, and the image that a board runs.

Pure; the same files and numbers give the same bytes. Raises ReleaseError.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from protocol import release
from protocol.errors import DecodeError, EncodeError
from workbench import romfs
from workbench.application import BoardFile, board_file
from workbench.errors import ImageError, ReleaseError
from workbench.romfs import HEAD_BYTES

SUFFIX = ".tfr"
_SEQUENCE = slice(4, 8)  # of a seal
_SAID = 40


@dataclass(frozen=True)
class Bundle:
    """Well-formed and whole. Whose signatures hold, `signing.verify` says."""

    head: release.Head
    head_bytes: bytes = field(repr=False)
    content: bytes = field(repr=False)

    @property
    def manifest(self) -> release.Manifest:
        said: release.Manifest = self.head.manifest
        return said

    @property
    def digest(self) -> bytes:
        """The name of the release."""
        return release.digest(self.head.raw)

    @property
    def data(self) -> bytes:
        return self.head_bytes + self.content

    def files(self) -> tuple[BoardFile, ...]:
        """Every file of it, `boot.py` and `main.py` too."""
        return tuple(
            board_file(path, data) for path, data in sorted(romfs.read_files(self.content).items())
        )

    def image(self, sequence: int) -> bytes:
        """The content with this number in its seal, as it lies in a slot."""
        _, begin = romfs.decode_seal(self.content[:HEAD_BYTES])
        seal = bytearray(self.content[begin - romfs.SEAL_BYTES : begin])
        seal[_SEQUENCE] = sequence.to_bytes(4, "big")
        seal[_SAID:] = hashlib.sha256(seal[:_SAID]).digest()[: romfs.SEAL_BYTES - _SAID]
        return self.content[: begin - romfs.SEAL_BYTES] + bytes(seal) + self.content[begin:]


def build(
    files: Sequence[BoardFile], board: str, version: str, number: int, floor: int, form: int
) -> Bundle:
    """A release that nobody signed yet."""
    if not any("/" in file.path for file in files):
        raise ReleaseError("there is no application among these files")
    content = romfs.build({file.path: file.data for file in files}, 0)
    table = _table({file.path: file.data for file in files})
    manifest = release.Manifest(
        board, version, number, floor, form, len(content), _sha256(content), _sha256(table)
    )
    try:
        head = release.encode_head(release.encode_manifest(manifest), [], table)
    except EncodeError as error:
        raise ReleaseError(f"these numbers make no release: {error}") from error
    return read(head + content)


def read(data: bytes) -> Bundle:
    """Strict: every file is the one that the head names, and nothing stands behind them."""
    try:
        size = release.head_bytes(data[: release.START_BYTES])
        head = release.decode_head(data[:size])
        content = data[size:]
        if (len(content), _sha256(content)) != (head.manifest.content_bytes, head.manifest.content):
            raise ReleaseError("the content is not the one that the head names: it is damaged")
        if romfs.read_seal(content).image_bytes != len(content):
            raise ReleaseError("something stands behind the image")
        if _table(romfs.read_files(content)) != release.encode_files(head.files):
            raise ReleaseError("its files are not those that the head names")
    except DecodeError as error:
        raise ReleaseError(f"not a release: {error}") from error
    except ImageError as error:
        raise ReleaseError(f"its content is no application: {error}") from error
    return Bundle(head, data[:size], content)


def _table(files: Mapping[str, bytes]) -> bytes:
    return release.encode_files([(path, len(data), _sha256(data)) for path, data in files.items()])


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
