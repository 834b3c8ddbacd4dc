"""Trouble codes: they come with a freeze frame, survive a restart, and go when who may says so."""

import os

import pytest
from signer import OWNER, by_owner
from uds_bench import DiagnosisBench
from vcu_bench import NOW_S, identity

from protocol import command, fault, record
from protocol.can_table import MESSAGES
from protocol.errors import DecodeError
from protocol.uds_table import TROUBLES

MC_SILENT, MC_REPORTS, BMS_SILENT = "c11087", "110200", "c11187"
PRESENT, THIS_START, PENDING, CONFIRMED, SINCE_CLEAR = 0x01, 0x02, 0x04, 0x08, 0x20
ALL = PRESENT | THIS_START | PENDING | CONFIRMED | SINCE_CLEAR


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "identity").write_bytes(identity(OWNER.thumbprint))
    return f"{tmp_path}/"


@pytest.fixture
def bench(folder):
    made = DiagnosisBench(folder)
    made.run(1_500)
    return made


def open_diagnosis(bench):
    bench.say("1003")
    given = bytes.fromhex(bench.say("2701"))[2:]
    assert bench.ask(b"\x27\x02" + by_owner(given, command.DIAGNOSE), 5_000)[-1] == b"\x67\x02"


def listed(bench, mask="ff"):
    """Code -> status byte."""
    answer = bytes.fromhex(bench.say("1902" + mask))
    assert answer[:3].hex() == "59022f"
    return {answer[at : at + 3].hex(): answer[at + 3] for at in range(3, len(answer), 4)}


def silence(bench):
    bench.nodes["MC_Heartbeat"].signals = None
    bench.run(3_500)


def speak(bench):
    bench.nodes["MC_Heartbeat"].signals = {"State": 2}
    bench.run(7_500)


def test_a_fault_is_a_trouble_code_with_what_was_known_then(bench):
    assert listed(bench) == {} and bench.say("1901ff") == "59012f010000"
    bench.speed(3_000)
    silence(bench)
    assert listed(bench) == {MC_SILENT: ALL} and bench.say("1901ff") == "59012f010001"
    frame = bytes.fromhex(bench.say(f"1904{MC_SILENT}01"))
    assert frame[:8].hex() == f"5904{MC_SILENT}{ALL:02x}0108"
    values, at = {}, 8
    for size in (2, 4, 4, 2, 2, 4, 4, 4):
        number = int.from_bytes(frame[at : at + 2], "big")
        values[number] = int.from_bytes(frame[at + 2 : at + 2 + size], "big")
        at += 2 + size
    assert at == len(frame)
    uptime, time = values.pop(0x0106), values.pop(0x0107)
    assert 2 <= uptime <= bench.now_ms // 1000 and NOW_S < time < NOW_S + 60
    assert 0 < values.pop(0x0102) + 1 < 20
    # The 12 V supply is not measured on this bench.
    assert values == {
        0x0101: 3_000, 0x0103: 52_000, 0x0104: 800, 0x0105: 0xFFFF, 0x0108: fault.SILENT,
    }  # fmt: skip
    assert bench.say(f"1906{MC_SILENT}ff") == f"5906{MC_SILENT}{ALL:02x}01010200"
    assert bench.say(f"1906{MC_SILENT}02") == f"5906{MC_SILENT}{ALL:02x}0200"
    assert bench.say(f"1904{BMS_SILENT}ff") == f"5904{BMS_SILENT}00"


def test_what_a_node_reports_of_itself_keeps_its_own_code(bench):
    bench.nodes["MC_Status2"].signals = {"MotorTemp_C": 31, "FaultCode": 0x1234}
    bench.run(2_500)
    assert listed(bench) == {MC_REPORTS: ALL}
    assert bench.say(f"1904{MC_REPORTS}ff").endswith("010800001234")


def test_it_stays_when_the_fault_is_gone_and_counts(bench):
    silence(bench)
    speak(bench)
    assert listed(bench) == {MC_SILENT: ALL & ~PRESENT}
    assert listed(bench, "01") == {} and listed(bench, "08") == {MC_SILENT: ALL & ~PRESENT}
    assert listed(bench, "50") == {}, "bits that it never sets"
    silence(bench)
    assert bench.say(f"1906{MC_SILENT}01")[-4:] == "0102"
    assert len(bytes.fromhex(bench.say("190a"))) == 3 + len(TROUBLES) // 7 * 4


def test_it_survives_restarts_and_is_no_news_after_two(folder, bench):
    silence(bench)
    frame = bench.say(f"1904{MC_SILENT}01")
    statuses = []
    for _ in range(3):
        bench = DiagnosisBench(folder)
        bench.run(3_000)
        statuses.append(listed(bench)[MC_SILENT])
    assert statuses == [PENDING | CONFIRMED | SINCE_CLEAR] + [CONFIRMED | SINCE_CLEAR] * 2
    assert bench.say(f"1904{MC_SILENT}01")[12:] == frame[12:]
    assert bench.say(f"1906{MC_SILENT}ff")[-8:] == "01010203"


