"""The repository of The Update Framework (specification 1.0): what gateways believe, until when.

    keys/root-1.key root-2.key root-3.key   offline; two of three sign a change of the root
    keys/targets.key keys/snapshot.key      offline; sign what may be installed
    timestamp.key                           online; says once a day that nothing newer is kept back
    metadata/  targets/                     what gateways get

`keys/` belongs on a medium that is taken out. Order of durable writes in `publish`: files of the
targets, targets metadata, snapshot, timestamp. Until the last one nobody sees the new ones. Another
root is made in `rootchange.py`.
"""

import dataclasses
import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from trifleet.layout import make_folder, write_private
from trifleet.releases import keyfiles, keyring
from trifleet.releases.errors import ReleaseError
from trifleet.releases.keyring import KeyRing
from trifleet.releases.metadata import MetadataFolder

ROOT_THRESHOLD = 2
_Documents = tuple[Targets, Snapshot, Timestamp]


@dataclasses.dataclass(frozen=True)
class Lifetimes:
    """How long a signature counts."""

    root: timedelta = timedelta(days=730)
    targets: timedelta = timedelta(days=90)
    snapshot: timedelta = timedelta(days=90)
    timestamp: timedelta = timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class State:
    """A document as it stands: what it says, and until when gateways believe it."""

    role: str
    version: int
    ends: datetime


