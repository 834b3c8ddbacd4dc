"""The hash of the software: every file in every folder, the same from files and from ROMFS."""

import subprocess
import sys
from pathlib import Path

import pytest
from vcu.software import digest

from workbench import romfs

ROOT = Path(__file__).resolve().parents[2]
MICROPYTHON = Path(sys.executable).with_name("micropython")
FILES = {
    "vcu/__init__.mpy": b"",
    "vcu/app.mpy": b"app" * 300,
    "vcu/can/hal.mpy": b"hal",
    "vcu/flash/wear/deep.mpy": b"deep",
    "protocol/cbor.mpy": b"cbor",
}
FOLDERS = ("vcu", "protocol")


def lay(folder, files):
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return tuple(f"{folder}/{name}" for name in FOLDERS)


@pytest.fixture
def laid(tmp_path):
    return lay(tmp_path / "one", FILES)


@pytest.mark.parametrize("path", FILES)
def test_sees_a_change_in_every_file(tmp_path, laid, path):
    changed = lay(tmp_path / "two", {**FILES, path: FILES[path] + b"!"})
    assert digest(changed) != digest(laid)
    (tmp_path / "two" / path).unlink()
    assert digest(changed) != digest(laid)


def test_sees_where_a_file_lies_and_where_one_ends(tmp_path, laid):
    moved = {**FILES, "vcu/can/app.mpy": FILES["vcu/app.mpy"]}
    del moved["vcu/app.mpy"]
    assert digest(lay(tmp_path / "two", moved)) != digest(laid)
    shifted = {**FILES, "vcu/app.mpy": FILES["vcu/app.mpy"][:-1]}
    shifted["vcu/can/hal.mpy"] = FILES["vcu/app.mpy"][-1:] + FILES["vcu/can/hal.mpy"]
    assert digest(lay(tmp_path / "three", shifted)) != digest(laid)


def test_what_is_no_module_does_not_count(tmp_path, laid):
    before = digest(laid)
    lay(tmp_path / "one", {"vcu/notes.txt": b"x", "vcu/__pycache__/app.pyc": b"x"})
    lay(tmp_path / "one", {"vcu/__pycache__/app.py": b"x"})
    assert digest(laid) == before


def test_the_same_from_files_and_from_romfs_in_the_interpreter(tmp_path, laid):
    (tmp_path / "image").write_bytes(romfs.build(FILES, 1))
    program = (
        f"import sys; sys.path[:0] = [{str(ROOT / 'firmware')!r}, {str(ROOT)!r}]\n"
        "import os, vfs\nfrom vcu.software import digest\n"
        f"data = bytearray(os.stat({str(tmp_path / 'image')!r})[6])\n"
        f"open({str(tmp_path / 'image')!r}, 'rb').readinto(data)\n"
        "vfs.mount(vfs.VfsRom(memoryview(data)), '/r')\n"
        f"print(digest({laid!r}).hex(), digest(('/r/vcu', '/r/protocol')).hex())\n"
    )
    (tmp_path / "run.py").write_text(program)
    line = [MICROPYTHON, tmp_path / "run.py"]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [digest(laid).hex()] * 2