def test_few_writes_however_often_it_comes(folder, bench, monkeypatch):
    from vcu.flash.pair import Pair

    saved = []
    save = Pair.save

    def counted(self, body):
        if self.name == "troubles":
            saved.append(bench.now_ms)
        save(self, body)

    monkeypatch.setattr(Pair, "save", counted)
    for _ in range(5):
        silence(bench)
        speak(bench)
    assert len(saved) == 1
    bench.nodes["MC_Status2"].signals = {"FaultCode": 1}
    bench.run(2_000)
    bench.nodes["BMS_Heartbeat"] = bench.nodes["MC_Heartbeat"]  # nothing that it knows
    bench.run(63_000)
    assert len(saved) == 2 and saved[1] - saved[0] >= 60_000
    assert sum(cycle.missed for cycle in bench.vcu.cycles) == 0


def test_clearing_is_for_who_was_let_in(folder, bench):
    silence(bench)
    speak(bench)
    assert bench.say("14ffffff") == "7f1433"
    open_diagnosis(bench)
    bench.speed(1_000)
    bench.run(200)
    assert bench.say("14ffffff") == "7f1422" and listed(bench)
    bench.stop(1_000)
    bench.run(1_000)
    assert bench.say(f"14{BMS_SILENT}") == "54" and listed(bench)
    assert bench.say(f"14{MC_SILENT}") == "54" and listed(bench) == {}
    again = DiagnosisBench(folder)
    again.run(1_500)
    assert listed(again) == {}


def test_what_is_still_there_comes_back_at_once(bench):
    silence(bench)
    open_diagnosis(bench)
    before = bench.say(f"1904{MC_SILENT}01")
    assert bench.say("14ffffff") == "54"
    bench.run(200)
    after = bench.say(f"1904{MC_SILENT}01")
    assert len(after) == len(before) and after != before  # another uptime
    assert bench.say(f"1906{MC_SILENT}01")[-4:] == "0101"


def test_a_flash_that_fails_loses_nothing_that_was_there(folder, bench, monkeypatch):
    silence(bench)
    open_diagnosis(bench)

    def full(self, body):
        raise OSError(28)

    with monkeypatch.context() as failing:
        failing.setattr("vcu.flash.pair.Pair.save", full)
        assert bench.say("14ffffff") == "7f1472"
        assert listed(bench) == {MC_SILENT: ALL}
        bench.nodes["MC_Status2"].signals = {"FaultCode": 7}
        bench.run(90_000)
    bench.run(70_000)  # again when there is room
    bench = DiagnosisBench(folder)
    bench.run(1_500)
    assert set(listed(bench)) == {MC_SILENT, MC_REPORTS}


def test_a_damaged_memory_is_an_empty_one(folder, bench):
    silence(bench)
    for name in ("troubles.a", "troubles.b"):
        assert os.stat(folder + name).st_size
        with open(folder + name, "r+b") as file:
            file.write(b"\xff\xff\xff\xff\x00")
    again = DiagnosisBench(folder)
    again.run(1_500)
    assert listed(again) == {}
    assert not again.kinds(record.FAULT)


def test_every_fault_of_the_vehicle_has_its_trouble_code():
    from vcu.uds import troubles

    nodes = {number for number in fault.NODES if f"{fault.NODES[number]}_Heartbeat" in MESSAGES}
    found = set()
    for code, name in fault.NAMES.items():
        for node in nodes - {1} if name == "SILENT" else {1}:
            found.add(troubles.number_of(node, code))
    for node in (2, 3):  # those whose FaultCode is read
        found |= {troubles.number_of(node, code) for code in (1, 0xFFFF)}
    assert 0 not in found and found == set(troubles.numbers())
    assert troubles.number_of(5, 9) == 0 and troubles.number_of(2, 0x1_FFFF) == 0


def test_the_document_is_read_strictly():
    from vcu.uds import troubles

    entries = {troubles.numbers()[0]: [7, 255, bytes(40)]}
    data = troubles.encode(entries)
    assert troubles.decode(data) == entries
    # Of an application that knew another code: left out, the others stay.
    assert troubles.decode(troubles.encode({**entries, 0x123456: [1, 1, b""]})) == entries
    for wrong in ({1 << 24: [1, 1, b""]}, {1: [1, 256, b""]}, {1: [1, 1, bytes(65)]}):
        with pytest.raises(DecodeError):
            troubles.decode(troubles.encode(wrong))
    for cut in range(len(data)):
        with pytest.raises(DecodeError):
            troubles.decode(data[:cut])
    whole = {number: [1 << 31, 255, bytes(64)] for number in troubles.numbers()}
    assert len(troubles.encode(whole)) <= troubles.MOST_BYTES
