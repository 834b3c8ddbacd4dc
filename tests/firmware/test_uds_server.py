"""The UDS server on the bench: sessions, data, negative answers, broadcasts, security."""

import sys
from types import SimpleNamespace

import pytest
from signer import OWNER, RIDER, STRANGER, by_owner, by_rider
from uds_bench import DiagnosisBench
from vcu_bench import SOFTWARE, identity

from protocol import access, command, link, lock, presentation, record, refusal
from protocol.uds_table import DATA

S3_MS = 5_000
DIAGNOSE_ONLY = 1 << (command.DIAGNOSE - 1)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    return f"{tmp_path}/"


@pytest.fixture
def bench(folder):
    made = DiagnosisBench(folder)
    made.run(1_500)
    return made


def seed(bench):
    answer = bench.say("2701")
    assert answer.startswith("6701") and len(answer) == 36
    return bytes.fromhex(answer[4:])


def show(bench, presentation):
    """All answers to a key."""
    return [answer.hex() for answer in bench.ask(b"\x27\x02" + presentation, 20_000)]


def open_diagnosis(bench):
    bench.say("1003")
    assert show(bench, by_owner(seed(bench), command.DIAGNOSE))[-1] == "6702"


def test_nothing_is_loaded_before_somebody_asks(bench):
    assert bench.vcu.diagnosis.desk is None
    assert bench.say("3e00") == "7e00"
    assert bench.vcu.diagnosis.desk is not None
    assert sum(cycle.missed for cycle in bench.vcu.cycles) == 0


def test_sessions_and_their_end(bench):
    assert bench.say("22f186") == "62f18601"
    assert bench.say("1003") == "5003003201f4"
    assert bench.say("22f186") == "62f18603"
    for _ in range(3):  # somebody keeps it, without a word in return
        bench.run(S3_MS - 500)
        assert bench.ask(b"\x3e\x80", 100) == []
    assert bench.say("22f186") == "62f18603"
    bench.run(S3_MS + 100)
    assert bench.say("22f186") == "62f18601"
    assert bench.say("1002") == "5002003201f4"
    assert bench.say("1001") == "5001003201f4"


def test_what_the_vehicle_says_of_itself(bench):
    assert bench.say("22f190") == "62f190" + b"tf-0001".hex()
    assert bench.say("22f195") == "62f195" + b"0.1.0".hex()
    assert bench.say("22f18c") == "62f18c" + b"0b0a0d".hex()
    assert bench.say("22f1a0") == "62f1a0" + SOFTWARE[:4].hex()
    bench.speed(-1_234)
    bench.run(100)
    assert bench.say("220101") == "620101" + (0x10000 - 1234).to_bytes(2, "big").hex()
    # Several at once; those that it does not have are left out, and none at all is an error.
    assert bench.say("22010309990104") == "620103" + f"{52_000:08x}" + "0104" + f"{800:04x}"
    assert bench.say("220999") == "7f2231"
    bench.nodes["BMS_Pack"].signals = bench.nodes["MC_Status1"].signals = None
    bench.run(1_000)
    assert bench.say("2201030101") == "620103ffffffff01018000"  # unknown


def test_every_identifier_of_the_table_has_a_value_of_its_size(bench):
    for at in range(0, len(DATA), 3):
        number, form = DATA[at : at + 2].hex(), DATA[at + 2]
        answer = bench.say("22" + number)
        assert answer.startswith("62" + number), number
        size = len(answer) // 2 - 3
        assert size == form & 15 if form & 15 else size > 0, number


