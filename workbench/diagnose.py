"""What is wrong with a board, in words, found over the serial line with the application held back.

Each finding says what is so, and what to do. Reads only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocol import record, release, vehicle
from protocol.bodies import TROUBLES
from protocol.errors import DecodeError
from workbench.bench import Bench
from workbench.identify import Identified, identify_bench
from workbench.identity import Identity
from workbench.journal import fault_words
from workbench.logs import Logs, read_logs
from workbench.provision import CONFIG_FILE, read_file, read_identity

OK, WARNING, FAULT = "ok", "warning", "fault"
# Full flash is found late otherwise: littlefs needs a few blocks to write anything.
LEAST_FREE_BYTES = 64 << 10
CRASHES_OFF = 10  # firmware/vcu/start.py starts no application after so many


@dataclass(frozen=True)
class Finding:
    """`level` is "ok", "warning" or "fault"; `next` is empty where nothing is to be done."""

    level: str
    name: str
    text: str
    next: str = ""


@dataclass(frozen=True)
class Diagnosis:
    board: Identified
    logs: Logs
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> str:
        levels = {one.level for one in self.findings}
        return next((level for level in (FAULT, WARNING) if level in levels), OK)


def diagnose(bench: Bench) -> Diagnosis:
    """The board behind `bench`."""
    board, logs = identify_bench(bench), read_logs(bench)
    found = (
        *_application(board),
        *_crashes(bench, logs),
        *_trial(bench),
        *_vehicle(bench),
        *_flash(board, logs),
        *_records(logs),
    )
    return Diagnosis(board, logs, found)


def _application(board: Identified) -> Iterator[Finding]:
    if board.version:
        yield Finding(OK, "application", f"version {board.version}")
    else:
        yield Finding(FAULT, "application", "none that runs", "Run `trifleet bench flash`.")
    sound = [slot for slot in board.slots if slot.application]
    if board.version and board.slots and len(sound) < len(board.slots):
        yield Finding(OK, "slots", "one is empty: there is nothing to go back to")


def _crashes(bench: Bench, logs: Logs) -> Iterator[Finding]:
    count = _early_crashes(read_file(bench, "crashes"))
    if count >= CRASHES_OFF:
        yield Finding(
            FAULT,
            "crashes",
            f"{count} starts in a row did not last: the application is not started any more",
            "Read the crash below; go back with `trifleet bench rollback`, or flash another one.",
        )
    elif count > 1:  # one is the start that this tool interrupted
        yield Finding(WARNING, "crashes", f"{count} starts in a row did not last", "Look below.")
    for name, text in logs.crashes.items():
        last = text.strip().rpartition("\n")[2]
        yield Finding(
            WARNING,
            name,
            f"the application ended with: {last[:160]}",
            "`trifleet bench logs` keeps the whole text; report it with the version above.",
        )


def _trial(bench: Bench) -> Iterator[Finding]:
    """docs/lifecycle.md: the file by which boot.py counts the starts of a new application."""
    note = read_file(bench, "trial")
    if note is None:
        return
    if len(note) != 10 or note[8] ^ note[9] != 0xFF:
        yield Finding(WARNING, "trial", "its note is damaged", "Flash the release that is wanted.")
    elif note[8]:
        yield Finding(
            WARNING, "trial", f"a new application has {note[8]} starts left to pass", "Let it run."
        )
    else:
        yield Finding(
            FAULT,
            "trial",
            "a new application did not pass, and the one before runs",
            "Read the records: UPDATE says why. Do not install that release again.",
        )


def _vehicle(bench: Bench) -> Iterator[Finding]:
    found = read_identity(bench)
    if isinstance(found, Identity):
        yield Finding(OK, "identity", found.vehicle)
    elif found is None:
        yield Finding(WARNING, "identity", "none: nobody's", "Run `trifleet bench provision`.")
    else:
        yield Finding(
            FAULT,
            "identity",
            "unreadable: the vehicle stays locked and obeys nobody",
            "Provision it anew with --replace, and register it anew.",
        )
    yield from _readable(bench, CONFIG_FILE, vehicle.open_file, "walking pace only")
    if read_file(bench, "release") is not None:
        yield from _readable(bench, "release", release.decode_trust, "nothing can be installed")


def _readable(bench: Bench, name: str, decode: object, else_: str) -> Iterator[Finding]:
    data = read_file(bench, name)
    again = "Run `trifleet bench provision` again."
    if data is None:
        yield Finding(WARNING, name, f"missing: {else_}", again)
        return
    try:
        decode(data)  # type: ignore[operator]
    except DecodeError:
        yield Finding(FAULT, name, f"unreadable: {else_}", again)
        return
    yield Finding(OK, name, "readable")


def _flash(board: Identified, logs: Logs) -> Iterator[Finding]:
    free = board.interpreter.free_bytes
    if free < LEAST_FREE_BYTES:
        yield Finding(
            FAULT, "flash", f"{free} bytes free", "Bring it to a gateway, which takes its records."
        )
    if logs.damaged:
        yield Finding(
            WARNING,
            "flash",
            f"{logs.damaged} records say nothing any more",
            "A power cut may cost one; more of them are a flash that wears out: change the board.",
        )


def _records(logs: Logs) -> Iterator[Finding]:
    waiting = len(logs.records)
    if waiting:
        yield Finding(OK, "records", f"{waiting} that no gateway has taken yet")
    present: dict[tuple[object, object], bool] = {}
    for one in logs.records:
        if one.kind == record.BOOT:
            present.clear()  # each start finds its faults anew
        elif one.kind == record.FAULT:
            present[one.body[0], one.body[1]] = bool(one.body[2])
    for node, code in (key for key, there in present.items() if there):
        yield _fault(node, code)
    last = {one.kind: one for one in logs.records}
    if record.HEALTH in last:
        yield from _health(last[record.HEALTH].named())


def _fault(node: object, code: object) -> Finding:
    text = f"{fault_words({0: node, 1: code})}, and it was there to the last"
    return Finding(FAULT, "fault", text, "docs/diagnosis.md has what to do for each.")


def _health(named: dict[str, object]) -> Iterator[Finding]:
    risen = {name: named[name] for name in TROUBLES if named.get(name)}
    if risen:
        text = ", ".join(f"{name} {value}" for name, value in risen.items())
        yield Finding(WARNING, "health", text, "docs/telemetry.md says what each counts.")


def _early_crashes(note: bytes | None) -> int:
    """As firmware/vcu/flash/crashes.py reads it."""
    return note[0] if note is not None and len(note) == 2 and note[0] ^ note[1] == 0xFF else 0
