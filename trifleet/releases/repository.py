"""The repository of The Update Framework (specification 1.0): what gateways believe, until when.

    keys/root-1.key root-2.key root-3.key   offline; two of three sign a change of the root
    keys/targets.key keys/snapshot.key      offline; sign what may be installed
    keys/1.root.json ...                    offline; each root that these keys signed
    timestamp.key                           online; says once a day that nothing newer is kept back
    metadata/  targets/                     what gateways get

`keys/` belongs on a medium that is taken out. What is online may have been changed by anybody who
got there, so nothing of it is signed anew that the keys beside the roots did not sign before. Order
of durable writes in `publish`: files of the targets, targets metadata, snapshot, timestamp. Until
the last one nobody sees the new ones. Another root is made in `rootchange.py`.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from fleet_backend.ledger.storage import sync_folder
from trifleet.layout import make_folder, write_private
from trifleet.releases import keyfiles, keyring, lock
from trifleet.releases.errors import ReleaseError
from trifleet.releases.keyring import KeyRing
from trifleet.releases.lock import locked
from trifleet.releases.metadata import MetadataFolder, signed_by

ROOT_THRESHOLD = 2
_PATIENCE_S = 10.0
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
        self._require()
        return self.metadata.roots.data(self.metadata.root().version)

    @contextmanager
    def alone(self, wait_s: float = _PATIENCE_S) -> Iterator[None]:
        """One writer at a time: the timer that signs timestamps, and who publishes."""
        self._require()
        with locked(self.folder, wait_s):
            yield

    def init(self, passphrase: bytes, now: datetime) -> None:
        """Draw every key and sign the first metadata, without any release in it."""
        make_folder(self.folder)
        with locked(self.folder, _PATIENCE_S):
            if {path.name for path in self.folder.iterdir()} - {lock.NAME}:
                raise ReleaseError(
                    f"{self.folder} is not empty: a repository is made once"
                    if self.exists
                    else f"{self.folder} is not empty. If an earlier `init` was interrupted, nobody"
                    " believes what it left: delete the folder, and do it again"
                )
            keyfiles.checked_passphrase(passphrase)
            keys = KeyRing(self.folder, passphrase)
            signers = {name: keys.generate(name) for name in keyring.NAMES}
            root = Root(expires=ending(now, self.lifetimes.root))
            root.roles["root"].threshold = ROOT_THRESHOLD
            for name, signer in signers.items():
                root.add_key(signer.public_key, keyring.role_of(name))
            data = signed_by(root, (signers[name] for name in keyring.ROOTS)).to_bytes()
            keys.signed.put(root.version, data)
            self.put_online(keys)
            make_folder(self.folder / "targets")
            targets = Targets(expires=ending(now, self.lifetimes.targets))
            self._sign_all((targets, Snapshot(), Timestamp()), root, keys, now)

    def publish(
        self, files: Mapping[str, tuple[bytes, dict[str, object]]], passphrase: bytes, now: datetime
    ) -> None:
        """Put files online: name -> (bytes, custom fields). One of a known name is refused."""
        with self.alone():
            keys = KeyRing(self.folder, passphrase)
            root = self._settled_root(keys)
            documents = _following(self.documents(root))
            targets = documents[0]
            for name in files:
                if name in targets.targets:
                    raise ReleaseError(f"{name} was published already: a release is never replaced")
            self.signers(root, keys)  # before anything is written
            for name, (data, custom) in files.items():
                info = TargetFile.from_data(name, data, ["sha256"])
                info.unrecognized_fields["custom"] = custom
                # 1. The bytes. Until the timestamp names them, nobody asks for them.
                write_private(self.folder / "targets" / f"{info.hashes['sha256']}.{name}", data)
                targets.targets[name] = info
            sync_folder(self.folder / "targets")
            self._sign_all(documents, root, keys, now)

    def refresh(self, passphrase: bytes, now: datetime) -> None:
        """Sign targets and snapshot anew, with their keys, before their end."""
        with self.alone():
            keys = KeyRing(self.folder, passphrase)
            root = self._settled_root(keys)
            self._sign_all(_following(self.documents(root)), root, keys, now)

    def sign_again(self, keys: KeyRing, now: datetime, root: Root, *before: Root) -> None:
        """Sign what stands with the keys of `root`; it was signed by those of this one, or of one
        `before`. For who is `alone`."""
        self._sign_all(_following(self.documents(root, *before)), root, keys, now)

    def put_online(self, keys: KeyRing) -> None:
        """Each root that lies with the keys, where it is not online yet. For who is `alone`."""
        own, online = keys.signed, self.metadata.roots
        strange = set(online.numbers()) - set(own.numbers())
        if strange:
            raise ReleaseError(
                f"{self.metadata.folder}/{max(strange)}.root.json does not lie with the keys that"
                " are here: another copy of them signed it, or somebody put it there who may not"
            )
        for number in own.numbers():
            if not online.has(number, own.data(number)):
                online.put(number, own.data(number))

    def refresh_timestamp(
        self,
        now: datetime,
        least_left: timedelta | None = None,
        wait_s: float = _PATIENCE_S,
    ) -> bool:
        """Sign a fresh timestamp with the online key where less than `least_left` is left."""
        with self.alone(wait_s):
            root = self.metadata.root()
            timestamp = self._timestamp(root)
            if least_left is not None and timestamp.expires - now > least_left:
                return False
            timestamp.version += 1
            keys = KeyRing(self.folder, None)
            signer = keys.of_role(keyring.ONLINE, root.roles[keyring.ONLINE].keyids)
            self._sign_timestamp(timestamp, signer, now)
            return True

    def targets(self) -> dict[str, dict[str, object]]:
        """What is online: name -> custom fields."""
        found = self._shown()[0].targets
        return {name: dict(info.custom or {}) for name, info in found.items()}

    def has_targets(self, files: Mapping[str, bytes]) -> bool:
        """Whether these very files are online."""
        found = self._shown()[0].targets
        try:
            for name, data in files.items():
                found[name].verify_length_and_hashes(data)
        except (KeyError, RepositoryError):
            return False
        return True

    def states(self) -> list[State]:
        """Of each document, the one that lasts longest first."""
        shown = self._shown()
        documents = (self.metadata.root(), *shown)
        return [State(one.type, one.version, one.expires) for one in documents]

    def documents(self, *roots: Root) -> _Documents:
        """What the timestamp leads to, each signed by the keys of one of these roots."""
        timestamp = self._timestamp(*roots)
        name = f"{timestamp.snapshot_meta.version}.snapshot.json"
        snapshot: Snapshot = self.metadata.read("snapshot", name, Snapshot, roots)
        name = f"{snapshot.meta['targets.json'].version}.targets.json"
        targets: Targets = self.metadata.read("targets", name, Targets, roots)
        return targets, snapshot, timestamp

    def signers(self, root: Root, keys: KeyRing) -> dict[str, CryptoSigner]:
        """Of the roles that sign what is online."""
        return {name: keys.of_role(name, root.roles[name].keyids) for name in keyring.ROLES}

    def _settled_root(self, keys: KeyRing) -> Root:
        """The last root that these keys signed; it is online when this returns."""
        if keys.begun():
            raise ReleaseError(
                "a change of the root was interrupted: trifleet release repository root ends it"
            )
        root = keys.newest_root()
        self.put_online(keys)
        return root

    def _shown(self) -> _Documents:
        self._require()
        return self.documents(self.metadata.root())

    def _sign_all(self, documents: _Documents, root: Root, keys: KeyRing, now: datetime) -> None:
        targets, snapshot, timestamp = documents
        signers = self.signers(root, keys)
        targets.expires = ending(now, self.lifetimes.targets)
        # 2. Targets, 3. snapshot: under new names. What stands is untouched.
        self.metadata.write(targets, f"{targets.version}.targets.json", [signers["targets"]])
        snapshot.expires = ending(now, self.lifetimes.snapshot)
        snapshot.meta = {"targets.json": MetaFile(targets.version)}
        self.metadata.write(snapshot, f"{snapshot.version}.snapshot.json", [signers["snapshot"]])
        # 4. The timestamp. Power goes before it: the old state is whole, and this is run again.
        timestamp.snapshot_meta = MetaFile(snapshot.version)
        self._sign_timestamp(timestamp, signers[keyring.ONLINE], now)

    def _sign_timestamp(self, timestamp: Timestamp, signer: CryptoSigner, now: datetime) -> None:
        timestamp.expires = ending(now, self.lifetimes.timestamp)
        self.metadata.write(timestamp, "timestamp.json", [signer])

    def _timestamp(self, *roots: Root) -> Timestamp:
        found: Timestamp = self.metadata.read("timestamp", "timestamp.json", Timestamp, roots)
        return found

    def _require(self) -> None:
        if not self.exists:
            raise ReleaseError(f"{self.folder} is no repository: trifleet release repository init")


def _following(documents: _Documents) -> _Documents:
    """The same with the next number each."""
    for one in documents:
        one.version += 1
    return documents


def ending(now: datetime, life: timedelta) -> datetime:
    """When a signature of now stops counting: whole seconds, as the format has them."""
    return (now.astimezone(UTC) + life).replace(microsecond=0)
