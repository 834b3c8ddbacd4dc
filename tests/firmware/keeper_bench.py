"""vcu/app.py on CPython, and a bench whose loop drives its keeper."""

import importlib
import sys
import types

from signer import OWNER
from vcu import power
from vcu.loop import Loop
from vcu_bench import Bench, Node, identity

VOLTS_MV = 12_700


class Asleep(BaseException):
    """The board resets to sleep; nothing runs on."""


class FakePoll:
    """select.poll() of a console on which somebody typed."""

    def __init__(self):
        self.console = None

    def register(self, stream, events):
        self.console = stream

    def poll(self, timeout_ms):
        if timeout_ms:
            raise ValueError("the loop waits for no console")
        return [self.console] if self.console.buffer.typed else []


class Console:
    """stdin and stdout of a board."""

    def __init__(self):
        self.typed = b""
        self.said = ""
        self.buffer = self

    def read(self, size):
        if not self.typed:
            raise ValueError("would wait for ever")
        data, self.typed = self.typed[:size], self.typed[size:]
        return data

    def write(self, text):
        self.said += text


def load_app(monkeypatch):
    """vcu.app, with what it asked the next start for in `app.asked`."""
    machine = types.ModuleType("machine")
    for name in ("vcu.app", "vcu.start"):
        # Set first, so that they are taken away again where they were not there before.
        monkeypatch.setitem(sys.modules, name, machine)
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "machine", machine)
    app = importlib.import_module("vcu.app")
    app.console = Console()
    app.asked = []
    app.volts_mv = VOLTS_MV

    def ask_for_sleep(state, silent):
        app.asked.append((state, silent))
        raise Asleep

    monkeypatch.setattr(
        app, "sys", types.SimpleNamespace(stdin=app.console, stdout=app.console, modules={})
    )
    monkeypatch.setattr(app, "select", types.SimpleNamespace(poll=FakePoll, POLLIN=1))
    monkeypatch.setattr(app.start, "ask_for_sleep", ask_for_sleep)
    monkeypatch.setattr(app.start, "supply_mv", lambda: app.volts_mv)
    return app


def keeper_bench(app, folder, monkeypatch, owner=OWNER.thumbprint):
    """A bench whose loop drives the keeper; rest and silence are shortened. `owner` None: the
    board has no identity."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(power, "REST_MS", (3_000, 2_000, 1_000, 1_000))
    monkeypatch.setattr(power, "QUIET_MS", 1_000)
    monkeypatch.setattr(power, "HOLD_MS", 500)
    if owner:
        (folder / "identity").write_bytes(identity(owner))
    bench = Bench(f"{folder}/")
    bench.nodes["GW_Heartbeat"] = Node("GW_Heartbeat", {"State": 2})
    keep(bench, app)
    return bench


def keep(bench, app):
    """Put the keeper between the loop and the vehicle."""
    bench.keeper = app.Keeper(bench.vcu, power.AWAKE, bench.now_ms)
    loop = Loop(bench.keeper, bench._now, bench._wait, bench._nothing, bench._nothing)

    def turn():
        loop.turn()
        bench.keeper.tend(bench.now_ms)

    bench.loop = types.SimpleNamespace(turn=turn)
    bench.is_typed = lambda: bool(app.console.typed)


def silence(bench):
    for node in bench.nodes.values():
        node.signals = None
