"""Steps 5 and 6: the log asks its witnesses, publishes what they cosigned, waits for none."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from ledger_tools import KEY, ORIGIN, SIGNER, check_log, entries_of, new_log, open_log, reader_of
from witness_stand import TIME_S, StandInWitness, policy_of

from fleet_backend.ledger.checkpoint import open_checkpoint, sign_checkpoint
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.errors import (
    CheckpointError,
    ConfigError,
    LogCorruptError,
    NoteError,
    PolicyError,
    WitnessError,
)
from fleet_backend.ledger.keys import log_vkey
from fleet_backend.ledger.merkle import consistency_proof
from fleet_backend.ledger.note import add_signatures
from fleet_backend.ledger.policy import Policy, parse_policy
from fleet_backend.ledger.publisher import Publisher, PublisherSettings
from fleet_backend.ledger.quorum import QuorumSettings
from fleet_backend.ledger.tree import ProvedTree
from fleet_backend.ledger.treehead import Checkpoint
from fleet_backend.ledger.witnessclient import WitnessClient
from fleet_backend.ledger.writer import LedgerWriter

QUICK = PublisherSettings(quorum=QuorumSettings(limit_s=0.5, grace_s=0.2))


@pytest.fixture
def witnesses() -> Iterator[list[StandInWitness]]:
    four = [StandInWitness(number, post_quantum=number == 1) for number in range(1, 5)]
    yield four
    for one in four:
        one.stop()


@pytest.fixture
def policy(witnesses) -> Policy:
    return policy_of(witnesses, 3)


Opened = Callable[..., tuple[LedgerWriter, Publisher]]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Opens a log with `count` more entries, and its publisher; ends them after the test."""
    with ExitStack() as at_the_end:

        def open_both(directory: Path, policy: Policy, count: int = 0):
            if not directory.exists():
                new_log(directory).close()
            writer = at_the_end.enter_context(open_log(directory, policy))
            writer.append(entries_of(count, writer.size))
            publisher = Publisher(writer, policy, QUICK)
            at_the_end.callback(publisher.close)
            return writer, publisher

        yield open_both


def published(directory: Path) -> bytes:
    return (directory / "public/checkpoint").read_bytes()


def test_what_a_quorum_cosigned_is_published_the_rest_is_pending(
    tmp_path, witnesses, policy, opened
):
    log = tmp_path / "log"
    writer, publisher = opened(log, policy, 5)
    assert reader_of(log).checkpoint.size == 0
    assert (log / "public/pending").read_bytes() == writer.checkpoint.note
    assert publisher.step()
    assert policy.open_checkpoint(published(log)) == writer.published
    assert len(writer.published.cosigners) == 4
    assert writer.published.size == 5
    writer.append(entries_of(300, 5))
    assert reader_of(log).checkpoint.size == 5
    assert publisher.step()
    assert [policy.open_checkpoint(published(log)).size, writer.is_published] == [305, True]
    # The sizes were remembered: nobody was asked with a wrong one.
    assert all(one.asked == [0, 5] for one in witnesses)
    check_log(log, dict(enumerate(entries_of(305))))


def test_a_witness_with_two_keys_is_asked_once_and_both_count(tmp_path, witnesses, opened):
    first = witnesses[0]
    lines = [
        f"witness w{at} {one.verifier.vkey} {first.url}" for at, one in enumerate(first.cosigners)
    ]
    text = "\n".join(
        [f"log {SIGNER.verifier.vkey}", *lines, "group both all w0 w1", "quorum both", ""]
    )
    writer, publisher = opened(tmp_path / "log", parse_policy(text.encode()), 3)
    assert publisher.step()
    assert {one.kind for one in writer.published.cosigners} == {4, 6}
    assert first.asked == [0]


def test_slow_and_dead_witnesses_hold_up_nobody(tmp_path, witnesses, policy, opened):
    log = tmp_path / "log"
    witnesses[0].gate.clear()
    writer, publisher = opened(log, policy, 5)
    for count in range(3):
        writer.append(entries_of(2, writer.size))
        assert publisher.step(), count
    # The slow one was asked once and is passed over; it hears of nothing else meanwhile.
    assert [one.seen[0] for one in witnesses] == [0, 11, 11, 11]
    assert len(writer.published.cosigners) == 3
    witnesses[1].stop()
    writer.append(entries_of(1, writer.size))
    assert not publisher.step()
    assert (writer.size, policy.open_checkpoint(published(log)).size) == (12, 11)
    assert (log / "public/pending").read_bytes() == writer.checkpoint.note
    witnesses[1].start()
    assert publisher.step()
    assert policy.open_checkpoint(published(log)).size == 12
    witnesses[0].gate.set()


