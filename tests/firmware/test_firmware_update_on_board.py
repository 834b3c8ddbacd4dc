"""The whole way on the virtual board: a signed release over the bus, a trial, and both ends of it;
in slots that are executed in place, and in folders."""

import threading
import time

import pytest
from life_stand import FOLDERS, Images, changed, stands
from on_micropython import MICROPYTHON
from signer import by_owner
from update_bundle import release_keys, trust
from vcu_bench import Node

from protocol import release
from workbench.bench import on_bench
from workbench.errors import UpdateRefusedError
from workbench.provision import write_release
from workbench.release import bundle, signing
from workbench.uds import tester
from workbench.uds.update import install

pytestmark = pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here")
WITHIN_S = 60
# Of a trial, so that the test does not wait for them.
SHORT = [
    ("vcu/update/selfcheck.py", "_LEAST_MS = 10_000", "_LEAST_MS = 2_000"),
    ("vcu/update/selfcheck.py", "_QUIET_MS = 5_000", "_QUIET_MS = 500"),
]
NEWER = [*SHORT, ("vcu/version.py", 'FIRMWARE = "', 'FIRMWARE = "9')]
# It starts, and crashes before its self-test could pass.
_TURN = "        now_ms = self._now()\n        self._vcu"
BROKEN = [*SHORT, ("vcu/loop.py", _TURN, _TURN.replace("\n", "\n        1 // (now_ms < 1_500)\n"))]


class Nodes:
    """What stands and is charged, on the bus of the stand."""

    def __init__(self, bus):
        self._nodes = [
            Node("MC_Status1", {"Speed_mmps": 0}),
            Node("BMS_Pack", {"Voltage_mV": 52_000, "Soc_permille": 800}),
        ]
        self._port = bus.attach(lambda identifier, data: None, set())
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        now_ms = 0
        while not self._over.wait(0.01):
            now_ms += 10
            for node in self._nodes:
                frame = node.frame(now_ms)
                if frame:
                    self._port.send(*frame)

    def close(self):
        self._over.set()
        self._thread.join()
        self._port.close()


@pytest.fixture(scope="module", params=[release.ROMFS, release.FOLDERS], ids=["rom", "folders"])
def form(request):
    return request.param


@pytest.fixture(scope="module")
def images(tmp_path_factory, form):
    return Images(tmp_path_factory.mktemp, FOLDERS if form == release.FOLDERS else None)


@pytest.fixture
def stand(images, tmp_path):
    with stands(images, tmp_path) as make:
        made = make(SHORT)
        with on_bench(made.board.tty) as bench:
            assert write_release(bench, trust())
        made.talks()
        nodes = Nodes(made.bus)
        yield made
        nodes.close()


def released(tmp_path, changes, number, form):
    files = changed(tmp_path, *changes)
    made = bundle.build(files, "virtual", f"1.{number}", number, number - 1, form)
    for key in release_keys()[:2]:
        made = signing.sign(made, key)
    return made


def owner(vehicle, challenge, action, arguments):
    return by_owner(challenge, action, arguments)


def wait(condition, what):
    end_s = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end_s, what
        time.sleep(0.05)


def connected(stand):
    return tester.VehicleTester.connect(f"socket://127.0.0.1:{stand.bus.port}")


def send(stand, made):
    boots = stand.board.boots
    with connected(stand) as line:
        install(line, made.data, made.digest, owner)
    wait(lambda: stand.board.boots > boots, "no reset after the installation")


def exists(stand, name):
    with on_bench(stand.board.tty) as bench:
        return bench.repl.exec(f"import os; print({name!r} in os.listdir())").strip() == b"True"


def software(stand):
    with connected(stand) as line:
        return str(line.read("software_version"))


@pytest.mark.faults
def test_a_release_comes_over_the_bus_and_stays(stand, tmp_path, form):
    made = released(tmp_path, NEWER, 7, form)
    send(stand, made)
    stand.talks()
    assert software(stand).startswith("9")
    time.sleep(4)
    assert not exists(stand, "trial"), "not confirmed"
    stand.talks()
    assert software(stand).startswith("9")


@pytest.mark.faults
def test_one_that_crashes_is_gone_after_three_starts(stand, tmp_path, form):
    made = released(tmp_path, BROKEN, 8, form)
    before = software(stand)
    send(stand, made)
    begun = stand.board.boots
    wait(lambda: stand.board.boots >= begun + 3, "it does not crash")
    stand.talks()
    time.sleep(2)
    assert stand.board.boots == begun + 3 and software(stand) == before
    assert not exists(stand, "trial")


@pytest.mark.faults
def test_one_of_the_other_form_is_refused(stand, tmp_path, form):
    other = release.ROMFS + release.FOLDERS - form
    made = released(tmp_path, NEWER, 9, other)
    before, boots = software(stand), stand.board.boots
    with connected(stand) as line, pytest.raises(UpdateRefusedError, match="BOARD"):
        install(line, made.data, made.digest, owner)
    assert stand.board.boots == boots and software(stand) == before
