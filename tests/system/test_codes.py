"""One-time codes from end to end: drawn by a client, deposited through server and gateway, typed on
the vehicle's keypad. What opens, and what does not, is read from the bus and the ledger.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from evidence import BusLog
from playwright.sync_api import Browser, expect
from running import RunningStack
from web_stand import Visitor

from fleet_backend.ledger.policy import parse_policy
from protocol import can, codes, command, lock, refusal
from trifleet.client import RiderClient
from trifleet.codes import DrawnCodes
from trifleet.keypad import type_keys
from trifleet.operator import OperatorClient
from trifleet.receipt import open_receipt

LONG_MS = 60_000
VCU_PANEL = "0B0"
SCREENS = {refusal.CODE: 72, refusal.RATE: 76}
FIRST_WAIT_S = 30
FOREIGN = "1234567890123456"


class Place:
    """Beside one vehicle: its keypad and its bus; and what the operator sees of it."""

    def __init__(self, stack: RunningStack, vehicle: str) -> None:
        self.stack = stack
        self.vehicle = vehicle
        self.bus = BusLog(stack.layout.vehicle(vehicle) / "can.log")
        token = stack.layout.operator_token.read_text().strip()
        self.operator = OperatorClient(stack.address, token)

    def type(self, code: str) -> int:
        """Press the digits and Enter; returns the place in the bus log where that began."""
        mark = self.bus.mark()
        type_keys(self.stack.layout.keypad(self.vehicle), code + "\n")
        return mark

    def panel_shows(self, mark: int, screen: int) -> None:
        def shown() -> bool:
            frames = self.bus.frames(mark)
            told = [data for _, identifier, data in frames if identifier == VCU_PANEL]
            return any(can.decode(0xB0, data)[1]["Screen"] == screen for data in told)

        self.stack.wait_for(shown, f"screen {screen}", 20)

    def refuses(self, code: str, reason: int, recorded: int) -> None:
        """It says so on the panel, records it, and nothing is unlocked or enabled."""
        self.stack.wait_for(self._stands, "the log of the ride before", 20)
        mark = self.type(code)
        self.panel_shows(mark, SCREENS[reason])
        # Longer than the five seconds in which a rider who stands by would act.
        time.sleep(1.0)
        assert self.bus.enables(mark) == 0
        self.stack.wait_for(lambda: self.refusals(reason) >= recorded, "the refusal's record", 20)

    def _stands(self) -> bool:
        mark = self.bus.mark()
        time.sleep(1.0)  # the log is written in pieces
        return self.bus.enables(mark) == 0

    def refusals(self, reason: int) -> int:
        return sum(
            item["kind_name"] == "REFUSAL"
            and item["body"]["code"] == reason
            and item["body"]["action"] == command.UNLOCK
            for item in self.operator.records(self.vehicle)
        )

    def answers(self, action: int, made: bytes) -> dict[str, Any]:
        """The ANSWER that names a code's hash, once the ledger holds it."""

        def matches(item: dict[str, Any]) -> bool:
            body = item["body"]
            named = item["kind_name"] == "ANSWER" and body["command_id"] == made.hex()
            return bool(named and body["action"] == action)

        return self.operator.wait_for_record(self.vehicle, matches, "answer", 30)

    def state(self) -> str:
        return str(self.operator.vehicle(self.vehicle)["state"])

    def is_locked_again(self) -> None:
        self.stack.wait_for(lambda: self.state() == "LOCKED", "the lock", 60)


@pytest.fixture
def place(stack: RunningStack) -> Iterator[Place]:
    made = Place(stack, "trike-1")
    yield made
    made.operator.close()


def records_of(place: Place, leaf_index: int) -> list[Any]:
    """A receipt's records, verified with the policy alone."""
    policy = parse_policy(place.stack.layout.policy.read_bytes())
    return open_receipt(place.operator.receipt(leaf_index).encode(), policy).records