def test_a_restarted_log_learns_what_its_witnesses_know(tmp_path, witnesses, policy, opened):
    log = tmp_path / "log"
    writer, publisher = opened(log, policy, 250)
    assert publisher.step()
    writer.append(entries_of(20, 250))
    writer.close()
    cosigned = published(log)
    writer, publisher = opened(log, policy)
    assert published(log) == cosigned
    assert not writer.is_published
    assert publisher.step()
    assert (writer.published.size, writer.is_published) == (270, True)
    assert all(one.asked == [0, 0, 250] for one in witnesses)


def test_a_cosigned_checkpoint_is_not_lost_at_a_restart(tmp_path, witnesses, policy, opened):
    log = tmp_path / "log"
    writer, publisher = opened(log, policy, 250)
    publisher.step()
    older = published(log)
    writer.append(entries_of(20, 250))
    publisher.step()
    newest = published(log)
    writer.append(entries_of(5, 270))
    writer.close()
    for left in (None, older):
        (log / "public/checkpoint").unlink()
        if left:
            (log / "public/checkpoint").write_bytes(left)
        (log / "public/pending").unlink()
        opened(log, policy)[0].close()
        assert published(log) == newest
        assert (
            open_checkpoint((log / "public/pending").read_bytes(), (SIGNER.verifier,)).size == 275
        )


def test_publishing_never_goes_back_and_takes_nothing_strange(tmp_path, witnesses, policy, opened):
    log = tmp_path / "log"
    writer, publisher = opened(log, policy, 5)
    publisher.step()
    five = published(log)
    writer.append(entries_of(5, 5))
    publisher.step()
    ten = published(log)
    writer.publish(five)
    assert published(log) == ten
    bare = writer.checkpoint
    cosigners = [one.cosigners[0] for one in witnesses]

    def note_of(checkpoint, by):
        signed = sign_checkpoint(checkpoint, SIGNER)
        return add_signatures(signed.note, [one.cosign(signed.text, TIME_S) for one in by])

    other = Checkpoint(ORIGIN, 7, bytes(32))
    later = Checkpoint(ORIGIN, 11, bytes(32))
    for note, error in (
        (bare.note, PolicyError),
        (note_of(bare, cosigners[:2]), PolicyError),
        (note_of(other, cosigners), CheckpointError),
        (note_of(later, cosigners), CheckpointError),
        (ten.replace(b"log.example", b"lag.example"), NoteError),
    ):
        with pytest.raises(error):
            writer.publish(note)
    assert published(log) == ten
    assert writer.append(entries_of(1, 10)) == 10


def test_the_policy_cannot_be_left_out_by_mistake(tmp_path, witnesses, policy, opened):
    log = tmp_path / "log"
    writer, publisher = opened(log, policy, 5)
    publisher.step()
    writer.append(entries_of(2, 5))
    writer.close()
    with pytest.raises(ConfigError, match="give its policy"):
        open_log(log)
    stranger = parse_policy(f"log {log_vkey('log.other', KEY)}\nquorum none\n".encode())
    with pytest.raises(ConfigError, match="does not name the key"):
        open_log(log, stranger)
    alone = parse_policy(f"log {SIGNER.verifier.vkey}\nquorum none\n".encode())
    with open_log(log, alone) as writer:
        assert writer.is_published
    assert reader_of(log).checkpoint.size == 7
    assert not (log / "public/pending").exists()
    open_log(log).close()


def test_a_published_checkpoint_that_the_log_does_not_continue_is_refused(tmp_path):
    new_log(tmp_path, entries_of(300)).close()
    fork = sign_checkpoint(Checkpoint(ORIGIN, 200, bytes(32)), SIGNER).note
    (tmp_path / "public/checkpoint").write_bytes(fork)
    with pytest.raises(LogCorruptError, match="disagree"):
        open_log(tmp_path)


