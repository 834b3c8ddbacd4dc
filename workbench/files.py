"""Files on a board, over the raw REPL: written beside the old one, verified, then renamed."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode

from workbench import stream
from workbench.checked import Checked, over
from workbench.errors import NoSuchFileError, ReplyError, VerifyError
from workbench.raw_repl import RawRepl
from workbench.stream import Stream

# What the board must hold twice (text and bytes) at a time; a multiple of 3 keeps base64 unpadded.
CHUNK_BYTES = 1536
# From here on it is worth to begin a stream.
STREAMED_BYTES = 1024
NEW_SUFFIX = ".new"

_HELPERS = """
import os, hashlib
_file, _path = None, ''
def _open(path):
    global _file, _path
    if _path != path:
        _close()
        _file, _path = open(path, 'r+b'), path
def _close():
    global _file, _path
    if _file is not None:
        _file.close()
    _file, _path = None, ''
def _put(path, at, data):
    _open(path)
    _file.seek(at)
    _file.write(data)
def _hash(path):
    digest, buffer = hashlib.sha256(), bytearray(512)
    with open(path, 'rb') as file:
        while size := file.readinto(buffer):
            digest.update(memoryview(buffer)[:size])
    return binascii.hexlify(digest.digest()).decode()
def _replace(fresh, path, digest):
    try:
        os.rename(fresh, path)
    except OSError:
        if _hash(path) != digest:
            raise
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
    """The file system of the board behind `link`, which must be in the raw REPL. Relative paths."""

    def __init__(self, link: RawRepl | Checked) -> None:
        self._checked = over(link)
        self._inflates = self._checked.add(stream.HELPERS).strip() == b"1"
        self._checked.add(_HELPERS)

    def write(self, path: str, data: bytes) -> None:
        """Afterwards the file is old or new, never half, wherever the power goes."""
        fresh = path + NEW_SUFFIX
        self._exec(f"_close()\n_folder({path!r})\nopen({fresh!r}, 'wb').close()")
        taken = self._stream(fresh, data) if len(data) >= STREAMED_BYTES else 0
        for at in range(taken, len(data), CHUNK_BYTES):
            text = b64encode(data[at : at + CHUNK_BYTES]).decode()
            self._exec(f"_put({fresh!r}, {at}, binascii.a2b_base64('{text}'))")
        self._exec("_close()")
        digest = hashlib.sha256(data)
        if self.sha256(fresh) != digest.digest():
            self.remove(fresh)
            raise VerifyError(f"{path}: the board read back something else")
        # littlefs replaces the old file atomically. Asked twice, it was done the first time.
        self._exec(f"_replace({fresh!r}, {path!r}, {digest.hexdigest()!r})")

    def _stream(self, path: str, data: bytes) -> int:
        """How much of it is there."""
        self._exec(f"_sink = lambda at, data: _put({path!r}, at, data)")
        size = stream.BLOCK_BYTES
        pieces = [(at, data[at : at + size]) for at in range(0, len(data), size)]
        taken = Stream(self._checked, "_sink", inflates=self._inflates).send(pieces, lambda _: None)
        return min(len(data), taken * size)

    def read(self, path: str) -> bytes:
        """Raises NoSuchFileError."""
        data = b""
        while True:
            output = self._exec(
                f"with open({path!r}, 'rb') as file:\n"
                f"    file.seek({len(data)})\n"
                f"    print(binascii.b2a_base64(file.read({CHUNK_BYTES})).decode(), end='')"
            )
            piece = _from_base64(output.strip())
            if not piece:
                return data
            data += piece

    def remove(self, path: str) -> None:
        """Raises NoSuchFileError."""
        self._exec(f"os.remove({path!r})")

    def exists(self, path: str) -> bool:
        try:
            self._exec(f"os.stat({path!r})")
        except NoSuchFileError:
            return False
        return True

    def sha256(self, path: str) -> bytes:
        """Hash of what the board reads. Raises NoSuchFileError."""
        return _from_hex(self._exec(f"print(_hash({path!r}))").strip())

    def hashes(self, folder: str) -> dict[str, bytes]:
        """Every file below `folder` with its hash; empty where there is no such folder."""
        try:
            output = self._exec(f"for _name in _tree({folder!r}): print(_hash(_name), _name)")
        except NoSuchFileError:
            return {}
        found = {}
        for line in output.decode(errors="replace").splitlines():
            digest, _, name = line.partition(" ")
            found[name] = _from_hex(digest.encode())
        return found

    def _exec(self, code: str) -> bytes:
        return self._checked.exec(code)


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
