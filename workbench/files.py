"""Files on a board, over the raw REPL: written beside the old one, verified, then renamed."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode

from workbench.errors import NoSuchFileError, ReplyError, VerifyError
from workbench.raw_repl import RawRepl

# What the board must hold twice (text and bytes) at a time; a multiple of 3 keeps base64 unpadded.
CHUNK_BYTES = 1536
NEW_SUFFIX = ".new"

_HELPERS = """
import os, binascii, hashlib
def _hash(path):
    digest, buffer = hashlib.sha256(), bytearray(512)
    with open(path, 'rb') as file:
        while size := file.readinto(buffer):
            digest.update(memoryview(buffer)[:size])
    return binascii.hexlify(digest.digest()).decode()
def _tree(path):
    for entry in os.ilistdir(path):
        name = path + '/' + entry[0]
        if entry[1] & 0x4000:
            yield from _tree(name)
        else:
            yield name
def _folder(path):
    for at in range(len(path)):
        if path[at] == '/':
            try:
                os.mkdir(path[:at])
            except OSError as error:
                if error.errno != 17:
                    raise
"""


class BoardFiles:
    """The file system of the board behind `repl`, which must be in the raw REPL. Relative paths."""

    def __init__(self, repl: RawRepl) -> None:
        self._repl = repl
        self._repl.exec(_HELPERS)

    def write(self, path: str, data: bytes) -> None:
        """Afterwards the file is old or new, never half, wherever the power goes."""
        fresh = path + NEW_SUFFIX
        self._repl.exec(f"_folder({path!r})\n_file = open({fresh!r}, 'wb')")
        for at in range(0, len(data), CHUNK_BYTES):
            text = b64encode(data[at : at + CHUNK_BYTES]).decode()
            self._repl.exec(f"_file.write(binascii.a2b_base64('{text}'))")
        self._repl.exec("_file.close(); del _file")
        if self.sha256(fresh) != hashlib.sha256(data).digest():
            self.remove(fresh)
            raise VerifyError(f"{path}: the board read back something else")
        # littlefs replaces the old file atomically.
        self._repl.exec(f"os.rename({fresh!r}, {path!r})")

    def read(self, path: str) -> bytes:
        """Raises NoSuchFileError."""
        output = self._repl.exec(
            f"with open({path!r}, 'rb') as _file:\n"
            f"    while _data := _file.read({CHUNK_BYTES}):\n"
            "        print(binascii.b2a_base64(_data).decode(), end='')"
        )
        return b"".join(_from_base64(line) for line in output.split())

    def remove(self, path: str) -> None:
        """Raises NoSuchFileError."""
        self._repl.exec(f"os.remove({path!r})")

    def exists(self, path: str) -> bool:
        try:
            self._repl.exec(f"os.stat({path!r})")
        except NoSuchFileError:
            return False
        return True

    def sha256(self, path: str) -> bytes:
        """Hash of what the board reads. Raises NoSuchFileError."""
        return _from_hex(self._repl.exec(f"print(_hash({path!r}))").strip())

    def hashes(self, folder: str) -> dict[str, bytes]:
        """Every file below `folder` with its hash; empty where there is no such folder."""
        try:
            output = self._repl.exec(f"for _name in _tree({folder!r}): print(_hash(_name), _name)")
        except NoSuchFileError:
            return {}
        found = {}
        for line in output.decode(errors="replace").splitlines():
            digest, _, name = line.partition(" ")
            found[name] = _from_hex(digest.encode())
        return found


def _from_hex(text: bytes) -> bytes:
    try:
        digest = bytes.fromhex(text.decode("ascii"))
    except ValueError as error:
        raise ReplyError(f"{text[:80]!r} is not a hash") from error
    if len(digest) != 32:
        raise ReplyError(f"{text[:80]!r} is not a SHA-256")
    return digest


def _from_base64(line: bytes) -> bytes:
    try:
        return b64decode(line, validate=True)
    except ValueError as error:
        raise ReplyError(f"{line[:80]!r} is not base64") from error
