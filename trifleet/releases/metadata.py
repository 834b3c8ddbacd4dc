"""The signed documents of a repository on disk: read strictly, written whole.

Names as The Update Framework has them with consistent snapshots: `3.root.json`, `timestamp.json`.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed
from tuf.api.serialization import DeserializationError

from trifleet.layout import make_folder, write_private
from trifleet.releases.errors import ReleaseError

_UNREADABLE = (OSError, DeserializationError, RepositoryError)


class MetadataFolder:
    """One folder `metadata`. Raises ReleaseError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def newest_root(self) -> bytes:
        """The root with the highest number, as it is."""
        newest = max(self.folder.glob("*.root.json"), key=_version_of, default=None)
        if newest is None:
            where = self.folder.parent
            raise ReleaseError(f"{where} is no repository: trifleet release repository init")
        return newest.read_bytes()

    def root(self) -> Root:
        """The newest root, if enough of its own keys have signed it."""
        return self._root(self.newest_root())

    def root_before(self, root: Root) -> Root | None:
        """What gateways believed before this root; None for the first."""
        path = self.folder / f"{root.version - 1}.root.json"
        return self._root(path.read_bytes()) if path.exists() else None

    def read(self, role: str, name: str, kind: type[Signed], *roots: Root) -> Any:
        """A document whose signatures the keys of one of these roots made, the newest if none is
        given: what is signed anew was ours."""
        failed: Exception | None = None
        for root in roots or (self.root(),):
            try:
                found = Metadata[Any].from_bytes((self.folder / name).read_bytes())
                root.verify_delegate(role, found.signed_bytes, found.signatures)
            except _UNREADABLE as error:
                failed = error
                continue
            if not isinstance(found.signed, kind):
                raise ReleaseError(f"{self.folder}: {name} is metadata of another kind")
            return found.signed
        raise ReleaseError(f"{self.folder}: {name} does not hold: {failed}") from failed

    def write(self, signed: Signed, name: str, signers: Iterable[CryptoSigner]) -> None:
        """On disk when this returns."""
        document: Metadata[Any] = Metadata(signed)
        for signer in signers:
            document.sign(signer, append=True)
        write_private(make_folder(self.folder) / name, document.to_bytes())
        sync_folder(self.folder)

    def _root(self, data: bytes) -> Root:
        try:
            found = Metadata[Root].from_bytes(data)
            found.signed.verify_delegate("root", found.signed_bytes, found.signatures)
        except _UNREADABLE as error:
            raise ReleaseError(f"{self.folder}: the root does not hold: {error}") from error
        return found.signed


def sync_folder(folder: Path) -> None:
    """Make names durable that were made, replaced or deleted in a folder."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _version_of(path: Path) -> int:
    head = path.name.partition(".")[0]
    return int(head) if head.isdigit() else 0
