"""The image: byte for byte what MicroPython's own writer makes, readable by its VfsRom, strict."""

import json
import subprocess
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpremote.romfs import VfsRomWriter

from workbench import romfs
from workbench.errors import ImageError

ROOT = Path(__file__).resolve().parents[2]
BOOT = compile((ROOT / "firmware/boot.py").read_text(), "boot.py", "exec")
MICROPYTHON = Path(sys.executable).with_name("micropython")
FILES = {
    "boot": b"",
    "vcu/__init__.mpy": b"M\x06",
    "vcu/can/hal.mpy": bytes(range(256)) * 3,
    "vcu/app.mpy": b"x" * 127,
    "vcu/b.mpy": b"y" * 128,
    "protocol/cbor.mpy": b"z" * 20_000,
}
NAMES = st.text("abcdefgh_.", min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def reference(files: dict[str, bytes]) -> bytes:
    writer = VfsRomWriter()
    _write(writer, files)
    return bytes(writer.finalise())


def _write(writer: VfsRomWriter, files: dict[str, bytes]) -> None:
    for name in sorted({path.partition("/")[0] for path in files}):
        if name in files:
            writer.mkfile(name, files[name])
            continue
        inner = {p[len(name) + 1 :]: d for p, d in files.items() if p.startswith(name + "/")}
        writer.opendir(name)
        _write(writer, inner)
        writer.closedir()


def test_is_what_micropythons_writer_makes() -> None:
    assert romfs.build(FILES) == reference(FILES)
    assert romfs.build({}) == reference({})


@given(st.dictionaries(PATHS, st.binary(max_size=300), max_size=8))
def test_any_files_are_as_that_writer_makes_them_and_come_back(files: dict[str, bytes]) -> None:
    clash = any(a.startswith(b + "/") for a in files for b in files)
    if clash:
        with pytest.raises(ImageError, match="a file and a folder"):
            romfs.build(files)
        return
    image = romfs.build(files)
    assert image == reference(files)
    assert len(image) % 2 == 0
    assert romfs.read_files(image) == files
    sealed = romfs.build(files, 7)
    assert romfs.read_files(sealed) == files
    assert romfs.read_seal(sealed + b"\xff" * 9).sequence == 7


def test_the_interpreter_reads_a_sealed_image(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(romfs.build(FILES, 3))
    program = (
        "import json, os, sys, vfs\n"
        "data = bytearray(os.stat(sys.argv[1])[6])\n"
        "open(sys.argv[1], 'rb').readinto(data)\n"
        "vfs.mount(vfs.VfsRom(memoryview(data)), '/r')\n"
        "def walk(path):\n"
        "    for name, kind, _, size in os.ilistdir(path):\n"
        "        inner = path + '/' + name\n"
        "        if kind == 0x4000:\n            yield from walk(inner)\n"
        "        else:\n            yield inner[3:], open(inner, 'rb').read().hex()\n"
        "print(json.dumps(dict(walk('/r'))))\n"
    )
    (tmp_path / "read.py").write_text(program)
    line = [MICROPYTHON, tmp_path / "read.py", tmp_path / "image"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    found = {path: bytes.fromhex(data) for path, data in json.loads(done.stdout).items()}
    assert found == FILES


def test_the_seal_says_what_is_in_it_whatever_its_number() -> None:
    first, second = (romfs.read_seal(romfs.build(FILES, number)) for number in (0, 0xFFFF_FFFF))
    assert first.body == second.body and (first.sequence, second.sequence) == (0, 0xFFFF_FFFF)
    other = romfs.read_seal(romfs.build({**FILES, "boot": b"!"}, 0))
    assert other.body != first.body


@pytest.mark.parametrize("number", [-1, 1 << 32])
def test_refuses_numbers_that_do_not_fit(number: int) -> None:
    with pytest.raises(ImageError, match="sequence"):
        romfs.build(FILES, number)


@pytest.mark.parametrize("path", ["", "a//b", "/a", "a/", ".", "a/..", "x" * 65, "é", "a\nb"])
def test_refuses_names(path: str) -> None:
    with pytest.raises(ImageError, match="not a name"):
        romfs.build({path: b""})


def test_refuses_what_is_too_large() -> None:
    with pytest.raises(ImageError, match="bytes"):
        romfs.build({"a": bytes(romfs.MOST_IMAGE_BYTES)})


# --- damage: every byte, every length; what the tools refuse, the board refuses, too ---

SMALL = romfs.build({"a/b.mpy": b"data", "c": b""}, 5)


def choose(monkeypatch: pytest.MonkeyPatch, memory: bytes, block: int = 32) -> list[bytes]:
    """What boot.py mounts out of a partition that holds these bytes."""
    mounted: list[bytes] = []
    board = types.ModuleType("vfs")
    vars(board).update(
        umount=lambda path: None,
        rom_ioctl=lambda request, partition: memoryview(memory) if request == 2 else block,
        VfsRom=bytes,
        mount=lambda slot, path: mounted.append(slot),
    )
    monkeypatch.setitem(sys.modules, "vfs", board)
    monkeypatch.setattr(sys, "path", ["", "/rom", "/rom/lib", "/flash"])
    exec(BOOT, {"__name__": "__main__"})
    assert sys.path == (["/rom"] if mounted else []) + ["", "/flash"]
    return mounted


def partition(*slots: bytes, room: int = 256) -> bytes:
    return b"".join(slot + b"\xff" * (room - len(slot)) for slot in slots)


def test_every_flipped_bit_is_refused_by_tool_and_board(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in range(8 * len(SMALL)):
        damaged = bytearray(SMALL)
        damaged[place // 8] ^= 1 << place % 8
        with pytest.raises(ImageError):
            romfs.read_seal(bytes(damaged))
        assert choose(monkeypatch, partition(bytes(damaged), b"")) == [], place
    assert "slot 0 holds a damaged application, which is not run" in capsys.readouterr().out


def test_every_shorter_image_is_refused_by_tool_and_board(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in range(len(SMALL)):
        with pytest.raises(ImageError):
            romfs.read_seal(SMALL[:size])
        assert choose(monkeypatch, partition(SMALL[:size], b"")) == [], size
    assert choose(monkeypatch, partition(SMALL, b""))[0][: len(SMALL)] == SMALL


def test_a_seal_that_reaches_into_the_other_slot_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = romfs.build({"a": bytes(240)}, 1)
    assert 256 < len(image) < 512
    assert choose(monkeypatch, image + b"\xff" * (512 - len(image))) == []
    assert choose(monkeypatch, image + b"\xff" * (1024 - len(image))) != []


@pytest.mark.parametrize(
    ("first", "second", "runs"),
    [(1, 2, 1), (2, 1, 0), (4, 4, 0), (0, None, 0), (None, 0, 1), (0, 0xFFFF_FFFF, 1)],
)
def test_the_board_runs_the_newer_one(
    monkeypatch: pytest.MonkeyPatch, first: int | None, second: int | None, runs: int
) -> None:
    images = [
        b"" if number is None else romfs.build({"a": bytes([slot])}, number)
        for slot, number in enumerate((first, second))
    ]
    mounted = choose(monkeypatch, partition(*images))
    assert romfs.read_files(mounted[0].rstrip(b"\xff")) == {"a": bytes([runs])}
    # The newer one damaged: the other one, and the other way round.
    damaged = [bytes([*image[:-1], image[-1] ^ 1]) if image else b"" for image in images]
    other = 1 - runs
    images[runs] = damaged[runs]
    mounted = choose(monkeypatch, partition(*images))
    assert len(mounted) == (1 if images[other] else 0)


def test_says_that_there_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose(monkeypatch, partition(b"", b"")) == []
    assert capsys.readouterr().out == "no application\n"


def test_an_image_without_a_seal_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert choose(monkeypatch, partition(reference({"main.py": b"1"}), b"")) == []


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_the_packages_error_only(data: bytes) -> None:
    for image in (data, romfs.MAGIC + data):
        for decode in (romfs.read_seal, romfs.read_files, romfs.decode_seal):
            with pytest.raises(ImageError):
                decode(image)
                raise ImageError("an empty one may well be read")


@given(st.data())
def test_damaged_images_raise_the_packages_error_only(data: st.DataObject) -> None:
    image = bytearray(romfs.build(FILES))
    for _ in range(data.draw(st.integers(1, 4))):
        image[data.draw(st.integers(0, 400))] = data.draw(st.integers(0, 255))
    try:
        romfs.read_files(bytes(image))
    except ImageError:
        return
