"""Static files in memory: media type, compression, validator and lifetime; refuses other paths.

Files below a folder that carries a version (`preact-11.2.0/`) never change and may be kept for a
year; every other file is asked for again, with its ETag, so that one release never mixes with
another.
"""

import gzip
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fleet_backend.web.errors import AssetError, RangeError

MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".pmtiles": "application/vnd.pmtiles",
}
COMPRESSED = {".html", ".js", ".mjs", ".css", ".json", ".svg", ".webmanifest"}
LICENCE_TYPE = "text/plain; charset=utf-8"
_VERSIONED = re.compile(r"^vendor/[a-z-]+-\d+\.\d+\.\d+/")


@dataclass(frozen=True)
class Asset:
    """One file, ready to be answered with; `gzipped` is None where compression gains nothing."""

    media_type: str
    data: bytes
    gzipped: bytes | None
    etag: str
    immutable: bool


def make_asset(data: bytes, media_type: str, compress: bool, immutable: bool = False) -> Asset:
    # mtime=0: the same bytes on every machine and after every start.
    gzipped = gzip.compress(data, 9, mtime=0) if compress else None
    etag = f'"{sha256(data).hexdigest()[:32]}"'
    return Asset(media_type, data, gzipped, etag, immutable)


class AssetFolder:
    """Every servable file below one folder, by its relative name; read when first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = {
            path.relative_to(folder).as_posix(): path
            for path in folder.rglob("*")
            if path.is_file() and (path.suffix in MEDIA_TYPES or path.name.startswith("LICENSE"))
        }
        self._read: dict[str, Asset] = {}

    def names(self) -> list[str]:
        return sorted(self._names)

    def get(self, name: str) -> Asset | None:
        """None for whatever is not a file of ours: the name is looked up, never joined."""
        if name not in self._names:
            return None
        if name not in self._read:
            path = self._names[name]
            media_type = MEDIA_TYPES.get(path.suffix, LICENCE_TYPE)
            self._read[name] = make_asset(
                path.read_bytes(),
                media_type,
                path.suffix in COMPRESSED or media_type == LICENCE_TYPE,
                bool(_VERSIONED.match(name)),
            )
        return self._read[name]

    def require(self, name: str) -> Asset:
        asset = self.get(name)
        if asset is None:
            raise AssetError(f"static/{name} is missing")
        return asset

    def text(self, name: str) -> str:
        return self.require(name).data.decode()


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """(first, end) of a single byte range (RFC 9110 section 14.1.2); None: answer with the whole.

    Raises RangeError where the range lies outside. Several ranges at once are answered whole.
    """
    found = re.fullmatch(r"bytes=(\d{0,15})-(\d{0,15})", header.strip())
    if not found or found.group(0) == "bytes=-":
        return None
    first, last = found.groups()
    if not first:
        if int(last) == 0:
            raise RangeError("empty range")
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise RangeError("range begins after the end")
    return int(first), min(int(last) + 1, size) if last else size
