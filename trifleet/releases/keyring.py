"""The repository's keys by name: which file holds the one that the root believes.

A key that is about to take another's place lies beside it, as `NAME.next.key`, until the root names
it and everything is signed with it.
"""

from collections.abc import Collection
from pathlib import Path

from securesystemslib.signer import CryptoSigner

from trifleet.releases import keyfiles
from trifleet.releases.errors import ReleaseError
from trifleet.releases.metadata import sync_folder

ROOTS = ("root-1", "root-2", "root-3")
ONLINE = "timestamp"
ROLES = ("targets", "snapshot", ONLINE)
NAMES = (*ROOTS, *ROLES)
OFFLINE = "keys"
_NEXT = ".next.key"


def role_of(name: str) -> str:
    """The role of The Update Framework that a key has."""
    return "root" if name in ROOTS else name


class KeyRing:
    """The key files of one repository. Each is opened once. Raises ReleaseError."""

    def __init__(self, folder: Path, passphrase: bytes | None) -> None:
        """None: only the online key can be opened."""
        self._folder = folder
        self._passphrase = passphrase
        self._opened: dict[Path, CryptoSigner] = {}

    def path(self, name: str) -> Path:
        return self._place(name) / f"{name}.key"

    def next_path(self, name: str) -> Path:
        return self._place(name) / f"{name}{_NEXT}"

    def generate(self, name: str) -> CryptoSigner:
        """Draw the first key of a name."""
        return keyfiles.generate(self.path(name), self._words(name))

    def next(self, name: str) -> CryptoSigner:
        """The key that is about to take the place of `name`: of an earlier try, or a new one."""
        path = self.next_path(name)
        if not path.exists():
            return keyfiles.generate(path, self._words(name))
        return self._open(path, name)

    def of_role(self, name: str, believed: Collection[str]) -> CryptoSigner:
        """The key of a role whose id is among those that the root believes."""
        for path in (self.next_path(name), self.path(name)):
            if path.exists() and _id(signer := self._open(path, name)) in believed:
                return signer
        path = self.path(name)
        if not path.exists():
            raise ReleaseError(f"{path} is not there: mount the medium that holds the keys")
        raise ReleaseError(f"{path}: the root believes another key for {name}")

    def roots(self, believed: Collection[str]) -> dict[str, CryptoSigner]:
        """The root keys that are here and believed, by their ids; media that are away are away."""
        paths = [(path(name), name) for name in ROOTS for path in (self.path, self.next_path)]
        here = [self._open(path, name) for path, name in paths if path.exists()]
        return {_id(one): one for one in here if _id(one) in believed}

    def id_of_root(self, name: str, believed: Collection[str]) -> str:
        """Which of the root's keys has this name, though its file may be lost."""
        for path in (self.path(name), self.next_path(name)):
            if path.exists() and (found := _id(self._open(path, name))) in believed:
                return found
        unknown = set(believed) - set(self.roots(believed))
        if len(unknown) != 1:
            raise ReleaseError(
                f"which of the root's keys {name} is cannot be told without the other two"
            )
        return unknown.pop()

    def settle(self, name: str) -> None:
        """The next key takes the place of the old one, which is gone then."""
        self._opened.clear()
        self.next_path(name).replace(self.path(name))
        sync_folder(self._place(name))

    def _open(self, path: Path, name: str) -> CryptoSigner:
        if path not in self._opened:
            self._opened[path] = keyfiles.load(path, self._words(name))
        return self._opened[path]

    def _place(self, name: str) -> Path:
        return self._folder if name == ONLINE else self._folder / OFFLINE

    def _words(self, name: str) -> bytes | None:
        return None if name == ONLINE else self._passphrase


def _id(signer: CryptoSigner) -> str:
    return str(signer.public_key.keyid)
