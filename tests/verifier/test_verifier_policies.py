"""`trifleet_verify.py` and the package judge every policy, and every cosignature, alike."""

import base64
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from verifier_tools import (
    CHANGES,
    LOG,
    ORIGIN,
    POLICY,
    QUORUM,
    WITNESSES,
    Parts,
    agree,
    changed,
    cosign,
)

from fleet_backend.ledger.checkpoint import Checkpoint
from fleet_backend.ledger.verifier import COSIGNATURE, MLDSA44_COSIGNATURE, Verifier

GOOD = Parts()
COSIGNED = replace(GOOD, cosigners=(0, 3)).proof_file()


@pytest.mark.parametrize(
    "cosigners", [(), (0,), (3,), (0, 1), (1, 3), (0, 1, 2, 3), (0, 0), (3, 3)]
)
def test_quorums(cosigners):
    parts = replace(GOOD, cosigners=cosigners)
    assert agree(parts.proof_file(), QUORUM) == (len(set(cosigners)) >= 2)
    assert agree(parts.proof_file(), POLICY)
    assert not agree(parts.cose_receipt(), QUORUM)


@settings(max_examples=150, deadline=None)
@given(CHANGES)
def test_changed_files_with_cosignatures(changes):
    agree(changed(COSIGNED, changes), QUORUM)


@settings(max_examples=150, deadline=None)
@given(CHANGES)
def test_changed_signature_lines(changes):
    data = COSIGNED
    at = data.rindex(b"\n\n") + 2
    agree(data[:at] + changed(data[at:], changes), QUORUM)


TEXT = Checkpoint(ORIGIN, 7, GOOD.path[1]).text


def restamped(line: str) -> str:
    """The signature of one time beside another time."""
    name, _, encoded = line.rpartition(" ")
    blob = bytearray(base64.b64decode(encoded))
    blob[11] ^= 1  # the last byte of the time, behind the key's id
    return f"{name} {base64.b64encode(blob).decode()}\n"


W0_ID = WITNESSES[0].key_id.to_bytes(4, "big")
LINES = {
    "of another text": cosign(TEXT + b"x", 0),
    "of ML-DSA": cosign(TEXT, 3),
    "of ML-DSA at another time": restamped(cosign(TEXT, 3, 5)),
    "of ML-DSA over another root": cosign(Checkpoint(ORIGIN, 7, bytes(32)).text, 3),
    "of ML-DSA over another size": cosign(Checkpoint(ORIGIN, 8, GOOD.path[1]).text, 3),
    "of ML-DSA over another origin": cosign(Checkpoint("x", 7, GOOD.path[1]).text, 3),
    "of ML-DSA, too late": cosign(TEXT, 3, 1 << 63),
    "of an unknown name": cosign(TEXT, 0).replace("w0.example", "w9.example"),
    "too late a time": cosign(TEXT, 0, (1 << 63) - 1),
    "an impossible time": cosign(TEXT, 0, 1 << 63),
    "twice": cosign(TEXT, 0) * 2,
    "short": f"— w0.example {base64.b64encode(W0_ID + b'x').decode()}\n",
    "an id without a signature": "— w9.example AAAAAA==\n",
    "an id and one byte": "— w9.example AAAAAAA=\n",
    "three bytes": "— w9.example AAAA\n",
    "a tab in an unknown name": "— w9\t.example AAAAAAA=\n",
    "two spaces": cosign(TEXT, 0).replace("— ", "—  "),
    "a hyphen": cosign(TEXT, 0).replace("—", "-"),
    "a plus": cosign(TEXT, 0).replace("w0", "w+0"),
    "a no-break space": cosign(TEXT, 0).replace("w0", "w\u00a00"),
    "a trailing space": cosign(TEXT, 0).replace("\n", " \n"),
    "an empty line": "\n",
    "no newline": cosign(TEXT, 0)[:-1],
    "64 lines": cosign(TEXT, 0) * 61,
    "65 lines": cosign(TEXT, 0) * 62,
    "stray bits": cosign(TEXT, 0).replace("=\n", "\n"),
}


GOOD_LINES = {
    "an id and one byte",
    "of an unknown name",
    "of ML-DSA",
    "too late a time",
    "twice",
    "64 lines",
}


@pytest.mark.parametrize("case", LINES)
def test_signature_lines(case):
    data = replace(GOOD, cosigners=(1, 2)).proof_file()
    accepted = agree(data + LINES[case].encode(), QUORUM)
    assert accepted == (case in GOOD_LINES)
    agree(data + LINES[case].encode(), POLICY)


@settings(max_examples=250, deadline=None)
@given(CHANGES)
def test_changed_policies(changes):
    agree(COSIGNED, changed(QUORUM, changes))


def named(name: str) -> str:
    """Any ML-DSA-44 key under any name."""
    return Verifier(name, MLDSA44_COSIGNATURE, bytes(1312)).vkey


