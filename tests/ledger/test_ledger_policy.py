"""Trust policies: what is read, what is refused with its line, and which quorums are met."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_tools import ORIGIN, SIGNER
from test_ledger_notes import cosign

from fleet_backend.ledger.checkpoint import Checkpoint, sign_checkpoint
from fleet_backend.ledger.errors import CheckpointError, NoteError, PolicyError
from fleet_backend.ledger.note import encode_base64
from fleet_backend.ledger.policy import parse_policy

LOG = f"log {SIGNER.verifier.vkey}\n"
SIGNED = sign_checkpoint(Checkpoint(ORIGIN, 7, bytes(range(32))), SIGNER)
WITNESSES = [
    cosign(SIGNED.text, Ed25519PrivateKey.from_private_bytes(bytes([9, n] * 16)), f"w{n}.ex", n + 1)
    for n in range(6)
]
WITNESS_LINES = "".join(
    f"witness {name} {key.vkey}\n"
    for name, (key, _) in zip(("X1", "X2", "X3", "Y1", "Y2", "Y3"), WITNESSES, strict=True)
)
# The two-level example of the specification.
NESTED = LOG + (
    f"# a comment\n\n{WITNESS_LINES}group X-witnesses 2 X1 X2 X3\n"
    "\t group\tY-witnesses  any Y1 Y2 Y3 \ngroup X-and-Y all X-witnesses Y-witnesses\n"
    "quorum X-and-Y\n"
)


def cosigned(*numbers: int) -> bytes:
    return SIGNED.note + b"".join(WITNESSES[number][1] for number in numbers)


def test_without_a_quorum_the_log_key_is_enough():
    policy = parse_policy((LOG + "quorum none\n").encode())
    opened = policy.open_checkpoint(cosigned())
    assert (opened.origin, opened.size, opened.cosigners) == (ORIGIN, 7, frozenset())


@pytest.mark.parametrize("met", [(0, 1, 3), (0, 2, 5), (1, 2, 4), (0, 1, 2, 3, 4, 5)])
def test_nested_quorum_is_met(met):
    opened = parse_policy(NESTED.encode()).open_checkpoint(cosigned(*met))
    assert opened.cosigners == {WITNESSES[number][0] for number in met}


@pytest.mark.parametrize("short", [(), (0, 1), (0, 3), (3, 4, 5), (0, 0, 3), (1, 1, 1, 4)])
def test_nested_quorum_is_not_met(short):
    with pytest.raises(PolicyError, match="not cosigned"):
        parse_policy(NESTED.encode()).open_checkpoint(cosigned(*short))


def test_a_single_witness_may_be_the_quorum():
    policy = parse_policy((LOG + WITNESS_LINES + "quorum X2\n").encode())
    assert policy.open_checkpoint(cosigned(1)).size == 7
    with pytest.raises(PolicyError):
        policy.open_checkpoint(cosigned(0))


def test_a_cosignature_over_another_checkpoint_ends_the_note():
    key = Ed25519PrivateKey.from_private_bytes(bytes([9, 0] * 16))
    _, line = cosign(b"another\n", key, "w0.ex", 5)
    with pytest.raises(NoteError, match="does not verify"):
        parse_policy(NESTED.encode()).open_checkpoint(cosigned(1, 2, 3) + line)


def test_witnesses_do_not_stand_in_for_the_log():
    note = SIGNED.text + b"\n" + WITNESSES[0][1] + WITNESSES[1][1] + WITNESSES[3][1]
    with pytest.raises(CheckpointError):
        parse_policy(NESTED.encode()).open_checkpoint(note)


def test_a_policy_without_a_log_opens_nothing():
    with pytest.raises(PolicyError, match="no log"):
        parse_policy(b"quorum none\n").open_checkpoint(SIGNED.note)


def test_urls_are_read_and_names_are_opaque():
    lines = LOG.replace("\n", " https://log.example/\n") + WITNESS_LINES
    lines = lines.replace("witness X1", "witness \N{KELVIN SIGN}")
    policy = parse_policy((lines + "group K any \N{KELVIN SIGN}\nquorum K\n").encode())
    assert policy.open_checkpoint(cosigned(0)).size == 7
    raw = (
        (lines + "group K any X2\nquorum K\n").encode().replace("\N{KELVIN SIGN}".encode(), b"\xe2")
    )
    assert parse_policy(raw).quorum == "K"


UNKNOWN_KIND = encode_base64(b"\x05" + bytes(32))
X1 = WITNESSES[0][0].vkey
BAD_POLICIES = {
    "no quorum": LOG,
    "two quorums": LOG + "quorum none\nquorum none\n",
    "unknown line": LOG + "monitor x\nquorum none\n",
    "keyword in capitals": LOG.replace("log", "Log", 1) + "quorum none\n",
    "quorum before its name": LOG + f"quorum X1\nwitness X1 {X1}\n",
    "quorum of two": LOG + WITNESS_LINES + "quorum X1 X2\n",
    "group before its member": LOG + f"group G any X1\nwitness X1 {X1}\nquorum G\n",
    "group of itself": LOG + "group G any G\nquorum G\n",
    "group of none": LOG + "group G any none\nquorum G\n",
    "group of nobody": LOG + "group G all\nquorum G\n",
    "threshold 0": LOG + WITNESS_LINES + "group G 0 X1 X2\nquorum G\n",
    "threshold above": LOG + WITNESS_LINES + "group G 3 X1 X2\nquorum G\n",
    "threshold with a zero": LOG + WITNESS_LINES + "group G 02 X1 X2\nquorum G\n",
    "threshold in other digits": LOG + WITNESS_LINES + "group G \u0662 X1 X2\nquorum G\n",
    "member twice": LOG + WITNESS_LINES + "group G 2 X1 X1\nquorum G\n",
    "member of two groups": LOG + WITNESS_LINES + "group G any X1\ngroup H all G X1\nquorum H\n",
    "name twice": LOG + WITNESS_LINES + "group X1 any X2\nquorum X1\n",
    "name none": LOG + f"witness none {X1}\nquorum none\n",
    "one key, two witnesses": LOG + f"witness A {X1}\nwitness B {X1}\nquorum none\n",
    "one log twice": LOG + LOG + "quorum none\n",
    "witness key as log": f"log {X1}\nquorum none\n",
    "log key as witness": LOG + f"witness A {SIGNER.verifier.vkey}\nquorum none\n",
    "what is not built": LOG + f"witness A a.ex+00000000+{UNKNOWN_KIND}\nquorum none\n",
    "no key": "log\nquorum none\n",
    "too much": LOG.replace("\n", " url more\n") + "quorum none\n",
    "carriage return": (LOG + "quorum none\n").replace("\n", "\r\n"),
    "no newline": LOG + "quorum none",
    "empty": "",
}


@pytest.mark.parametrize("case", BAD_POLICIES)
def test_malformed_policies_are_refused(case):
    with pytest.raises(PolicyError):
        parse_policy(BAD_POLICIES[case].encode())


def test_what_is_not_built_is_refused_by_name_and_line():
    with pytest.raises(PolicyError, match=r"line 2: .*0x05"):
        parse_policy(BAD_POLICIES["what is not built"].encode())


def test_a_key_name_outside_utf8_is_refused():
    with pytest.raises(PolicyError):
        parse_policy(b"log \xff+00000000+AQ==\nquorum none\n")


def test_thousands_of_nested_groups_do_not_recurse():
    lines = [LOG, f"witness g0 {X1}\n"]
    lines += [f"group g{n} any g{n - 1}\n" for n in range(1, 2500)]
    policy = parse_policy("".join([*lines, "quorum g2499\n"]).encode())
    assert policy.open_checkpoint(cosigned(0)).size == 7
