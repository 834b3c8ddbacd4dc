"""The firmware in MicroPython, compiled as it is flashed and with the board's heap: real keys,
whole frames. CPython plays the same scenario and must agree in every record and every frame."""

import json

import pytest
from board_fakes import challenge
from on_micropython import MICROPYTHON, build, on_board, on_cpython
from signer import OWNER, STRANGER, by_booking, by_owner, by_rider
from vcu_bench import NOW_S, identity

from protocol import command, grant, link, record, refusal

# The bench around the firmware takes the rest; the board has 192k.
HEAP = 256 * 1024

pytestmark = pytest.mark.skipif(not MICROPYTHON.exists(), reason="no MicroPython here")


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    return build(tmp_path_factory.mktemp("image"))


@pytest.fixture
def play(tmp_path, image):
    """Plays on both interpreters; returns what MicroPython printed, by the first word."""

    def prepare(name, steps):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "identity").write_bytes(identity(OWNER.thumbprint))
        (folder / "steps").write_text("".join(json.dumps(step) + "\n" for step in on_disk(steps)))
        return f"{folder}/", folder / "steps"

    def on_disk(steps):
        for number, (name, *arguments) in enumerate(steps):
            if name in ("present", "request"):
                path = tmp_path / str(number)
                path.write_bytes(arguments[0])
                arguments = [str(path)]
            yield [name, *arguments]

    def play_both(steps):
        there = on_board(image, HEAP, "scenario.py", *prepare("board", steps))
        here = on_cpython("scenario.py", *prepare("here", steps))
        assert [item for item in there if item[0] != "heap"] == here
        return there

    return play_both


def results(outcome):
    """("ANSWER", outcome) and ("REFUSAL", code), in order."""
    wanted = {record.ANSWER: 3, record.REFUSAL: 1}
    return [
        (record.KINDS[item[2]], dict(item[3])[wanted[item[2]]])
        for item in outcome
        if item[0] == "record" and item[2] in wanted
    ]


def enables(outcome):
    return [dict(item[2])["Enable"] for item in outcome if item[0] == "drive"]


def present(asked):
    return ["present", asked]


def test_ride_of_a_booking(play):
    limits = {grant.MAX_SPEED_MMPS: 5000}
    outcome = play(
        [
            present(by_booking(challenge(0), limits=limits)),
            ["inputs", 1, 1, 1],
            ["run", 200],
            ["inputs", 1, 0, 1],
            ["speed", 4000],
            ["run", 2500],
            present(by_booking(challenge(1), command.LOCK, limits=limits)),
            ["run", 500],
            ["stop", 4000],
            ["run", 1000],
        ]
    )
    assert results(outcome) == [("ANSWER", record.DONE), ("ANSWER", record.PENDING)]
    assert any(enables(outcome)) and not enables(outcome)[-1]
    records = [item for item in outcome if item[0] == "record"]
    assert [item[1][1] for item in records] == list(range(len(records)))


def test_attacks(play):
    """Each is refused for its reason while somebody holds key, brake and gear: never an Enable."""
    attacks = [
        (by_owner(bytes(16)), refusal.CHALLENGE),
        (by_owner(challenge(0), signer=STRANGER), refusal.SIGNATURE),
        (by_owner(challenge(0)), refusal.CHALLENGE),
        (by_rider(challenge(1), not_after=NOW_S - 1), refusal.EXPIRED),
        (by_booking(challenge(2), not_before=NOW_S - 999), refusal.WIDENED),
        (by_rider(challenge(3), vehicle="tf-0002"), refusal.VEHICLE),
        (by_booking(challenge(4), rider=STRANGER), refusal.SIGNATURE),
        (by_rider(challenge(5), command.TRANSFER, {0: bytes(32)}), refusal.ACTION),
        (bytes(range(100)), refusal.MALFORMED),
        # Decodes into more objects than the heap holds.
        (b"\x83\x99\x0f\xf0" + b"\x80" * 4080, refusal.MALFORMED),
    ]
    outcome = play([["inputs", 1, 1, 1]] + [present(asked) for asked, _ in attacks])
    assert results(outcome) == [("REFUSAL", code) for _, code in attacks]
    assert not any(enables(outcome))


def test_what_fills_the_heap_does_not_end_a_ride(play):
    """Of each kind of message, one that decodes into more objects than the heap holds."""
    many = b"\x99\x0f\xf0" + b"\x80" * 4080
    kinds = (link.PRESENTATION, link.STORED, link.HELLO_REQUEST, 9)
    outcome = play(
        [
            present(by_booking(challenge(0))),
            ["inputs", 1, 1, 1],
            ["run", 200],
            ["inputs", 1, 0, 1],
            ["speed", 4000],
            ["run", 1000],
            *(["request", link.pack(kind, many)] for kind in kinds),
            ["run", 1000],
        ]
    )
    assert results(outcome)[0] == ("ANSWER", record.DONE)
    assert all(enables(outcome)[enables(outcome).index(1) :])
    assert [item[0] for item in outcome].count("frames") == 1


def test_heap_after_twenty_unlocks(play):
    steps = [["heap"]]
    for i in range(20):
        steps += [
            present(by_booking(challenge(2 * i))),
            present(by_booking(challenge(2 * i + 1), command.LOCK)),
        ]
    outcome = play([*steps, ["heap"]])
    assert results(outcome) == [("ANSWER", record.DONE)] * 40
    (_, before, _), (_, after, free) = [item for item in outcome if item[0] == "heap"]
    print(f"heap in use after start {before}, after 20 unlocks {after}, then free {free} bytes")
    # Challenges and grants seen are bounded; what a session needs is given back.
    assert after - before < 8_000
