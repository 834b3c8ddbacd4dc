"""Four witnesses, quorum three, one lies: two readers never accept different roots."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from ledger_tools import ORIGIN, SIGNER
from witness_server import Server, made
from witness_tools import HONEST, MemoryLog, cosigners, fork, make_witness

from fleet_backend.ledger.checkpoint import SignedCheckpoint
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.errors import PolicyError
from fleet_backend.ledger.evidence import find_contradiction, verify_evidence
from fleet_backend.ledger.note import Verifier, add_signatures
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.policysafety import warnings
from fleet_backend.witness.setup import policy_lines

LYING = fork(3)
VIEWS = (HONEST, LYING)  # the log keeps two histories under one key
Ask = Callable[[bytes], tuple[int, bytes]]


def policy(quorum: int, witnesses: list[tuple[Verifier, ...]]) -> Policy:
    """`quorum` of the witnesses, each with both of its keys."""
    lines = [f"log {SIGNER.verifier.vkey}"]
    names = [f"w{number}" for number in range(len(witnesses))]
    for name, keys in zip(names, witnesses, strict=True):
        lines += policy_lines(keys, name)
    lines += [f"group all-of-them {quorum} {' '.join(names)}", "quorum all-of-them", ""]
    return parse_policy("\n".join(lines).encode())


def liar(keys: tuple[Cosigner, ...], log: MemoryLog, size: int) -> list[str]:
    """A witness that cosigns whatever it is shown."""
    return [key.cosign(log.signed(size).text, 1_700_000_000) for key in keys]


def collect(ask: Ask, log: MemoryLog, size: int) -> list[str]:
    """What a log does to get a cosignature: begin where the witness says that it stands."""
    status, body = ask(log.body(0, size))
    if status == 409:
        old = int(body)
        if old > size:
            return []
        status, body = ask(log.body(old, size))
    return body.decode().splitlines() if status == 200 else []


def accepted(policy: Policy, note: bytes) -> SignedCheckpoint | None:
    """A reader."""
    try:
        return policy.open_checkpoint(note)
    except PolicyError:
        return None


def play(
    asks: list[Ask], bad: tuple[Cosigner, ...], order: tuple[int, ...], sizes: tuple[int, int]
):
    """Each witness is shown one view first, then the other. Returns both notes, cosigned."""
    notes = [log.note(size) for log, size in zip(VIEWS, sizes, strict=True)]
    for ask, first in zip(asks, order, strict=True):
        for view in (first, 1 - first):
            lines = collect(ask, VIEWS[view], sizes[view])
            notes[view] = add_signatures(notes[view], lines)
    return [
        add_signatures(note, liar(bad, log, size))
        for note, log, size in zip(notes, VIEWS, sizes, strict=True)
    ]


@pytest.mark.parametrize("order", list(product((0, 1), repeat=3)), ids=str)
@pytest.mark.parametrize("sizes", [(12, 12), (12, 17), (17, 12)], ids=str)
def test_whatever_the_log_shows_to_whom_and_when(tmp_path: Path, order, sizes):
    keys = [cosigners(number, f"w{number}.example") for number in range(1, 5)]
    witnesses = []
    for number, pair in enumerate(keys[:3]):
        folder = tmp_path / str(number)
        folder.mkdir()
        witnesses.append(make_witness(folder, pair))

    def asker(witness) -> Ask:
        def ask(body: bytes) -> tuple[int, bytes]:
            answer = witness.add_checkpoint(body)
            return answer.status, answer.body

        return ask

    notes = play(list(map(asker, witnesses)), keys[3], order, sizes)
    verifiers = [tuple(key.verifier for key in pair) for pair in keys]
    three_of_four = policy(3, verifiers)
    assert not warnings(three_of_four)
    readers = [accepted(three_of_four, note) for note in notes]
    assert sum(reader is not None for reader in readers) <= 1, order
    if len(set(order)) == 1:
        assert readers[order[0]] is not None  # one lies, but nothing is held up
    two_of_four = policy(2, verifiers)
    assert warnings(two_of_four)
    if set(order) == {0, 1}:  # the test can fail: what is warned about does happen
        assert all(accepted(two_of_four, note) for note in notes)
    # Both notes together convict the log, and the witness that signed both.
    one, other = (replace(log.signed(size), note=note)
                  for log, size, note in zip(VIEWS, sizes, notes, strict=True))  # fmt: skip
    small, large = sorted(sizes)
    larger = VIEWS[sizes.index(large)]
    found = find_contradiction(one, other, larger.proof(small, large))
    assert found is not None
    flat = tuple(key for pair in verifiers for key in pair)
    split = verify_evidence(bytes(found), (SIGNER.verifier,), flat)
    assert set(verifiers[3]) <= split.cosigned_both
    assert not set(flat[:6]) & split.cosigned_both
    for witness in witnesses:
        assert any(kept.is_complete for kept in witness.database.evidence()) or sizes != (12, 12)
        witness.database.close()


def test_over_http_with_three_real_witnesses(tmp_path: Path):
    bad = cosigners(4, "w4.example")
    with ExitStack() as stack:
        verifiers, asks = [], []
        for number in range(3):
            folder = tmp_path / f"w{number}"
            verifiers.append(made(folder, f"w{number}.example"))
            server = stack.enter_context(Server(folder))

            def ask(body: bytes, server: Server = server) -> tuple[int, bytes]:
                status, _, answer = server.add(body)
                return status, answer

            asks.append(ask)
        notes = play(asks, bad, (0, 1, 0), (12, 12))
        verifiers.append(tuple(key.verifier for key in bad))
        readers = [accepted(policy(3, verifiers), note) for note in notes]
        assert [reader is not None for reader in readers] == [True, False]
        assert readers[0] is not None
        assert (readers[0].origin, readers[0].root) == (ORIGIN, HONEST.root(12))
