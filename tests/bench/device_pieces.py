# Runs in MicroPython: `VECTORS CASE=N ...` does one piece of the vehicle's work N times, after 0
# times: what stands around the pieces is subtracted. Instructions are counted from outside, between
# calls of os.putenv.
import gc
import json
import os
import sys

from vcu import deposits, panel, safety

from protocol import access, challenge, codes, grant, mac, record, rsa

VECTORS = sys.argv[1]


def presentation(name):
    with open(VECTORS + "/access/" + name + ".json") as stream:
        return json.load(stream)["input"]


class Check:
    """The gate with one presentation: direct has two signatures, delegated three."""

    def __init__(self, name):
        given = presentation(name)
        vehicle = given["vehicle"]
        self.data = bytes.fromhex(given["presentations"][0]["data"])
        self.spent = bytes.fromhex(given["challenges"][0])
        self.clock = access.Clock(given["now"], True)
        self.authority = access.Authority(
            vehicle["id"], bytes.fromhex(vehicle["owner"]), vehicle["generation"], 0, []
        )
        self.gate = None

    def forget(self):
        self.gate = access.Gate(self.authority, challenge.Challenges(lambda size: self.spent))

    def steps(self):
        self.gate.challenges.give(0, challenge.ONLINE_LIFE_MS)
        return self.gate.check_steps(self.data, 0, self.clock)


def unlock(name, times):
    check = Check(name)
    check.forget()
    for _ in range(times):
        check.forget()
        rsa.run(check.steps())


def unlock_known(times):
    check = Check("direct")
    check.forget()
    rsa.run(check.steps())
    for _ in range(times):
        rsa.run(check.steps())


def piece(number, times):
    # The check up to its piece `number`, and one further where `times` is 1.
    check = Check("direct")
    check.forget()
    steps = check.steps()
    for _ in range(number + times):
        next(steps, None)


def safety_steps(times):
    state = safety.start(0)
    # A ride with everything that costs: moving, limping, a curve, a reversal asked for.
    given = safety.Inputs(None, 0, 5_000, 5_000, (1, 1, 2, 1, 1), True, 1, 1, 6_000, 12, 5_000, 1)
    state, _ = safety.step(state, safety.Inputs(safety.RESUME, *given[1:]), 20)
    for _ in range(times):
        state, _ = safety.step(state, given, 20)


def seal(times):
    tag = mac.Hmac(bytes(range(32))).tag
    body = {0: 8_000, 1: 123_456, 2: 52_000, 3: 120, 4: 800, 5: -349_011_000, 6: -561_645_000}
    for number in range(times):
        made = record.Record("tf-0001", 7, number, 123_456, 1_893_456_000, record.TELEMETRY, body)
        record.encode(made, tag)


def collect(times):
    # With the heap of a vehicle in use: 60 kB of small objects, as many as the firmware's.
    held = [(number, str(number)) for number in range(400)]
    gc.collect()
    for _ in range(times):
        gc.collect()
    return held


def code_piece(number, times):
    # Of the stretching of a typed code: up to piece `number`, and one further where `times` is 1.
    steps = codes.stretch_steps(bytes(16), b"0123456789012345")
    for _ in range(number + times):
        next(steps)


def code_store(times):
    # A full store, read and written as for each code that is entered.
    sixteen = [bytes((i,)) * 16 for i in range(4)]
    times_of = (100, 2_000_000_000)
    items = [
        deposits.Deposit(
            sixteen[:2] + [name], name, *times_of, 1, grant.CODE_ACTIONS, {0: 9, 1: 9}, sixteen
        )
        for name in sixteen
    ]
    data = deposits.encode_deposits(deposits.Deposits(bytes(32), 0, items))
    for _ in range(times):
        deposits.encode_deposits(deposits.decode_deposits(data, bytes(32)))


def panel_show(times):
    seen = panel.Seen(2, 1, 12, 255, 1_700, 40, False, 2, 20, 1, 9, 60, False)
    for _ in range(times):
        panel.show(seen)


CASES = {
    "empty": lambda times: None,
    "unlock_two_signatures": lambda times: unlock("direct", times),
    "unlock_three_signatures": lambda times: unlock("delegated", times),
    "unlock_known_grant": unlock_known,
    "safety_step": safety_steps,
    "piece_read": lambda times: piece(0, times),
    "piece_grant": lambda times: piece(1, times),
    "piece_command": lambda times: piece(2, times),
    "piece_claims": lambda times: piece(3, times),
    "piece_square": lambda times: piece(5, times),
    "piece_compare": lambda times: piece(21, times),
    "seal_record": seal,
    "collect": collect,
    "piece_code": lambda times: code_piece(3, times),
    "code_store": code_store,
    "panel_show": panel_show,
}

for word in sys.argv[2:]:
    name, _, count = word.partition("=")
    if name not in CASES:  # last, and loaded then: a fuller heap makes the others dearer
        part = __import__("device_pieces_update" if "update" in name else "device_pieces_uds")
        CASES.update(part.CASES)
    for times in (0, int(count)):
        gc.collect()
        os.putenv("PIECE", name)
        CASES[name](times)
        os.putenv("PIECE", "")
