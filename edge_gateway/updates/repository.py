"""The Update Framework on the gateway: python-tuf's own client over the line to the backend.

The first root comes with the settings, never from the line. From there python-tuf refuses what is
not signed by enough keys, what is older than what it has seen, what has expired, and what does not
fit together (specification 1.0, section 5). The metadata that it accepted is kept on disk.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tuf.api import exceptions
from tuf.api.metadata import TargetFile
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface
from tuf.ngclient.updater import Updater

from edge_gateway.updates.errors import FetchError, UntrustedError, UpdateError
from edge_gateway.updates.line import MOST_METADATA, Line, MissingFileError
from protocol import delivery

# It tells each signature that a root of two out of three keys has not; what fails is an error.
logging.getLogger("tuf").setLevel(logging.WARNING)

METADATA = "metadata/"
TARGETS = "targets/"
RECEIPT = ".receipt"
_LIMITS = UpdaterConfig(
    max_root_rotations=64,
    max_delegations=0,
    root_max_length=65_536,
    timestamp_max_length=16_384,
    snapshot_max_length=65_536,
    targets_max_length=MOST_METADATA,
)


@dataclass(frozen=True)
class Bundle:
    """A release on this disk whose bytes are the ones that the repository signed."""

    target: str
    digest: bytes
    board: str
    number: int
    path: Path
    receipt: Path


class Repository:
    """One repository. Raises UpdateError."""

    def __init__(self, folder: Path, root: bytes, line: Line) -> None:
        """`folder` keeps metadata and bundles; `root` is the trusted root metadata."""
        self._folder = folder
        self._line = line
        self._fetcher = _Fetcher(line)
        self._root = root

    def get(self, target: str, digest: bytes) -> Bundle:
        """Refresh the metadata, and bring the bundle with its receipt to this disk.

        Raises UntrustedError, FetchError.
        """
        updater = self._updater()
        try:
            info = updater.get_targetinfo(target)
            proof = updater.get_targetinfo(target + RECEIPT)
            if info is None or proof is None:
                raise UntrustedError(f"the signed metadata has no {target} with its receipt")
            found = _described(info, target, digest)
            receipt = self._file(updater, proof)
            bundle = self._file(updater, info)
        except exceptions.RepositoryError as error:
            raise UntrustedError(f"{target}: {error}") from error
        except exceptions.DownloadError as error:
            raise _cause(error) from error
        self._keep_only({bundle.name, receipt.name})
        return Bundle(target, digest, *found, bundle, receipt)

    def _updater(self) -> Updater:
        """A new one for each look: it reads its clock once."""
        targets = self._folder / "bundles"
        for folder in (self._folder / "metadata", targets):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            updater = Updater(
                str(self._folder / "metadata"),
                METADATA,
                str(targets),
                TARGETS,
                self._fetcher,
                _LIMITS,
                bootstrap=self._root,
            )
            updater.refresh()
        except exceptions.RepositoryError as error:
            raise UntrustedError(f"the repository's metadata: {error}") from error
        except exceptions.DownloadError as error:
            raise _cause(error) from error
        return updater

    def _file(self, updater: Updater, info: TargetFile) -> Path:
        if info.length > delivery.MAX_FILE:
            raise UntrustedError(f"{info.path} is larger than it may be")
        known = updater.find_cached_target(info)
        if known is not None:
            return Path(known)
        name = f"{TARGETS}{next(iter(info.hashes.values()))}.{info.path}"
        try:
            path = updater.download_target(info)
        except exceptions.RepositoryError:
            self._line.forget(name)  # wrong bytes: from the beginning the next time
            raise
        self._line.forget(name)
        return Path(path)

    def _keep_only(self, names: set[str]) -> None:
        """Other bundles give way: a disk is small. The vehicles of a gateway mostly share one."""
        others = sorted(
            (one for one in (self._folder / "bundles").iterdir() if one.name not in names),
            key=lambda one: one.stat().st_mtime,
        )
        for old in others[:-4]:
            old.unlink()


def _described(info: TargetFile, target: str, digest: bytes) -> tuple[str, int]:
    """(board, number) as the offline keys signed them; the digest must be the wanted one."""
    custom = info.custom or {}
    board, number = custom.get("board"), custom.get("number")
    if not isinstance(board, str) or type(number) is not int:
        raise UntrustedError(f"{target}: the signed metadata does not describe a release")
    if custom.get("digest") != digest.hex():
        raise UntrustedError(f"{target}: signed for another release than the one that is wanted")
    return board, number


def _cause(error: Exception) -> UpdateError:
    """What the line said, where it was the line."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, UpdateError):
            return inner
        inner = inner.__cause__
    return FetchError(str(error))


class _Fetcher(FetcherInterface):
    """python-tuf's way to a file: by name over MQTT."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def _fetch(self, url: str) -> Iterator[bytes]:
        most = delivery.MAX_FILE if url.startswith(TARGETS) else MOST_METADATA
        try:
            return iter([self._line.fetch(url, most)])
        except MissingFileError as error:
            # How the client learns that there is no newer root.
            raise exceptions.DownloadHTTPError(str(error), 404) from error
