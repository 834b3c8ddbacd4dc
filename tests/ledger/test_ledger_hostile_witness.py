"""One witness of four that does what it likes: the log goes on without it, and unharmed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_tools import SIGNER, entries_of, new_log, open_log
from witness_stand import TIME_S, StandInWitness, policy_of

from fleet_backend.ledger.addcheckpoint import parse_request
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.errors import WitnessError
from fleet_backend.ledger.note import MAX_SIGNATURES, parse_note
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.publisher import Publisher, PublisherSettings
from fleet_backend.ledger.quorum import QuorumSettings
from fleet_backend.ledger.witnessclient import WitnessClient

QUICK = PublisherSettings(quorum=QuorumSettings(limit_s=5, grace_s=0.2))


@pytest.fixture
def witnesses() -> Iterator[list[StandInWitness]]:
    four = [StandInWitness(number) for number in range(1, 5)]
    yield four
    for one in four:
        one.stop()


def text_of(body: bytes) -> bytes:
    return parse_note(parse_request(body).note).text


@pytest.mark.parametrize("count", [2, 70, 300])
def test_a_witness_that_cosigns_many_times_counts_once_and_takes_nobodys_room(
    tmp_path, witnesses, count
):
    """Every line of it is good, each of another second: a note has room for 64 lines."""
    liar = witnesses[0]

    def many(body):
        times = range(TIME_S, TIME_S + count)
        lines = [liar.cosigners[0].cosign(text_of(body), time_s) + "\n" for time_s in times]
        return 200, "text/plain", "".join(lines).encode()

    liar.misbehave = many
    policy = policy_of(witnesses, 3)
    new_log(tmp_path / "log").close()
    with ExitStack() as ends, open_log(tmp_path / "log", policy) as writer:
        publisher = Publisher(writer, policy, QUICK)
        ends.callback(publisher.close)
        writer.append(entries_of(5))
        assert publisher.step()
        assert policy.open_checkpoint(writer.published.note).size == 5
        names = [line.name for line in parse_note(writer.published.note).signatures]
        assert len(set(names)) == len(names) > 3


def test_more_keys_than_a_note_has_room_for_are_met_by_those_that_came_first(tmp_path, witnesses):
    one = witnesses[0]
    one.cosigners = [
        Cosigner(f"witness.example/{n}", Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32))
        for n in range(1, MAX_SIGNATURES + 8)
    ]
    lines = [
        f"witness w{at} {each.verifier.vkey} {one.url}" for at, each in enumerate(one.cosigners)
    ]
    names = " ".join(f"w{at}" for at in range(len(lines)))
    group = f"group most 50 {names}"
    text = "\n".join([f"log {SIGNER.verifier.vkey}", *lines, group, "quorum most", ""])
    policy = parse_policy(text.encode())
    new_log(tmp_path / "log").close()
    with ExitStack() as ends, open_log(tmp_path / "log", policy) as writer:
        publisher = Publisher(writer, policy, QUICK)
        ends.callback(publisher.close)
        writer.append(entries_of(5))
        assert publisher.step()
        assert len(parse_note(writer.published.note).signatures) == MAX_SIGNATURES


def test_an_answer_that_drips_for_ever_is_given_up(tmp_path):
    """Without a length the connection gives its socket away: nobody else could end it."""
    enough = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
            for _ in range(600):
                connection.sendall(b"x")
                if enough.wait(0.02):
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener, new_log(tmp_path) as writer:
        server = threading.Thread(target=drip, args=(listener,))
        server.start()
        key = Cosigner("witness.example/1", Ed25519PrivateKey.generate()).verifier
        client = WitnessClient(f"http://127.0.0.1:{listener.getsockname()[1]}", (key,), 1.0)
        try:
            with pytest.raises(WitnessError, match="longer than"):
                client.cosign(writer.checkpoint, lambda _: [])
        finally:
            enough.set()
            server.join()
            client.close()
