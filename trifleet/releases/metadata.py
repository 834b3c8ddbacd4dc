"""The signed documents of a repository on disk: read strictly, written whole.

Names as The Update Framework has them with consistent snapshots: `3.root.json`, `timestamp.json`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed
from tuf.api.serialization import DeserializationError

from fleet_backend.ledger.storage import sync_folder
from trifleet.layout import make_folder, write_private
from trifleet.releases.errors import ReleaseError

_UNREADABLE = (OSError, DeserializationError, RepositoryError, ValueError)
_ROOT = ".root.json"


class Roots:
    """The roots in one folder: online, or beside the keys that signed them. Raises ReleaseError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def numbers(self) -> list[int]:
        """In order."""
        names = (path.name.removesuffix(_ROOT) for path in self._folder.glob(f"*{_ROOT}"))
        return sorted(int(name) for name in names if name.isascii() and name.isdecimal())

    def data(self, number: int) -> bytes:
        return (self._folder / f"{number}{_ROOT}").read_bytes()

    def has(self, number: int, data: bytes) -> bool:
        """Whether this very root is here."""
        return number in self.numbers() and self.data(number) == data

    def get(self, number: int) -> Root:
        """One that enough of its own keys have signed. Who else has, is not looked at."""
        path = self._folder / f"{number}{_ROOT}"
        try:
            found = Metadata[Any].from_bytes(path.read_bytes())
            if not isinstance(found.signed, Root):
                raise ReleaseError(f"{path} is metadata of another kind")
            found.signed.verify_delegate("root", found.signed_bytes, found.signatures)
        except _UNREADABLE as error:
            raise ReleaseError(f"{path} does not hold: {error}") from error
        if found.signed.version != number:
            raise ReleaseError(f"{path} is root {found.signed.version} under another name")
        return found.signed

    def put(self, number: int, data: bytes) -> None:
        """On disk when this returns."""
        write_private(make_folder(self._folder) / f"{number}{_ROOT}", data)
        sync_folder(self._folder)


class MetadataFolder:
    """The folder `metadata`, which gateways get. Raises ReleaseError."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.roots = Roots(folder)

    def has(self, name: str) -> bool:
        return (self.folder / name).exists()

    def root(self) -> Root:
        """The newest one. Whoever may write this folder may have put it here: good enough to show
        what is online, and to choose the online key."""
        return self.roots.get(max(self.roots.numbers(), default=1))

    def read(self, role: str, name: str, kind: type[Signed], roots: Iterable[Root]) -> Any:
        """A document whose signatures the keys of one of these roots made."""
        failed: Exception | None = None
        for root in roots:
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
        data = signed_by(signed, signers).to_bytes()
        write_private(make_folder(self.folder) / name, data)
        sync_folder(self.folder)


def signed_by(signed: Signed, signers: Iterable[CryptoSigner]) -> Metadata[Any]:
    """The document with a signature of each."""
    document: Metadata[Any] = Metadata(signed)
    for signer in signers:
        document.sign(signer, append=True)
    return document
