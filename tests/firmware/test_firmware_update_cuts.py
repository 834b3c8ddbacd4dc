"""Power cut at every operation of flash while an application is replaced, in MicroPython on real
littlefs and a ROMFS partition: the board boots the old one or the new one, whole, and the same
command finishes the job."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import update_bundle

from protocol import release

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("update_cuts.py")
MICROPYTHON = Path(sys.executable).with_name("micropython")
FORMS = {"rom": release.ROMFS, "folders": release.FOLDERS}
SEEDS = (
    "sealed before it is on trial",
    "seal not kept back",
    "confirmed before boot knows",
    "failed one not cleared",
)
OPERATIONS = {"rom": 30, "folders": 100}

pytestmark = pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    made = {}
    for name, form in FORMS.items():
        made[name] = tmp_path_factory.mktemp(name)
        update_bundle.write_folder(made[name], form)
    return made


def cuts(folders, form, *arguments):
    line = [MICROPYTHON, "-X", "heapsize=64M", SCRIPT, form, *arguments]
    environment = {"MICROPYPATH": f"{ROOT / 'firmware'}:{ROOT}", "FOLDER": str(folders[form])}
    done = subprocess.run(line, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(f"{form} {arguments}: {found['operations']} cut points, {found['starts']} starts")
    assert found["operations"] >= OPERATIONS[form] or len(arguments) > 2
    return found


@pytest.mark.parametrize("mode", ["once", "back"])
@pytest.mark.parametrize("form", FORMS)
def test_every_cut_leaves_the_old_or_the_new_one(folders, form, mode):
    found = cuts(folders, form, mode, "1")
    assert found["wrong"] == [] and found["starts"] == 2 * found["operations"] + 1


@pytest.mark.parametrize(("form", "stride"), [("rom", "4"), ("folders", "29")])
def test_a_second_cut_at_the_start_that_follows(folders, form, stride):
    found = cuts(folders, form, "twice", stride)
    assert found["wrong"] == [] and found["starts"] > 2 * found["operations"] / int(stride)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fault_that_is_sown_is_found(folders, seed):
    assert any(cuts(folders, "rom", mode, "1", seed)["wrong"] for mode in ("once", "back"))


@pytest.mark.faults
@pytest.mark.parametrize(("form", "stride"), [("rom", "1"), ("folders", "2")])
def test_every_second_cut_after_every_cut(folders, form, stride):
    assert cuts(folders, form, "twice", stride)["wrong"] == []
