"""The self-test on the bench: firmware/vcu/benchtest.py, run over the raw REPL, judged here.

A step passes, fails, or is not possible because nothing is connected. What counts as connected the
mechanic says: a bare board on a table has no bolt, a vehicle has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workbench.bench import Bench, on_bench
from workbench.errors import DeviceError, NoApplicationError, ReplyError, SelfTestError
from workbench.events import Sink, Step, silent

PASS, FAIL, ABSENT = range(3)
RESULTS = ("passed", "FAILED", "not possible here")
RESULT_NAMES = ("pass", "fail", "absent")  # for machines
# Of a step that needs something beside the board; in a vehicle all of it is there.
IN_VEHICLE = frozenset({"supply", "bus", "speed", "pack", "dash", "bolt", "panel"})
TIMEOUT_S = 30.0

# In words: what it looked at, and what to do where it fails.
MEANINGS: dict[str, tuple[str, str]] = {
    "flash": ("a file written, read and removed", "take another board: its flash is full or worn"),
    "clock": ("the battery-backed clock runs", "run `trifleet bench provision`, which sets it"),
    "random": ("two draws of random bytes", "take another board: its keys would be guessed"),
    "supply": ("the 12 V supply at its sense pin", "measure supply, fuse and divider"),
    "can_loopback": ("frames through the CAN controller alone", "take another board"),
    "bus": ("traffic on the CAN bus", "look at connector, transceiver and terminators"),
    "speed": ("the motor controller's speed", "look at the motor controller and its connector"),
    "pack": ("the battery's state of charge", "look at the battery and its connector"),
    "dash": ("steering angle and inputs of the dash", "look at the dash and its connector"),
    "bolt": ("the bolt moved and its switch followed", "free the bolt; look at actuator, switch"),
    "panel": ("the panel showed 888", "look at the panel and its connector"),
}
# Of the form that runs beside the application (docs/diagnosis.md); numbers go on from above.
BESIDE: dict[str, tuple[str, str]] = {
    "identity": ("the vehicle knows who it is and whom it obeys", "run `trifleet bench provision`"),
    "cycle": ("cyclic frames went out in time", "read the counters: `trifleet bench diagnose`"),
    "memory": ("the heap has room", "read the counters: `trifleet bench diagnose`"),
}
_NAMES = dict(enumerate((*MEANINGS, *BESIDE), 1))

_CODE = """
def _tell(step):
    print("%d %s %d %d %s" % step)
from vcu import benchtest
benchtest.run(_tell, {bolt}, {panel})
"""
_LINE = re.compile(r"(\d{1,2}) ([a-z_]{1,20}) ([012]) (-?\d{1,10}) ([A-Za-z][A-Za-z/ -]{0,15})?")


@dataclass(frozen=True)
class TestStep:
    """`result` is PASS, FAIL or ABSENT; `value` in `unit`."""

    number: int
    name: str
    result: int
    value: int
    unit: str

    def line(self) -> str:
        what, repair = (MEANINGS | BESIDE).get(self.name, ("", ""))
        advice = f" -> {repair}" if self.result == FAIL and repair else ""
        return f"{RESULTS[self.result]}: {what}, {self.value} {self.unit}".rstrip() + advice


@dataclass(frozen=True)
class SelfTest:
    """All steps in their order, and those that must not be let pass."""

    steps: tuple[TestStep, ...]
    failed: tuple[str, ...]

    def check(self) -> None:
        """Raises SelfTestError."""
        if self.failed:
            raise SelfTestError(f"failed: {', '.join(self.failed)}")


def self_test(
    port: str,
    *,
    fitted: frozenset[str] = frozenset(),
    panel_seen: Callable[[], bool] | None = None,
    sink: Sink = silent,
) -> SelfTest:
    """Moves the bolt. `fitted` names the steps that must be possible; `panel_seen` asks whether
    the panel showed 888 (None: nobody looks)."""
    with on_bench(port) as bench:
        return test_on(bench, fitted=fitted, panel_seen=panel_seen, sink=sink)


def test_on(
    bench: Bench,
    *,
    fitted: frozenset[str] = frozenset(),
    panel_seen: Callable[[], bool] | None = None,
    sink: Sink = silent,
) -> SelfTest:
    """The same with the application held back already."""
    sink(Step("selftest", "moves the bolt and shows 888 on the panel; takes about ten seconds"))
    steps = _asked(decode_steps(_run(bench)), panel_seen)
    for step in steps:
        sink(Step(step.name, step.line()))
    return judge(steps, fitted)


def judge(steps: Sequence[TestStep], fitted: frozenset[str]) -> SelfTest:
    """What is fitted and cannot be tested has failed, and so has what was not looked at."""
    found = {step.name: step.result for step in steps}
    missing = [name for name in MEANINGS if name not in found and name not in IN_VEHICLE]
    absent = [name for name in sorted(fitted) if found.get(name, ABSENT) == ABSENT]
    failed = [step.name for step in steps if step.result == FAIL]
    return SelfTest(tuple(steps), tuple(failed + absent + missing))


def of_results(results: Sequence[tuple[int, int, int]], sink: Sink = silent) -> SelfTest:
    """What a running vehicle answered over UDS: number, result and value of each step. What is not
    connected is no fault there."""
    steps = []
    for number, result, value in results:
        if number not in _NAMES or result not in (PASS, FAIL, ABSENT):
            raise ReplyError(f"step {number} with result {result} is none of the self-test")
        steps.append(TestStep(number, _NAMES[number], result, value, ""))
    for step in steps:
        sink(Step(step.name, step.line()))
    return SelfTest(tuple(steps), tuple(step.name for step in steps if step.result == FAIL))


def decode_steps(output: bytes) -> list[TestStep]:
    """What the board printed, a line a step. Raises ReplyError."""
    steps = []
    for line in output.decode(errors="replace").splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            raise ReplyError(f"{line[:80]!r} is no step of the self-test")
        number, name, result, value, unit = found.groups()
        steps.append(TestStep(int(number), name, int(result), int(value), (unit or "").strip()))
    return steps


def _run(bench: Bench) -> bytes:
    try:
        return bench.checked.exec(_CODE.format(bolt=True, panel=True), timeout_s=TIMEOUT_S)
    except DeviceError as error:
        if "ImportError" not in error.text:
            raise
        raise NoApplicationError(f"{bench.repl.port}: {error}") from error


def _asked(steps: list[TestStep], panel_seen: Callable[[], bool] | None) -> list[TestStep]:
    """The board knows what it sent; what was to be seen the mechanic knows."""
    if panel_seen is None:
        return steps
    return [
        TestStep(step.number, step.name, FAIL, step.value, step.unit)
        if step.name == "panel" and step.result == PASS and not panel_seen()
        else step
        for step in steps
    ]
