"""The log's folder: `public/` as it is served, and `tmp/` beside it.

Writes are durable and atomic, and never replace other bytes, the checkpoint apart. An error of the
disk is a StorageError after which nothing may be retried: what the kernel holds is unknown then.
"""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import ConfigError, LockLostError, LogCorruptError, MissingError, StorageError
from .tile import Tile, parse_path

CHECKPOINT = "checkpoint"
PENDING = "pending"  # the newest signed checkpoint, where it waits for cosignatures
SIGNED_ROOT = "checkpoint.cose"
MAX_FILE_BYTES = 17 * 1024 * 1024  # a bundle of 256 entries of 65,535 bytes is the largest


@contextmanager
def storage_errors(what: str) -> Iterator[None]:
    """Name the operating system's error and what was being done."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise StorageError(f"{what}: {where}{error.strerror or error}") from error


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock_folder(directory: Path) -> int:
    """Keep a second writer of this machine out; the kernel lets go when the process ends.

    Returns the descriptor to close. Raises ConfigError (no such folder) or LockLostError.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigError(f"no log in {directory}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise LockLostError(f"another writer has {directory} open") from error
    return descriptor


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, or raise OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def read_limited(path: Path) -> bytes:
    """A file of the log. Raises OSError, or StorageError for one that cannot belong to it."""
    # Not blocking: in a folder that a stranger packed a pipe may stand in a file's place.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise StorageError(f"{path.name} is no ordinary file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > MAX_FILE_BYTES:
        raise StorageError(f"{path.name} is larger than any file of a log")
    return data


class FolderFetch:
    """`fetch` of a local log: checkpoint, its COSE form, `pending`, tiles; nothing else."""

    def __init__(self, public: Path) -> None:
        self._public = public

    def __call__(self, path: str) -> bytes:
        if path not in (CHECKPOINT, PENDING, SIGNED_ROOT):
            parse_path(path)
        try:
            return read_limited(self._public / path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingError(f"no {path} in the log") from error
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error

    def paths(self) -> Iterator[str]:
        """Paths of all files that are there, whether or not they belong to a log."""
        with storage_errors("listing the log's files"):
            walked: set[str] = set()
            walk = os.walk(self._public, onerror=_raise, followlinks=True)
            for folder, folders, names in walk:
                inside = Path(folder).relative_to(self._public)
                # A folder that is only a link is searched, too; a circle of them is walked once.
                if os.path.realpath(folder) in walked:
                    folders.clear()
                    yield inside.as_posix()
                    continue
                walked.add(os.path.realpath(folder))
                for name in names:
                    yield (inside / name).as_posix()


def _raise(error: OSError) -> None:
    raise error


class LogFolder:
    """The writer's side of the folder. One writer at a time; whoever owns the lock uses it."""

    def __init__(self, directory: Path) -> None:
        self.public = directory / "public"
        self.fetch = FolderFetch(self.public)
        self._temporary = directory / "tmp"
        self._unsynced: set[Path] = set()
        self._counter = 0
        self._mark = ""  # before the names of temporary files, where others write there, too

    def prepare(self) -> None:
        """Make the folders and drop what a crash left half written."""
        with storage_errors("preparing the log's folder"):
            self._make_folder(self.public)
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._make_folder(self._temporary)
        self.sync()

    def add(self, tile: Tile, data: bytes) -> None:
        """Write a tile or bundle; durable after the next `sync`.

        Raises LogCorruptError where other bytes stand under this name: they stay.
        """
        target = self.public / tile.path
        with storage_errors(f"writing {tile.path}"):
            self._make_folder(target.parent)
            temporary = self._write_temporary(data)
            # A link, unlike a rename, never replaces what is there.
            try:
                target.hardlink_to(temporary)
            except FileExistsError:
                if read_limited(target) != data:
                    raise LogCorruptError(f"{tile.path} is there with other bytes") from None
            temporary.unlink()
            self._unsynced.add(target.parent)

    def publish(self, note: bytes) -> None:
        """Put the checkpoint up: the old one or the new one is there at every moment."""
        with storage_errors("publishing the checkpoint"):
            self.replace(self.public / CHECKPOINT, note)

    def replace(self, path: Path, data: bytes) -> None:
        """A file that is the old one or the new one at every moment. Raises OSError."""
        self._write_temporary(data).replace(path)
        sync_folder(path.parent)

    def show_pending(self, note: bytes | None) -> None:
        """Put `pending` up, or take it away. Not synced: the next start writes it again."""
        target = self.public / PENDING
        with storage_errors("showing the pending checkpoint"):
            if note is None:
                target.unlink(missing_ok=True)
            else:
                self._write_temporary(note, durable=False).replace(target)

    def put_signed_root(self, data: bytes) -> None:
        """Put `checkpoint.cose` up. Not synced: the next start writes it again."""
        with storage_errors("publishing the signed root"):
            self._write_temporary(data, durable=False).replace(self.public / SIGNED_ROOT)

    def sync(self) -> None:
        """Make all names durable that were added since the last time."""
        with storage_errors("syncing the log's folders"):
            for folder in sorted(self._unsynced):
                sync_folder(folder)
            self._unsynced.clear()

    def drop_partials(self, full: Tile) -> None:
        """Delete the partial tiles that `full` has made superfluous, if `full` is there.

        Not synced: what reappears after a power cut is harmless and is dropped at the next start.
        """
        target = self.public / full.full.path
        if target.is_file():
            shutil.rmtree(_partial_folder(target), ignore_errors=True)

    def partial_widths(self, tile: Tile) -> list[int]:
        """Widths of the partial tiles that are there in the place of `tile`."""
        folder = _partial_folder(self.public / tile.full.path)
        with storage_errors(f"listing {folder.name}"), suppress(FileNotFoundError):
            return [int(entry.name) for entry in folder.iterdir() if entry.name.isdecimal()]
        return []

    def has(self, tile: Tile) -> bool:
        return (self.public / tile.path).exists()

    def _write_temporary(self, data: bytes, *, durable: bool = True) -> Path:
        self._counter += 1
        path = self._temporary / f"{self._mark}{self._counter}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write_all(descriptor, data)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return path

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._unsynced.add(folder.parent)


def _partial_folder(full: Path) -> Path:
    return full.with_name(full.name + ".p")
