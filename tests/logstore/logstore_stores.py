"""The stores that every test of the contract runs over, each reachable by several writers."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from logstore_s3_server import BUCKET, S3Server
from obstore.store import LocalStore, MemoryStore

from fleet_backend.ledger.contracts import TileStore
from fleet_backend.logstore.folder import SharedFolder
from fleet_backend.logstore.objects import ObjectTiles
from fleet_backend.logstore.opening import open_tiles

STORES = ("folder", "local", "memory", "s3")
Open = Callable[[], TileStore]


def write_options(path: Path, text: str) -> Path:
    path.touch(0o600)
    path.write_text(text)
    return path


@contextmanager
def store_of(kind: str, folder: Path) -> Iterator[Open]:
    """Opens one more writer's side of the same store at each call."""
    if kind == "folder":
        yield lambda: SharedFolder(folder / "store")
    elif kind == "local":
        # Without If-Match and without fsync: tests only.
        store = LocalStore(folder / "store", mkdir=True)
        yield lambda: ObjectTiles(store)
    elif kind == "memory":
        memory = MemoryStore()
        yield lambda: ObjectTiles(memory)
    else:
        server = S3Server()
        options = write_options(folder / "s3.toml", server.options())
        try:
            yield lambda: open_tiles(f"s3://{BUCKET}/a/log", options)
        finally:
            server.close()