STRANGER = Cosigner("witness.example/9", KEY).cosign(Checkpoint(ORIGIN, 5, bytes(32)).text, TIME_S)
NO_COSIGNATURE = {
    "nothing": (200, "text/plain", b""),
    "no line": (200, "text/plain", b"thank you\n"),
    "not text": (200, "text/plain", b"\xff\xfe\n"),
    "of a stranger": (200, "text/plain", STRANGER.encode()),
    "too long": (200, "text/plain", b"x" * 70_000),
    "no size": (409, "text/x.tlog.size", b"many\n"),
    "a size that was never": (409, "text/x.tlog.size", b"900\n"),
    "always another size": (409, "text/x.tlog.size", b"3\n"),
    "a size of another type": (409, "text/html", b"3\n"),
    "no": (403, "text/plain", b"\x1b[31mno\n"),
    "sent elsewhere": (302, "text/plain", b""),
}
REFUSALS = ("always another size", "a size of another type", "no", "sent elsewhere")


@pytest.mark.parametrize("case", NO_COSIGNATURE)
def test_an_answer_without_a_cosignature_is_an_error_and_harms_nothing(tmp_path, witnesses, case):
    one = witnesses[0]
    with ExitStack() as tidy, new_log(tmp_path, entries_of(5)) as writer:
        client = WitnessClient(one.url, (one.cosigners[0].verifier,), 5)
        tidy.callback(client.close)
        tree = ProvedTree(writer.fetch, writer.checkpoint)

        def prove(old):
            return consistency_proof(old, 5, tree.range_hash)

        one.misbehave = lambda _: NO_COSIGNATURE[case]
        with pytest.raises(WitnessError) as caught:
            client.cosign(writer.checkpoint, prove)
        assert "\x1b" not in str(caught.value)
        told = re.match(r"answered (\d{3}): ", str(caught.value))
        assert caught.value.status == (int(told.group(1)) if told else None)
        assert bool(told) == (case in REFUSALS)
        one.misbehave = None
        assert len(client.cosign(writer.checkpoint, prove)) == 1


def test_a_cosignature_over_something_else_is_not_used(tmp_path, witnesses, policy, opened):
    """Four witnesses, one of them signs another root."""
    liar = witnesses[2].cosigners[0]
    wrong = Checkpoint(ORIGIN, 5, bytes(32)).text
    witnesses[2].misbehave = lambda _: (
        200,
        "text/plain",
        f"{liar.cosign(wrong, TIME_S)}\n".encode(),
    )
    writer, publisher = opened(tmp_path / "log", policy, 5)
    assert publisher.step()
    assert liar.verifier not in writer.published.cosigners
    assert len(writer.published.cosigners) == 3


def test_a_connection_that_went_stale_is_made_anew(tmp_path, witnesses, policy, opened):
    writer, publisher = opened(tmp_path / "log", policy, 5)
    assert publisher.step()
    for one in witnesses:
        one.stop()
        one.start()
    writer.append(entries_of(1, 5))
    assert publisher.step()


def test_the_publisher_follows_a_writer_at_work(tmp_path, witnesses, policy, opened):
    log = tmp_path / "log"
    writer, _ = opened(log, policy)
    settings = PublisherSettings(interval_s=0.01, quorum=QUICK.quorum)
    stop = threading.Event()
    publisher = Publisher(writer, policy, settings)
    thread = threading.Thread(target=publisher.run, args=(stop,))
    thread.start()
    sizes = set()
    for _ in range(60):
        writer.append(entries_of(9, writer.size))
        sizes.add(policy.open_checkpoint(published(log)).size if writer.published.size else 0)
    stop.set()
    thread.join()
    publisher.close()
    assert (writer.size, writer.is_published) == (540, True)
    assert all(size % 9 == 0 for size in sizes)
    writer.close()
    check_log(log, dict(enumerate(entries_of(540))))


@pytest.mark.parametrize(
    "url",
    ["", "witness.example", "ftp://witness.example", "http://", "http://u:p@host/", "http://h/?q",
     "http://h/#f", "http://h:port/", "http://h:99999/", "http://ho st/", "http://h/\x7f", "http://é/",
     "http://" + "a" * 70 + "/"],
)  # fmt: skip
def test_what_is_no_prefix_of_a_url_is_refused(url):
    with pytest.raises(ConfigError):
        WitnessClient(url, (), 1)


def test_a_quorum_that_cannot_be_asked_is_refused(tmp_path, witnesses, opened):
    key = witnesses[0].cosigners[0].verifier.vkey
    text = f"log {SIGNER.verifier.vkey}\nwitness w {key}\nquorum w\n"
    with pytest.raises(ConfigError, match="no URL"):
        opened(tmp_path / "log", parse_policy(text.encode()))