def test_a_code_opens_once_and_no_other_does(
    stack: RunningStack, rider: RiderClient, place: Place
) -> None:
    rider.register()
    drawn = DrawnCodes("trike-1", rider.key.thumbprint, 2)
    granted = rider.obtain_grant("trike-1", 3600, codes=drawn)
    mark = place.bus.mark()
    assert rider.deposit_codes("trike-1", granted)["state"] == "executed"
    assert place.bus.enables(mark) == 0  # a deposit opens nothing
    assert place.state() == "LOCKED"
    first, second = drawn.tell_once()

    place.type(first)
    answer = place.answers(command.UNLOCK, drawn.wire[1])
    kinds = [record.named() for record in records_of(place, answer["leaf_index"])]
    assert any(body.get("command_id") == drawn.wire[1] for body in kinds)
    stack.wait_for(lambda: place.state() == "DRIVE", "the ride", 20)
    place.type("")  # Enter alone: locks once it stands
    place.answers(command.LOCK, drawn.wire[1])
    place.is_locked_again()

    place.refuses(first, refusal.CODE, 1)  # used
    place.refuses(FOREIGN, refusal.CODE, 2)
    place.refuses(FOREIGN[::-1], refusal.CODE, 3)
    closed = time.monotonic()
    place.refuses(second, refusal.RATE, 1)  # right, but too soon after three wrong ones
    assert time.monotonic() - closed < FIRST_WAIT_S  # or it was no test of the wait
    time.sleep(max(0.0, FIRST_WAIT_S + 1 - (time.monotonic() - closed)))
    place.type(second)
    place.answers(command.UNLOCK, drawn.wire[2])
    stack.wait_for(lambda: place.state() == "DRIVE", "the ride", 20)
    place.type("")
    place.is_locked_again()


def test_codes_of_the_page_open_the_vehicle(
    stack: RunningStack, chromium: Browser, place: Place
) -> None:
    visitor = Visitor(chromium, stack.address)
    page = visitor.page()
    page.goto(f"{stack.address}/ride#/v/trike-1/codes")
    page.get_by_test_id("codes-count").select_option("1")
    page.get_by_test_id("codes-get").click()
    expect(page.get_by_test_id("codes-done")).to_be_visible(timeout=LONG_MS)
    code = page.get_by_test_id("digits").inner_text().replace(" ", "")
    proof = page.get_by_test_id("proof")
    proof.locator("summary").click()
    proof.get_by_test_id("check-receipt").click()
    expect(proof.get_by_test_id("report")).to_have_attribute(
        "data-verdict", "good", timeout=LONG_MS
    )
    visitor.close()  # the phone has no part in what follows

    place.type(code)
    unlocked = place.operator.wait_for_record(
        "trike-1",
        lambda item: item["kind_name"] == "LOCK" and item["body"]["state"] == lock.READY,
        "unlock",
        30,
    )
    assert lock.REASONS[unlocked["body"]["reason"]] == "COMMAND"
    stack.wait_for(lambda: place.state() == "DRIVE", "the ride", 20)
    place.type("")
    place.is_locked_again()


def test_who_stands_beside_the_vehicle_sees_its_panel(stack: RunningStack) -> None:
    words = [sys.executable, "-m", "trifleet.cli", "board", "type", "trike-2"]
    words += ["--data", str(stack.layout.root), "--watch", "4", "--language", "fr"]
    done = subprocess.run(words, input="12 34\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    # Perhaps on the line of the prompt, where a busy machine shows one of them only.
    assert re.search(r"\bCode : [1-4] sur 16 / puis Entrée$", done.stdout, re.MULTILINE)
    assert "Un code a / 16 chiffres" in done.stdout


def test_a_code_is_one_of_the_protocol() -> None:
    """The screens and lengths that this file goes by."""
    from protocol.panel import SCREENS as NAMES

    assert NAMES[SCREENS[refusal.CODE]] == "CODE_WRONG"
    assert NAMES[SCREENS[refusal.RATE]] == "CODE_WAIT"
    assert len(FOREIGN) == codes.DIGITS
