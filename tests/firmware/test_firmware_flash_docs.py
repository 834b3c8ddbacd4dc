"""docs/flash.md names the files that the code writes, and its numbers."""

import ast
import os
import re
from pathlib import Path

import pytest
from signer import OWNER
from vcu.flash import crashes
from vcu.flash.files import Damage
from vcu.flash.journal import _FEWEST_SAMPLES, _MARK_BYTES, MARK_EVERY, MOST_FILES, Journal
from vcu.flash.pair import Pair
from vcu.flash.segments import SEGMENT_BYTES
from vcu.flash.store import Store
from vcu.uds import troubles
from vcu.update import kept
from vcu.update.desk import RELEASE_FILE
from vcu.update.folder_slots import FolderSlots
from vcu.update.updates import TRIAL_FILE
from vcu_bench import NOW_S, Bench, configure, identity

from workbench.application import AS_SOURCE
from workbench.bench import STAY
from workbench.provision import CONFIG_FILE, IDENTITY_FILE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/flash.md").read_text(encoding="utf-8")
CRASH = 6
# Read and not imported: it wants a board.
START = {
    node.targets[0].id: node.value.value
    for node in ast.parse((ROOT / "firmware/vcu/start.py").read_text(encoding="utf-8")).body
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
}


def section(title):
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def documented():
    rows = re.findall(r"^\| (`[^|]+`) \| .*\|$", section("What lies where"), re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


def written():
    pairs = [part for part in vars(Store("")).values() if isinstance(part, Pair)]
    journal = Journal("", Damage())
    names = {pair.name + letter for pair in pairs for letter in (".a", ".b")}
    names |= {journal.events._name + "/", journal.samples._name + "/", journal._path}
    names |= {
        START["CRASH_FILE"],
        START["CRASH_FILE"] + ".last",
        START["UPDATE_FILE"],
        START["SLEEP_FILE"],
    }
    names |= {pair + letter for pair in (kept.PAIR, troubles.PAIR) for letter in (".a", ".b")}
    names |= {TRIAL_FILE, RELEASE_FILE}
    for running in (0, 1):
        slots = FolderSlots(running)
        names |= {slots._path + "/", slots._seals[1]}
    return names | {crashes._FILE, STAY, IDENTITY_FILE, CONFIG_FILE} | AS_SOURCE


def test_the_page_names_every_file():
    assert documented() == written()


@pytest.mark.parametrize("stores", [True, False])
def test_a_vehicle_writes_no_other_file(tmp_path, stores):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    configure(f"{tmp_path}/")
    crashes.begin(f"{tmp_path}/")
    bench = Bench(f"{tmp_path}/", reset_cause=CRASH, stores=stores)
    bench.run(1_000)
    bench.vcu.memory.health_sources()[1].append(True, NOW_S, 0, bytes(40))
    found = {name + "/" * (tmp_path / name).is_dir() for name in os.listdir(tmp_path)}
    assert {"events/", "samples/", "rights.a", "life.b"} < found <= documented()


def test_the_numbers_of_the_journal():
    keeps = section("How much it keeps")
    assert f"at most {MOST_FILES} files, about {MOST_FILES * SEGMENT_BYTES // 1000} kB" in keeps
    assert f"{MOST_FILES - _FEWEST_SAMPLES} of the {MOST_FILES} files" in keeps
    assert f"at most {SEGMENT_BYTES:,} bytes" in PAGE and _MARK_BYTES == 5 * 4
    assert f"After {MARK_EVERY} confirmed records" in section("The order of writes")
    assert f"After {START['HEALTHY_MS'] // 1000} s of running" in section("The order of writes")
