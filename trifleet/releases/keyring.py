"""What lies on the medium of the keys: the key files by name, and the roots that they signed.

A key that is about to take another's place lies beside it, as `NAME.next.key`, until the root names
it and everything is signed with it. The online key's next one lies here too, and not where it will
be: whoever may write there shall not choose it. The roots are kept here because what is online may
be anybody's: no key signs what does not follow from one of these.
"""

from collections.abc import Collection
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Root

from fleet_backend.ledger.storage import sync_folder
from trifleet.releases import keyfiles
from trifleet.releases.errors import ReleaseError
from trifleet.releases.metadata import Roots

ROOTS = ("root-1", "root-2", "root-3")
ONLINE = "timestamp"
ROLES = ("targets", "snapshot", ONLINE)
NAMES = (*ROOTS, *ROLES)
OFFLINE = "keys"
ONLINE_KEY = "timestamp.key"


def role_of(name: str) -> str:
    """The role of The Update Framework that a key has."""
    return "root" if name in ROOTS else name


class KeyRing:
    """The keys of one repository. Each file is opened once. Raises ReleaseError."""

    def __init__(self, folder: Path, passphrase: bytes | None) -> None:
        """None: only the online key can be opened."""
        self._folder = folder / OFFLINE
        self._online = folder / ONLINE_KEY
        self._passphrase = passphrase
        self._opened: dict[Path, CryptoSigner] = {}
        self.signed = Roots(self._folder)

    def newest_root(self) -> Root:
        """The last one that these keys signed."""
        numbers = self.signed.numbers()
        if not numbers:
            where = self._folder / "1.root.json"
            raise ReleaseError(f"{where} is not there: mount the medium that holds the keys")
        return self.signed.get(numbers[-1])

    def path(self, name: str) -> Path:
        return self._online if name == ONLINE else self._folder / f"{name}.key"

    def next_path(self, name: str) -> Path:
        return self._folder / f"{name}.next.key"

    def begun(self) -> set[str]:
        """Names of the keys that an interrupted change was about to replace."""
        return {name for name in NAMES if self.next_path(name).exists()}

    def generate(self, name: str) -> CryptoSigner:
        """Draw the first key of a name."""
        return keyfiles.generate(self.path(name), None if name == ONLINE else self._passphrase)

    def next(self, name: str) -> CryptoSigner:
        """The key that is about to take the place of `name`: of an earlier try, or a new one."""
        path = self.next_path(name)
        if not path.exists():
            return keyfiles.generate(path, self._passphrase)
        try:
            return self._open(path)
        except ReleaseError as error:
            raise ReleaseError(
                f"{error}; a change of the root that was interrupted left it"
            ) from None

    def of_role(self, name: str, believed: Collection[str]) -> CryptoSigner:
        """The key of a role whose id is among those that the root believes."""
        for path in (self.path(name), self.next_path(name)):
            if path.exists() and _id(signer := self._open(path)) in believed:
                return signer
        path = self.path(name)
        if not path.exists():
            raise ReleaseError(f"{path} is not there: mount the medium that holds the keys")
        raise ReleaseError(f"{path}: the root believes another key for {name}")

    def roots(self, believed: Collection[str]) -> dict[str, CryptoSigner]:
        """The root keys that are here and believed, by their ids; media that are away are away."""
        paths = [path(name) for name in ROOTS for path in (self.path, self.next_path)]
        here = [self._open(path) for path in paths if path.exists()]
        return {_id(one): one for one in here if _id(one) in believed}

    def id_of_root(self, name: str, believed: Collection[str]) -> str:
        """Which of the root's keys has this name, though its file may be lost."""
        for path in (self.path(name), self.next_path(name)):
            if path.exists() and (found := _id(self._open(path))) in believed:
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
        if name == ONLINE:
            keyfiles.unlock(self.next_path(name), self._passphrase, self.path(name))
            self.next_path(name).unlink()
        else:
            self.next_path(name).replace(self.path(name))
        sync_folder(self._folder)

    def _open(self, path: Path) -> CryptoSigner:
        if path not in self._opened:
            words = None if path == self._online else self._passphrase
            self._opened[path] = keyfiles.load(path, words)
        return self._opened[path]


def _id(signer: CryptoSigner) -> str:
    return str(signer.public_key.keyid)
