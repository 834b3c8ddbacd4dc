"""Files out of an image that comes in pieces: what the workbench reads out of it, or nothing."""

import contextlib
import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vcu.update.unpack import Unpack

from protocol.errors import DecodeError
from workbench import romfs

FILES = {"a.mpy": b"first" * 200, "vcu/app.mpy": b"x" * 1_300, "vcu/sub/b.mpy": b"", "z": b"\x00"}
IMAGE = romfs.build(FILES, 0)


def unpacked(folder, image, size=None, piece=700):
    """(files, digest). Whatever comes out, nothing lies outside of the folder."""
    place = folder / "slot0"
    place.mkdir()
    made = Unpack(str(place), len(image) if size is None else size)
    try:
        for at in range(0, len(image), piece):
            for _ in made.take(image[at : at + piece]):
                pass
        if made._steps is not None:
            raise DecodeError("truncated", "image")
    finally:
        made.close()
        assert [path.name for path in folder.iterdir()] == ["slot0"]
    found = {}
    for path in sorted(place.rglob("*")):
        if path.is_file():
            found[path.relative_to(place).as_posix()] = path.read_bytes()
    return found, made.digest()


@pytest.mark.parametrize("piece", [1, 2, 63, 1_024, 100_000])
def test_pieces_of_any_size(tmp_path, piece):
    found, digest = unpacked(tmp_path, IMAGE, piece=piece)
    total = hashlib.sha256()
    for path in sorted(FILES):
        total.update(f"/{path} {len(FILES[path])}\n".encode() + FILES[path])
    assert found == FILES and digest == total.digest()


def record(kind, payload):
    return romfs._record(kind, payload)


def file(name, data=b"x"):
    return record(5, romfs._number(len(name)) + name + record(2, data))


def folder(name, content):
    return record(4, romfs._number(len(name)) + name + content)


def image(content):
    return romfs.MAGIC + romfs._number(len(content)) + content


HOSTILE = {
    "up": image(file(b"..")),
    "up by a folder": image(folder(b"..", file(b"a"))),
    "a slash": image(file(b"../a")),
    "absolute": image(file(b"/a")),
    "hidden": image(file(b".a")),
    "no name": image(file(b"")),
    "a long name": image(file(b"a" * 65)),
    "not a word": image(file(b"a b")),
    "not text": image(file(b"\xff\xfe")),
    "zero byte": image(file(b"a\x00b")),
    "unknown record": image(record(3, b"abc")),
    "data without a file": image(record(2, b"abc")),
    "a pointer for data": image(record(5, b"\x01a" + record(3, b"\x01\x02"))),
    "more than data": image(record(5, b"\x01a" + record(2, b"x") + b"y")),
    "longer than its folder": image(record(4, b"\x01f" + b"\x05\x40\x01a")),
    "deep": image(b""),
    "a number without end": romfs.MAGIC + b"\xff" * 8,
    "no magic": b"xxx" + IMAGE[3:],
}
_deep = file(b"a")
for _ in range(12):
    _deep = folder(b"f", _deep)
HOSTILE["deep"] = image(_deep)


@pytest.mark.parametrize("name", HOSTILE)
def test_what_leads_elsewhere_or_is_no_image(tmp_path, name):
    with pytest.raises(DecodeError):
        unpacked(tmp_path, HOSTILE[name])


@pytest.mark.parametrize("size", [0, 10, len(IMAGE) - 1, len(IMAGE) + 1])
def test_another_size_than_was_said(tmp_path, size):
    with pytest.raises(DecodeError):
        unpacked(tmp_path, IMAGE, size)


def test_every_shorter_image(tmp_path):
    for end in range(0, len(IMAGE), 97):
        place = tmp_path / str(end)
        place.mkdir()
        with pytest.raises(DecodeError):
            unpacked(place, IMAGE[:end], len(IMAGE))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, len(IMAGE) - 1), st.integers(1, 255), st.integers(1, 900))
def test_a_flipped_byte_is_refused_or_seen(tmp_path, at, flip, piece):
    data = bytearray(IMAGE)
    data[at] ^= flip
    _, good = unpacked(_empty(tmp_path), IMAGE)
    with contextlib.suppress(DecodeError):
        found, digest = unpacked(_empty(tmp_path), bytes(data), piece=piece)
        assert digest != good or found == FILES  # the seal is passed over: boot.py has its own


def _empty(tmp_path):
    place = Path(tmp_path) / os.urandom(8).hex()
    place.mkdir()
    return place