WORDS = st.sampled_from(
    [
        "log",
        "witness",
        "group",
        "quorum",
        "none",
        "all",
        "any",
        "1",
        "2",
        "3",
        "02",
        "A",
        "B",
        "C",
        "#",
    ]
    + [
        LOG.verifier.vkey,
        *(key.vkey for key in WITNESSES),
        "https://log.example/",
        "\u00a0",
        "",
        "\x0b",
    ]
)
TWIN = replace(WITNESSES[3], name="l")
POLICIES = {
    "of many lines": QUORUM + b"# more\n" * 20_000,
    "just large enough": QUORUM + b"#" * (262_143 - len(QUORUM)) + b"\n",
    "too large": QUORUM + b"#" * (262_144 - len(QUORUM)) + b"\n",
    "the log's key for a witness": QUORUM.replace(
        WITNESSES[0].vkey.encode(), LOG.verifier.vkey.encode()
    ),
    "a witness's key for the log": QUORUM.replace(
        LOG.verifier.vkey.encode(), WITNESSES[0].vkey.encode()
    ),
    "one key under two names": QUORUM.replace(
        WITNESSES[1].vkey.encode(), WITNESSES[0].vkey.encode()
    ),
    "a key of 4,096 characters": QUORUM + b"witness L " + named("n" * 2_334).encode() + b"\n",
    "a key of 4,097 characters": QUORUM + b"witness L " + named("n" * 2_335).encode() + b"\n",
    "an ML-DSA key under two names": QUORUM + f"witness L {TWIN.vkey}\n".encode(),
    "a key with another id": QUORUM.replace(b"w0.example+", b"w9.example+"),
    "a short key": QUORUM + f"witness L {Verifier('l', COSIGNATURE, bytes(31)).vkey}\n".encode(),
    "a key of another type": QUORUM + f"witness L {Verifier('l', 2, bytes(32)).vkey}\n".encode(),
    "an empty key": QUORUM + b"witness L l+00000000+\n",
    "a log that is no log": QUORUM + b"log " + named("l").encode() + b"\n",
    "a second log": QUORUM + f"log {Verifier('l', 1, bytes(32)).vkey}\n".encode(),
    "a name twice": QUORUM + b"witness W0 " + named("l").encode() + b"\n",
    "a group's name twice": QUORUM + b"group W0 any both\n",
    "named none": QUORUM + b"witness none " + named("l").encode() + b"\n",
    "a group named none": QUORUM + b"group none any both\n",
    "none as a member": QUORUM + b"group G 1 both none\n",
    "a member twice": QUORUM + b"group G 1 both both\n",
    "a member of two groups": QUORUM + b"group G any W0\n",
    "a member that is not there": QUORUM + b"group G any X\n",
    "no members": QUORUM + b"group G any\n",
    "all of none": QUORUM + b"group G all\n",
    "threshold 0": QUORUM + b"group G 0 both\n",
    "threshold 01": QUORUM + b"group G 01 both\n",
    "threshold 2 of 1": QUORUM + b"group G 2 both\n",
    "threshold in other digits": QUORUM + "group G \u0661 both\n".encode(),
    "a group of groups": QUORUM.replace(b"quorum", b"group G all both\nquorum"),
    "that group as the quorum": QUORUM.replace(b"quorum both", b"group G all both\nquorum G"),
    "a second quorum": QUORUM + b"quorum both\n",
    "a quorum of two": QUORUM.replace(b"quorum both", b"quorum both W0"),
    "a quorum that is not there": QUORUM.replace(b"quorum both", b"quorum X"),
    "a quorum above its group": b"quorum both\n" + QUORUM.replace(b"quorum both\n", b""),
    "a witness as the quorum": QUORUM.replace(b"quorum both", b"quorum W0"),
    "another witness as the quorum": QUORUM.replace(b"quorum both", b"quorum W1"),
    "no quorum": QUORUM.replace(b"quorum both\n", b""),
    "no log": QUORUM[QUORUM.index(b"witness") :],
    "tabs and spaces": QUORUM.replace(b" ", b" \t ").replace(b"\n", b" \n\t") + b"\n",
    "carriage returns": QUORUM.replace(b"\n", b"\r\n"),
    "vertical tab": QUORUM.replace(b"quorum", b"\x0bquorum"),
    "delete": QUORUM.replace(b"# two", b"# \x7f"),
    "opaque bytes": QUORUM.replace(b" W0 ", b" \xe2\xa0 "),
    "capitals": QUORUM.replace(b"quorum both", b"Quorum both"),
    "no last newline": QUORUM[:-1],
    "nothing": b"",
}
GOOD_POLICIES = {
    "of many lines", "just large enough", "a key of 4,096 characters", "a second log",
    "a group of groups", "that group as the quorum", "a witness as the quorum", "tabs and spaces",
    "opaque bytes",
}  # fmt: skip


@pytest.mark.parametrize("case", POLICIES)
def test_policies(case):
    assert agree(COSIGNED, POLICIES[case]) == (case in GOOD_POLICIES)


def test_two_keys_with_one_name_and_id():
    """Four bytes of id: among 2^17 keys of one name two share theirs, and hide each other."""
    seen: dict[int, Verifier] = {}
    for number in range(1 << 20):
        key = Verifier("twin.example", COSIGNATURE, number.to_bytes(32, "big"))
        other = seen.setdefault(key.key_id, key)
        if other != key:
            break
    twins = f"witness T0 {key.vkey}\nwitness T1 {other.vkey}\n".encode()
    assert not agree(COSIGNED, QUORUM + twins)
    assert agree(COSIGNED, QUORUM + twins[: twins.index(b"\n") + 1])
    assert agree(GOOD.cose_receipt(), POLICY + twins)


SOME_LINES = st.lists(st.lists(WORDS, max_size=6).map(" ".join), max_size=9)
KNOWN_LINES = st.lists(st.sampled_from(QUORUM.decode().splitlines()), max_size=8)


@settings(max_examples=250, deadline=None)
@given(st.tuples(KNOWN_LINES, SOME_LINES, KNOWN_LINES), st.sampled_from(["\n", "", "\r\n"]))
def test_policies_of_any_lines(lines, end):
    agree(COSIGNED, ("\n".join(itertools.chain(*lines)) + end).encode())