@pytest.mark.parametrize(
    ("request_hex", "code"),
    [
        ("00", "11"), ("28", "11"), ("280301", "11"), ("8502", "11"), ("3d", "11"), ("7e00", "11"),
        ("10", "13"), ("1004", "12"), ("100300", "13"), ("3e01", "12"), ("3e0000", "13"),
        ("22", "13"), ("22f1", "13"), ("22" + "f190" * 17, "13"), ("22ffff", "31"),
        ("1101", "7f"), ("1102", "12"), ("2701", "7f"), ("31010201", "7f"), ("19", "13"),
        ("1905", "12"), ("190200ff", "13"), ("1904c11087", "13"), ("1904000000ff", "31"),
        ("1904c1108702", "31"), ("14ffff", "13"), ("14000000", "31"), ("14ffffff", "33"),
        ("34", "7f"), ("3601", "7f"), ("37", "7f"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(bench, request_hex, code):
    assert bench.say(request_hex) == f"7f{request_hex[:2]}{code}"


def test_more_is_refused_in_the_extended_session(bench):
    bench.say("1003")
    for text, code in (
        ("2703", "12"), ("270100", "13"), ("2702", "13"), ("270200", "24"), ("310102", "13"),
        ("31010999", "31"), ("3101ff01", "31"), ("31010201", "33"), ("31020201", "12"),
        ("31030201", "24"), ("1101", "33"), ("34004400000000000000ff", "7f"),
    ):  # fmt: skip
        assert bench.say(text) == f"7f{text[:2]}{code}", text


def test_a_question_to_all_controllers(bench):
    assert bench.broadcast("3e00") == ["7e00"]
    assert bench.broadcast("3e80") == []
    assert bench.broadcast("22f190") == ["62f190" + b"tf-0001".hex()]
    # Another one may know; who knows and cannot says so.
    for unknown in ("00", "22ffff", "1004", "2803", "1905"):
        assert bench.broadcast(unknown) == [], unknown
    assert bench.broadcast("22f1") == ["7f2213"]
    # What changes something is said to one controller only, and in one frame.
    assert bench.broadcast("1003") == ["5003003201f4"]
    for alone in ("2701", "1101", "14ffffff", "31010201", "3601"):
        assert bench.broadcast(alone) == [], alone
    bench.tester.sends.append((0x7DF, bytes.fromhex("101422f190f195f1")))
    bench.run(500)
    assert len(bench.tester.messages) == 4 and bench.say("3e00") == "7e00"


def test_a_challenge_lives_until_it_is_used(bench):
    bench.say("1003")
    first = seed(bench)
    bench.say("3e00")
    assert seed(bench) == first
    assert show(bench, by_owner(first, command.DIAGNOSE))[-1] == "6702"
    assert seed(bench) != first
    for _ in range(7):
        bench.run(3_000)
        bench.say("3e00")
    assert seed(bench) != first


def test_a_signed_command_opens_the_diagnosis_and_is_recorded(bench):
    assert bench.say("220120") == "6201200000"
    open_diagnosis(bench)
    assert 890 <= int(bench.say("220120")[6:], 16) <= 900
    answers = bench.kinds(record.ANSWER)
    assert [(body[1], body[3]) for body in answers] == [(command.DIAGNOSE, record.DONE)]
    bench.run(1_000)
    assert bench.vcu.drive.lock == lock.LOCKED and not bench.enabled()


@pytest.mark.parametrize(
    ("make", "uds", "reason"),
    [
        (lambda given: b"\x80", "31", refusal.MALFORMED),
        (lambda given: by_owner(bytes(16), command.DIAGNOSE), "24", refusal.CHALLENGE),
        (lambda given: by_owner(given, command.DIAGNOSE, signer=STRANGER), "35", refusal.SIGNATURE),
        (lambda given: by_rider(given, command.DIAGNOSE, actions=3), "33", refusal.ACTION),
        (lambda given: by_owner(given, command.DIAGNOSE, {0: 1}), "31", refusal.ARGUMENT),
        (
            lambda given: by_rider(given, command.DIAGNOSE, generation=0, not_after=1),
            "35",
            refusal.EXPIRED,
        ),
    ],
)
def test_what_does_not_pass_the_check_opens_nothing(bench, make, uds, reason):
    bench.say("1003")
    if reason == refusal.EXPIRED:
        made = lambda given: by_rider(given, command.DIAGNOSE, not_before=1, not_after=2)  # noqa: E731
    else:
        made = make
    assert show(bench, made(seed(bench)))[-1] == f"7f27{uds}"
    assert bench.say("220121") == f"620121{reason:02x}"
    assert bench.say("220120") == "6201200000"
    assert bench.say("270200") == "7f2724"  # a new key needs a new seed


def test_a_grant_for_the_workshop_is_enough(bench):
    bench.say("1003")
    asked = by_rider(seed(bench), command.DIAGNOSE, actions=DIAGNOSE_ONLY)
    assert show(bench, asked)[-1] == "6702"
    refused = by_rider(seed(bench), command.UPDATE, {0: bytes(32)}, actions=DIAGNOSE_ONLY)
    assert show(bench, refused) == ["7f2733"]


def test_who_tries_too_often_has_to_wait(bench):
    bench.say("1003")
    for number in range(access.BAD_SIGNATURES_FREE + 1):
        asked = RIDER.command(seed(bench), command.DIAGNOSE, {}, bytes(16))
        forged = presentation.encode([STRANGER.grant(RIDER)], [OWNER.modulus, RIDER.modulus], asked)
        closed = number == access.BAD_SIGNATURES_FREE
        assert show(bench, forged)[-1] == ("7f2736" if closed else "7f2735")


def slowly(bench, monkeypatch):
    """A check of a hundred pieces more, one in 40 ms."""
    steps, work = bench.vcu.gate.check_steps, bench.vcu.work
    next_ms = [0]

    def slow(data, uptime_ms, clock):
        for _ in range(100):
            yield
        authorized = yield from steps(data, uptime_ms, clock)
        return authorized

    def seldom(now_ms):
        if now_ms >= next_ms[0] or not bench.vcu.commands.has_work():
            next_ms[0] = now_ms + 40
            work(now_ms)

    monkeypatch.setattr(bench.vcu.gate, "check_steps", slow)
    monkeypatch.setattr(bench.vcu, "work", seldom)


def test_a_check_that_takes_long_says_so_and_others_wait(bench, monkeypatch):
    bench.say("1003")
    given = seed(bench)
    slowly(bench, monkeypatch)
    seen = len(bench.tester.messages)
    bench.tester.ask(b"\x27\x02" + by_owner(given, command.DIAGNOSE), bench.now_ms)
    begin = bench.now_ms
    bench.run(1_000)
    assert bench.say("22f190", 100) == "7f2221"
    assert bench.ask(b"\x3e\x80", 500) == []
    while bench.tester.messages[-1] != b"\x67\x02":
        bench.run(100)
        assert bench.now_ms - begin < 20_000
    found = [message.hex() for message in bench.tester.messages[seen:]]
    assert sorted(set(found)) == ["6702", "7f2221", "7f2778"]
    # Within P2, and again before P2* is over.
    assert found.count("7f2778") == 1 + (bench.now_ms - begin - 30) // 2_500
    assert bench.say("22f186") == "62f18603", "the session lives while it is busy"


@pytest.mark.parametrize("by_tester_first", [True, False])
def test_presentations_of_two_paths_are_not_mixed(bench, monkeypatch, by_tester_first):
    bench.say("1003")
    given = seed(bench)
    other = by_owner(bench.gateway.challenges[-1][0], command.LOCK, signer=STRANGER)
    slowly(bench, monkeypatch)
    if by_tester_first:
        bench.tester.ask(b"\x27\x02" + by_owner(given, command.DIAGNOSE), bench.now_ms)
        bench.run(1_000)
    bench.gateway.request(link.pack(link.PRESENTATION, other))
    bench.run(1_000)
    if not by_tester_first:
        assert show(bench, by_owner(given, command.DIAGNOSE)) == ["7f2721"]
    bench.run(18_000)
    opened = bench.vcu.diagnosis.left_ms(bench.now_ms) > 0
    codes = [body[1] for body in bench.kinds(record.REFUSAL)]
    assert opened == by_tester_first
    assert codes == [refusal.BUSY if by_tester_first else refusal.SIGNATURE]
    assert bench.tester.messages[-1].hex() == ("6702" if by_tester_first else "7f2721")


def test_a_vehicle_without_an_owner_gives_no_seed(tmp_path):
    bench = DiagnosisBench(f"{tmp_path}/")
    bench.run(1_500)
    bench.say("1003")
    assert bench.say("2701") == "7f2722" and bench.say("270200") == "7f2722"
    assert bench.say("22f190")[:2] in ("62", "7f")


def test_the_self_test_beside_the_application(bench, monkeypatch):
    def no_pin(name):
        raise ValueError(name)

    machine = SimpleNamespace(Pin=no_pin, ADC=no_pin)
    monkeypatch.setitem(sys.modules, "machine", machine)
    from vcu import start

    monkeypatch.setattr(start, "machine", machine)  # another test may have loaded it before
    open_diagnosis(bench)
    answer = bytes.fromhex(bench.say("31010201"))
    assert answer[:4].hex() == "71010201" and len(answer) % 6 == 4
    steps = {answer[at]: answer[at + 1] for at in range(4, len(answer), 6)}
    from vcu import selftest

    assert steps[selftest.IDENTITY] == selftest.PASS and steps[selftest.BUS] == selftest.PASS
    assert steps[selftest.SUPPLY] == selftest.ABSENT
    assert bench.say("31030201") == "71030201" + answer[4:].hex()
    bench.speed(2_000)
    bench.run(200)
    assert bench.say("31010201") == "7f3122"


def test_a_reset_is_for_who_was_let_in_and_stands(bench):
    open_diagnosis(bench)
    desk = bench.vcu.diagnosis.desk
    bench.speed(2_000)
    bench.run(200)
    assert bench.say("1101") == "7f1122" and not desk.wants_reset(bench.now_ms + 10_000)
    bench.stop(2_000)
    bench.run(1_000)
    bench.say("1003")
    assert bench.say("1101") == "5101"
    assert not desk.wants_reset(bench.now_ms)
    bench.speed(2_000)  # somebody pushes it: forgotten
    bench.run(600)
    assert not desk.wants_reset(bench.now_ms)
    bench.stop(2_000)
    bench.run(1_000)
    assert not desk.wants_reset(bench.now_ms)
    bench.say("1003")
    assert bench.say("1181") == ""
    assert desk.wants_reset(bench.now_ms + 600)


def test_without_memory_it_is_silent_and_comes_back(bench, monkeypatch):
    from vcu.uds import desk

    def full(self):
        raise MemoryError
        yield

    with monkeypatch.context() as without:
        without.setattr(desk.Desk, "_load_server", full)
        assert bench.say("3e00") == ""
    assert bench.say("3e00") == ""
    bench.run(61_000)
    assert bench.say("3e00") == "7e00"
    assert sum(cycle.missed for cycle in bench.vcu.cycles) == 0
