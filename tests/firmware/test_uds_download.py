"""An update over UDS, against the installer's contract in memory: order, conditions, resuming."""

import hashlib

import pytest
from signer import OWNER, by_owner
from uds_bench import DiagnosisBench
from uds_updates import fit
from vcu_bench import identity

from protocol import command, lock, update

STREAM = bytes(range(256)) * 20  # 5,120 bytes: three blocks
DIGEST = hashlib.sha256(STREAM).digest()
REQUEST = "34004400000000" + len(STREAM).to_bytes(4, "big").hex()
BLOCK = 2_048


@pytest.fixture
def bench(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    made = DiagnosisBench(f"{tmp_path}/")
    made.updates = fit(made.vcu)
    made.run(1_500)
    return made


def allow(bench, digest=DIGEST):
    assert bench.say("1002") == "5002003201f4"
    given = bytes.fromhex(bench.say("2701"))[2:]
    asked = by_owner(given, command.UPDATE, {0: digest})
    assert bench.ask(b"\x27\x02" + asked, 5_000)[-1] == b"\x67\x02"


def block(number, begin=None, stream=STREAM):
    begin = (number - 1) * BLOCK if begin is None else begin
    return bytes((0x36, number & 0xFF)) + stream[begin : begin + BLOCK]


def send(bench, stream=STREAM):
    for number in range(1, 4):
        assert bench.ask(block(number, stream=stream))[-1] == bytes((0x76, number))


def test_an_update_from_the_first_byte_to_the_restart(bench):
    allow(bench)
    assert bench.say(REQUEST) == "74200802"
    send(bench)
    assert bench.say("220130") == f"620130{len(STREAM):08x}"
    assert bench.say("37") == "77"
    assert bench.say("3101ff01") == "7101ff0100" and bench.say("220131") == "62013100"
    assert not bench.updates.activated
    assert bench.say("31010203") == "7101020300" and bench.updates.activated


def test_without_being_allowed_nothing_is_taken(bench):
    assert bench.say("1002") == "5002003201f4"
    assert (
        bench.say(REQUEST) == "7f3433" and bench.say("220131") == f"620131{update.NOT_ALLOWED:02x}"
    )
    assert bench.say("3601ff") == "7f3624" and bench.say("37") == "7f3724"
    assert bench.say("31010203") == "7f3124" and bench.say("31010204") == "7f3133"
    assert bench.say("31010201") == "7f3131", "no self-test in this session"
    assert bench.updates.offset == 0


def test_only_the_update_can_be_written_and_nowhere_else(bench):
    allow(bench)
    for wrong in (
        "340044" + "00000001" + "00001400", "341044" + "00000000" + "00001400",
        "340033" + "00000000" + "00001400", "340044" + "00000000" + "00000000",
    ):  # fmt: skip
        assert bench.say(wrong) == "7f3431", wrong
    assert bench.say("340044") == "7f3413"


def test_blocks_come_in_order_once_and_not_too_many(bench):
    allow(bench)
    bench.say(REQUEST)
    assert bench.ask(block(0, 0))[-1] == b"\x7f\x36\x73"
    assert bench.ask(block(1) + b"x")[-1] == b"\x7f\x36\x13"
    assert bench.say("3601") == "7f3613"
    assert bench.ask(block(1))[-1] == b"\x76\x01"
    # Its answer was lost: the same again, and nothing is written twice.
    assert bench.ask(block(1))[-1] == b"\x76\x01" and bench.updates.offset == BLOCK
    assert bench.ask(block(3))[-1] == b"\x7f\x36\x73"
    assert bench.say("37") == "7f3724"
    assert bench.ask(block(2))[-1] == b"\x76\x02"
    assert bench.ask(block(3, 0))[-1] == b"\x7f\x36\x71", "more than was announced"
    assert bench.ask(block(3))[-1] == b"\x76\x03"
    assert bench.say("37") == "77" and bench.say("37") == "7f3724"


def test_what_broke_off_goes_on(bench):
    allow(bench)
    bench.say(REQUEST)
    bench.ask(block(1))
    bench.run(6_000)  # the session ended meanwhile
    assert bench.say("3602ff") == "7f367f"
    assert bench.say("1002") == "5002003201f4" and bench.say("3602ff") == "7f3624"
    assert bench.say(REQUEST) == "74200802" and bench.say("220130") == f"620130{BLOCK:08x}"
    assert bench.ask(block(1, BLOCK))[-1] == b"\x76\x01"
    assert bench.ask(block(2, 2 * BLOCK))[-1] == b"\x76\x02"
    assert bench.say("37") == "77" and bench.say("3101ff01") == "7101ff0100"


def test_what_is_not_what_was_allowed_is_not_run(bench):
    allow(bench)
    bench.say(REQUEST)
    wrong = STREAM[:-1] + b"\x00"
    for number in (1, 2):
        bench.ask(block(number, stream=wrong))
    assert bench.ask(block(3, stream=wrong))[-1] == b"\x7f\x36\x72"
    assert bench.say("220131") == f"620131{update.DIGEST:02x}"
    assert bench.say("31010203") == "7f3124" and not bench.updates.activated
    assert bench.say("3101ff01") == f"7101ff01{update.DIGEST:02x}"
    assert bench.say("31010203") == "7f3124" and not bench.updates.activated


def test_a_flash_that_fails_is_told(bench):
    allow(bench)
    bench.say(REQUEST)
    bench.updates.code = update.FLASH
    assert bench.ask(block(1))[-1] == b"\x7f\x36\x72"
    assert bench.say("220131") == f"620131{update.FLASH:02x}"
    assert bench.say("3602ff") == "7f3624"


def test_whoever_wants_to_drive_ends_it(bench):
    allow(bench)
    bench.say(REQUEST)
    bench.ask(block(1))
    assert bench.present(by_owner(bench.gateway.challenges[-1][0]), 10_000) is not None
    assert bench.vcu.drive.lock == lock.READY
    assert bench.say("22f186") == "62f18601"
    assert bench.ask(block(2))[-1] == b"\x7f\x36\x7f"
    assert bench.say("1002") == "7f1022" and bench.updates.offset == BLOCK
    bench.inputs(1, 1, 1)
    bench.run(300)
    assert bench.vcu.drive.lock == lock.DRIVE and bench.drives[-1][1]["Enable"]
    bench.speed(4_000)
    for text in ("1002", "1003", "1101", "14ffffff", "31010201", "31010204", "2701"):
        bench.say(text, 500)
    assert bench.drives[-1][1]["Enable"] and bench.vcu.drive.lock == lock.DRIVE


def test_a_block_under_way_when_the_vehicle_is_pushed_is_refused(bench):
    allow(bench)
    bench.say(REQUEST)
    bench.updates.step = lambda now_ms: None  # flash that never comes to an end
    bench.tester.ask(block(1), bench.now_ms)
    bench.run(1_000)
    assert bench.tester.messages[-1] == b"\x7f\x36\x78"
    bench.speed(500)
    bench.run(300)
    assert bench.tester.messages[-1] == b"\x7f\x36\x22" and bench.say("22f186") == "62f18601"


def test_going_back_is_for_who_was_let_in(bench):
    bench.say("1003")
    given = bytes.fromhex(bench.say("2701"))[2:]
    bench.ask(b"\x27\x02" + by_owner(given, command.DIAGNOSE), 5_000)
    assert bench.say("31010204") == "7f3131"
    bench.say("1002")
    assert bench.say("31010204") == "7101020400" and bench.updates.rolled_back
