"""The repository of The Update Framework (specification 1.0): what gateways believe, until when.

    keys/root-1.key root-2.key root-3.key   offline; two of three sign a change of the root
    keys/targets.key keys/snapshot.key      offline; sign what may be installed
    timestamp.key                           online; says once a day that nothing newer is kept back
    metadata/  targets/                     what gateways get

`keys/` belongs on a medium that is taken out. Order of durable writes in `publish`: files of the
targets, targets metadata, snapshot, timestamp. Until the last one nobody sees the new ones.
"""

import dataclasses
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    Metadata,
    MetaFile,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError

from trifleet.layout import make_folder, write_private
from trifleet.releases import keyfiles
from trifleet.releases.errors import ReleaseError

ROOT_KEYS = 3
ROOT_THRESHOLD = 2
OFFLINE = "keys"
ONLINE_KEY = "timestamp.key"
_ROLES = ("targets", "snapshot", "timestamp")


@dataclasses.dataclass(frozen=True)
class Lifetimes:
    """How long a signature counts."""

    root: timedelta = timedelta(days=730)
    targets: timedelta = timedelta(days=90)
    snapshot: timedelta = timedelta(days=90)
    timestamp: timedelta = timedelta(days=1)


class Repository:
    """One repository in a folder. Raises ReleaseError."""

    def __init__(self, folder: Path, lifetimes: Lifetimes | None = None) -> None:
        self.folder = folder
        self._lifetimes = lifetimes or Lifetimes()

    @property
    def exists(self) -> bool:
        return (self._metadata / "timestamp.json").exists()

    @property
    def root_bytes(self) -> bytes:
        """The newest root metadata: gateways get it with their settings."""
        newest = max(self._metadata.glob("*.root.json"), key=_version_of, default=None)
        if newest is None:
            raise ReleaseError(f"{self.folder} is no repository: trifleet release repository init")
        return newest.read_bytes()

    @property
    def _metadata(self) -> Path:
        return self.folder / "metadata"

    def init(self, passphrase: bytes, now: datetime) -> None:
        """Draw every key and sign the first metadata, without any release in it."""
        if self.folder.exists() and any(self.folder.iterdir()):
            raise ReleaseError(f"{self.folder} is not empty: a repository is made once")
        keyfiles.checked_passphrase(passphrase)
        offline = make_folder(self.folder / OFFLINE)
        roots = [
            keyfiles.generate(offline / f"root-{number}.key", passphrase)
            for number in range(1, ROOT_KEYS + 1)
        ]
        signers = {
            "targets": keyfiles.generate(offline / "targets.key", passphrase),
            "snapshot": keyfiles.generate(offline / "snapshot.key", passphrase),
            "timestamp": keyfiles.generate(self.folder / ONLINE_KEY, None),
        }
        root = Root(expires=_end(now, self._lifetimes.root))
        for one in roots:
            root.add_key(one.public_key, "root")
        root.roles["root"].threshold = ROOT_THRESHOLD
        for role, signer in signers.items():
            root.add_key(signer.public_key, role)
        self._sign_root(root, roots[:ROOT_THRESHOLD])
        make_folder(self.folder / "targets")
        targets = Targets(expires=_end(now, self._lifetimes.targets))
        self._sign_all(targets, None, signers, now)

    def publish(
        self, files: Mapping[str, tuple[bytes, dict[str, object]]], passphrase: bytes, now: datetime
    ) -> None:
        """Put files online: name -> (bytes, custom fields). One of a known name is refused."""
        signers = self._offline(passphrase)
        targets = self._targets()
        for name in files:
            if name in targets.targets:
                raise ReleaseError(f"{name} was published already: a release is never replaced")
        for name, (data, custom) in files.items():
            info = TargetFile.from_data(name, data, ["sha256"])
            info.unrecognized_fields["custom"] = custom
            # 1. The bytes. Until the timestamp names them, nobody asks for them.
            write_private(self.folder / "targets" / f"{info.hashes['sha256']}.{name}", data)
            targets.targets[name] = info
        self._again(targets, signers, now)

    def refresh(self, passphrase: bytes, now: datetime) -> None:
        """Sign targets and snapshot anew, with their keys, before their end."""
        self._again(self._targets(), self._offline(passphrase), now)

    def refresh_timestamp(self, now: datetime, least_left: timedelta | None = None) -> bool:
        """Sign a fresh timestamp with the online key where less than `least_left` is left."""
        timestamp = self._timestamp()
        if least_left is not None and timestamp.expires - now > least_left:
            return False
        timestamp.version += 1
        timestamp.expires = _end(now, self._lifetimes.timestamp)
        signer = keyfiles.load(self.folder / ONLINE_KEY, None)
        self._write(timestamp, "timestamp.json", [signer])
        return True

    def targets(self) -> dict[str, dict[str, object]]:
        """What is online: name -> custom fields."""
        found = self._targets().targets
        return {name: dict(info.custom or {}) for name, info in found.items()}

    def has_targets(self, files: Mapping[str, bytes]) -> bool:
        """Whether these very files are online."""
        found = self._targets().targets
        try:
            for name, data in files.items():
                found[name].verify_length_and_hashes(data)
        except (KeyError, RepositoryError):
            return False
        return True

    def _again(self, targets: Targets, signers: dict[str, CryptoSigner], now: datetime) -> None:
        targets.version += 1
        targets.expires = _end(now, self._lifetimes.targets)
        self._sign_all(targets, self._snapshot(), signers, now)

    def _sign_all(
        self,
        targets: Targets,
        snapshot: Snapshot | None,
        signers: dict[str, CryptoSigner],
        now: datetime,
    ) -> None:
        # 2. Targets, 3. snapshot: under new names. What stands is untouched.
        self._write(targets, f"{targets.version}.targets.json", [signers["targets"]])
        version = 1 if snapshot is None else snapshot.version + 1
        snapshot = Snapshot(
            version=version,
            expires=_end(now, self._lifetimes.snapshot),
            meta={"targets.json": MetaFile(targets.version)},
        )
        self._write(snapshot, f"{version}.snapshot.json", [signers["snapshot"]])
        # 4. The timestamp. Power goes before it: the old state is whole, and this is run again.
        if self.exists:
            timestamp = self._timestamp()
            timestamp.version += 1
        else:
            timestamp = Timestamp()
        timestamp.snapshot_meta = MetaFile(version)
        timestamp.expires = _end(now, self._lifetimes.timestamp)
        self._write(timestamp, "timestamp.json", [signers["timestamp"]])

    def _sign_root(self, root: Root, signers: list[CryptoSigner]) -> None:
        self._write(root, f"{root.version}.root.json", signers)

    def _offline(self, passphrase: bytes) -> dict[str, CryptoSigner]:
        folder = self.folder / OFFLINE
        signers = {
            role: keyfiles.load(folder / f"{role}.key", passphrase)
            for role in ("targets", "snapshot")
        }
        return {**signers, "timestamp": keyfiles.load(self.folder / ONLINE_KEY, None)}

    def _timestamp(self) -> Timestamp:
        found: Timestamp = self._verified("timestamp", "timestamp.json", Timestamp)
        return found

    def _snapshot(self) -> Snapshot:
        version = self._timestamp().snapshot_meta.version
        found: Snapshot = self._verified("snapshot", f"{version}.snapshot.json", Snapshot)
        return found

    def _targets(self) -> Targets:
        version = self._snapshot().meta["targets.json"].version
        found: Targets = self._verified("targets", f"{version}.targets.json", Targets)
        return found

    def _verified(self, role: str, name: str, kind: type[Signed]) -> Any:
        """Metadata on disk whose signatures the root's keys made: what is signed anew was ours."""
        try:
            root = Metadata[Root].from_bytes(self.root_bytes).signed
            found = Metadata[Any].from_bytes((self._metadata / name).read_bytes())
            root.verify_delegate(role, found.signed_bytes, found.signatures)
        except (OSError, DeserializationError, RepositoryError) as error:
            raise ReleaseError(f"{self.folder}: {name} does not hold: {error}") from error
        if not isinstance(found.signed, kind):
            raise ReleaseError(f"{self.folder}: {name} is metadata of another kind")
        return found.signed

    def _write(self, signed: Signed, name: str, signers: list[CryptoSigner]) -> None:
        document: Metadata[Any] = Metadata(signed)
        for signer in signers:
            document.sign(signer, append=True)
        write_private(make_folder(self._metadata) / name, document.to_bytes())
        _sync_folder(self._metadata)


def _version_of(path: Path) -> int:
    head = path.name.partition(".")[0]
    return int(head) if head.isdigit() else 0


def _end(now: datetime, life: timedelta) -> datetime:
    return (now.astimezone(UTC) + life).replace(microsecond=0)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
