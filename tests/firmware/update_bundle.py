"""Releases for tests: signed with keys that are made for the run and thrown away."""

import hashlib
import json
from functools import cache
from pathlib import Path

from protocol import release
from workbench import romfs
from workbench.application import board_file
from workbench.release import bundle, keys, signing

ROOT = Path(__file__).resolve().parents[2]
NUMBER, FLOOR = 7, 5
OLD = {"vcu/app.mpy": "old" * 900, "main.py": "old main"}
NEW = {"vcu/app.mpy": "new application " * 400, "vcu/sub/more.mpy": "more" * 700, "zero.mpy": ""}


@cache
def release_keys():
    return tuple(keys.make_key() for _ in range(3))


def made(files=NEW, number=NUMBER, floor=FLOOR, form=release.ROMFS, board="virtual"):
    """Unsigned."""
    listed = [board_file(path, text.encode()) for path, text in files.items()]
    return bundle.build(listed, board, f"1.{number}.0", number, floor, form)


def signed(unsigned, *numbers):
    for number in numbers or (0, 1):
        unsigned = signing.sign(unsigned, release_keys()[number])
    return unsigned


def trust(threshold=2, board="virtual"):
    names = sorted(keys.name_of(key) for key in release_keys())
    return release.encode_trust(release.Trust(threshold, names, board))


def image(files, sequence):
    return romfs.build({path: text.encode() for path, text in files.items()}, sequence)


def write_folder(folder, form):
    """What update_cuts.py reads."""
    new = signed(made(form=form))
    (folder / "new.tfr").write_bytes(new.data)
    (folder / "digest").write_bytes(new.digest)
    (folder / "release").write_bytes(trust())
    (folder / "files.json").write_text(json.dumps([OLD, NEW]))
    (folder / "boot.py").write_bytes((ROOT / "firmware/boot.py").read_bytes())
    (folder / "old.img").write_bytes(image(OLD, 4))
    (folder / "older.img").write_bytes(image({"vcu/app.mpy": "older"}, 3))
    assert hashlib.sha256(new.head.raw).digest() == new.digest