class Repository:
    """One repository in a folder. Raises ReleaseError."""

    def __init__(self, folder: Path, lifetimes: Lifetimes | None = None) -> None:
        self.folder = folder
        self.lifetimes = lifetimes or Lifetimes()
        self.metadata = MetadataFolder(folder / "metadata")

    @property
    def exists(self) -> bool:
        return self.metadata.has("timestamp.json")

    @property
    def root_bytes(self) -> bytes:
        """The newest root metadata: gateways get it with their settings."""
        return self.metadata.newest_root()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One writer at a time: the timer that signs timestamps, and who publishes."""
        with (make_folder(self.folder) / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def init(self, passphrase: bytes, now: datetime) -> None:
        """Draw every key and sign the first metadata, without any release in it."""
        if self.folder.exists() and any(self.folder.iterdir()):
            raise ReleaseError(f"{self.folder} is not empty: a repository is made once")
        keyfiles.checked_passphrase(passphrase)
        with self.alone():
            keys = KeyRing(self.folder, passphrase)
            signers = {name: keys.generate(name) for name in keyring.NAMES}
            root = Root(expires=ending(now, self.lifetimes.root))
            root.roles["root"].threshold = ROOT_THRESHOLD
            for name, signer in signers.items():
                root.add_key(signer.public_key, keyring.role_of(name))
            roots = [signers[name] for name in keyring.ROOTS[:ROOT_THRESHOLD]]
            self.metadata.write(root, "1.root.json", roots)
            make_folder(self.folder / "targets")
            targets = Targets(expires=ending(now, self.lifetimes.targets))
            self._sign_all(targets, Snapshot(), Timestamp(), keys, now)

    def publish(
        self, files: Mapping[str, tuple[bytes, dict[str, object]]], passphrase: bytes, now: datetime
    ) -> None:
        """Put files online: name -> (bytes, custom fields). One of a known name is refused."""
        with self.alone():
            keys = KeyRing(self.folder, passphrase)
            targets, snapshot, timestamp = _following(self._documents())
            for name in files:
                if name in targets.targets:
                    raise ReleaseError(f"{name} was published already: a release is never replaced")
            self._signers(keys)  # before anything is written
            for name, (data, custom) in files.items():
                info = TargetFile.from_data(name, data, ["sha256"])
                info.unrecognized_fields["custom"] = custom
                # 1. The bytes. Until the timestamp names them, nobody asks for them.
                write_private(self.folder / "targets" / f"{info.hashes['sha256']}.{name}", data)
                targets.targets[name] = info
            self._sign_all(targets, snapshot, timestamp, keys, now)

    def refresh(self, passphrase: bytes, now: datetime) -> None:
        """Sign targets and snapshot anew, with their keys, before their end."""
        with self.alone():
            self.sign_again(KeyRing(self.folder, passphrase), now)

    def sign_again(self, keys: KeyRing, now: datetime, *roots: Root) -> None:
        """Sign what stands with the keys that the newest root believes; it was signed by those of
        one of `roots`, of the newest if none is given. For who is `alone`."""
        self._sign_all(*_following(self._documents(*roots)), keys, now)

    def refresh_timestamp(self, now: datetime, least_left: timedelta | None = None) -> bool:
        """Sign a fresh timestamp with the online key where less than `least_left` is left."""
        with self.alone():
            timestamp = self._timestamp()
            if least_left is not None and timestamp.expires - now > least_left:
                return False
            timestamp.version += 1
            self._sign_timestamp(timestamp, KeyRing(self.folder, None), now)
            return True

    def targets(self) -> dict[str, dict[str, object]]:
        """What is online: name -> custom fields."""
        found = self._documents()[0].targets
        return {name: dict(info.custom or {}) for name, info in found.items()}

    def has_targets(self, files: Mapping[str, bytes]) -> bool:
        """Whether these very files are online."""
        found = self._documents()[0].targets
        try:
            for name, data in files.items():
                found[name].verify_length_and_hashes(data)
        except (KeyError, RepositoryError):
            return False
        return True

    def states(self) -> list[State]:
        """Of each document, the one that lasts longest first."""
        documents = (self.metadata.root(), *self._documents())
        return [State(one.type, one.version, one.expires) for one in documents]

    def _sign_all(
        self,
        targets: Targets,
        snapshot: Snapshot,
        timestamp: Timestamp,
        keys: KeyRing,
        now: datetime,
    ) -> None:
        signers = self._signers(keys)
        targets.expires = ending(now, self.lifetimes.targets)
        # 2. Targets, 3. snapshot: under new names. What stands is untouched.
        self.metadata.write(targets, f"{targets.version}.targets.json", [signers["targets"]])
        snapshot.expires = ending(now, self.lifetimes.snapshot)
        snapshot.meta = {"targets.json": MetaFile(targets.version)}
        self.metadata.write(snapshot, f"{snapshot.version}.snapshot.json", [signers["snapshot"]])
        # 4. The timestamp. Power goes before it: the old state is whole, and this is run again.
        timestamp.snapshot_meta = MetaFile(snapshot.version)
        self._sign_timestamp(timestamp, keys, now)

    def _sign_timestamp(self, timestamp: Timestamp, keys: KeyRing, now: datetime) -> None:
        timestamp.expires = ending(now, self.lifetimes.timestamp)
        believed = self.metadata.root().roles[keyring.ONLINE].keyids
        signer = keys.of_role(keyring.ONLINE, believed)
        self.metadata.write(timestamp, "timestamp.json", [signer])

    def _signers(self, keys: KeyRing) -> dict[str, CryptoSigner]:
        roles = self.metadata.root().roles
        return {name: keys.of_role(name, roles[name].keyids) for name in keyring.ROLES}

    def _timestamp(self, *roots: Root) -> Timestamp:
        found: Timestamp = self.metadata.read("timestamp", "timestamp.json", Timestamp, *roots)
        return found

    def _documents(self, *roots: Root) -> _Documents:
        """What the timestamp leads to, each signed by the keys of one of these roots."""
        timestamp = self._timestamp(*roots)
        name = f"{timestamp.snapshot_meta.version}.snapshot.json"
        snapshot: Snapshot = self.metadata.read("snapshot", name, Snapshot, *roots)
        name = f"{snapshot.meta['targets.json'].version}.targets.json"
        targets: Targets = self.metadata.read("targets", name, Targets, *roots)
        return targets, snapshot, timestamp


def _following(documents: _Documents) -> _Documents:
    """The same with the next number each."""
    for one in documents:
        one.version += 1
    return documents


def ending(now: datetime, life: timedelta) -> datetime:
    """When a signature of now stops counting: whole seconds, as the format has them."""
    return (now.astimezone(UTC) + life).replace(microsecond=0)
