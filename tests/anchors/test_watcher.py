"""The watcher: what it takes up and when, what it refuses, restarts; and that nothing needs it."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from anchor_tools import (
    KEY,
    ORIGIN,
    Clock,
    append,
    calendars_of,
    chain_settings,
    new_log,
    settings_of,
)
from calendar_stand_in import Bitcoin, Calendar
from chain_stand_in import CHAIN_ID, ChainStandIn

from fleet_backend.anchors.errors import OperationError, SettingsError
from fleet_backend.anchors.jobs import CONFIRMED, Jobs
from fleet_backend.anchors.otsfile import OtsFile
from fleet_backend.anchors.settings import AnchorSettings, EvmSettings, HeaderSettings
from fleet_backend.anchors.store import Store
from fleet_backend.anchors.transaction import generate_account
from fleet_backend.anchors.watcher import Watcher, load_policy, open_chain
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.proof import make_proof, verify_proof
from fleet_backend.ledger.reader import LedgerReader
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.writer import LedgerWriter

DEAD = "http://127.0.0.1:9"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return new_log(tmp_path / "log")


@pytest.fixture
def calendar() -> Iterator[Calendar]:
    with Calendar(Bitcoin()) as one:
        yield one


def rounds(settings: AnchorSettings, clock: Clock, count: int = 1) -> list[str]:
    """Rounds of a process of its own; what the last one said."""
    with Store(settings.folder, lock=True) as store:
        watcher = Watcher(settings, store, clock)
        return [watcher.round() for _ in range(count)][-1]


def sizes(settings: AnchorSettings) -> list[int]:
    with Store(settings.folder, lock=False) as store:
        return [taken.size for taken in store.all_taken()]


def stamp_of(settings: AnchorSettings, size: int) -> OtsFile | None:
    with Store(settings.folder, lock=False) as store:
        data = store.read_ots(size)
    return None if data is None else OtsFile.decode(data)


def test_a_checkpoint_is_anchored_at_most_once_in_a_while(log: Path, calendar: Calendar) -> None:
    settings, clock = settings_of(log, calendars_of(calendar.url)), Clock()
    assert rounds(settings, clock, 3) == []
    assert sizes(settings) == [3]
    append(log, [b"four"])
    clock.now_s += settings.every_s - 1
    assert rounds(settings, clock) == [] and sizes(settings) == [3]
    clock.now_s += 1
    assert rounds(settings, clock) == [] and sizes(settings) == [4, 3]
    clock.now_s += 10 * settings.every_s
    assert rounds(settings, clock) == [] and sizes(settings) == [4, 3]
    assert sum(method == "POST" for method, _ in calendar.asked) == 2


def test_a_clock_that_was_set_back_stops_nothing(log: Path, calendar: Calendar) -> None:
    settings, clock = settings_of(log, calendars_of(calendar.url)), Clock()
    rounds(settings, clock)
    append(log, [b"four"])
    clock.now_s -= 100_000
    rounds(settings, clock)
    assert sizes(settings) == [4, 3]


def test_files_lie_beside_the_log_and_not_in_what_it_serves(log: Path, calendar: Calendar) -> None:
    settings = settings_of(log, calendars_of(calendar.url))
    before = sorted((log / "public").rglob("*"))
    rounds(settings, Clock())
    assert sorted((log / "public").rglob("*")) == before
    note = (log / "anchors/3.checkpoint").read_bytes()
    assert note == (log / "public/checkpoint").read_bytes()
    assert (log / "anchors/3.checkpoint.ots").stat().st_mode & 0o777 == 0o600
    assert (log / "anchors").stat().st_mode & 0o777 == 0o700


def test_an_empty_log_is_not_anchored(tmp_path: Path, calendar: Calendar) -> None:
    log = new_log(tmp_path / "log", [])
    settings = settings_of(log, calendars_of(calendar.url))
    assert rounds(settings, Clock()) == [] and sizes(settings) == []
    assert not calendar.asked


def test_a_stamp_is_upgraded_and_checked_against_headers(
    log: Path, calendar: Calendar, tmp_path: Path
) -> None:
    headers = tmp_path / "headers"
    headers.write_text("")
    source = HeaderSettings(file=headers, least_work_bits=0)
    settings = settings_of(log, calendars_of(calendar.url), source)
    rounds(settings, Clock())
    calendar.mine(900_000)
    (said,) = rounds(settings, Clock())
    assert "does not hold block 900000" in said
    stamp = stamp_of(settings, 3)
    assert stamp is not None and not stamp.attested()
    headers.write_text(calendar.bitcoin.lines())
    assert rounds(settings, Clock()) == []
    stamp = stamp_of(settings, 3)
    assert stamp is not None and [item.height for item in stamp.attested()] == [900_000]
    asked = len(calendar.asked)
    assert rounds(settings, Clock()) == [] and len(calendar.asked) == asked


def test_dead_calendars_are_said_and_tried_again(log: Path, calendar: Calendar) -> None:
    settings = settings_of(log, calendars_of(DEAD, calendar.url, needed=2))
    (said,) = rounds(settings, Clock())
    assert "1 of 2 calendars answered" in said
    assert stamp_of(settings, 3) is None
    assert rounds(settings_of(log, calendars_of(calendar.url)), Clock()) == []
    assert stamp_of(settings, 3) is not None


def test_a_log_that_rolled_back_or_forked_is_not_anchored(
    log: Path, calendar: Calendar, tmp_path: Path
) -> None:
    settings, clock = settings_of(log, calendars_of(calendar.url)), Clock()
    rounds(settings, clock)
    clock.now_s += settings.every_s
    for entries, words in (
        ([b"one", b"two"], "rolled back from size 3 to 2"),
        ([b"one", b"two", b"other"], "forked"),
        ([b"one", b"other", b"three", b"four"], "forked"),
    ):
        other = new_log(tmp_path / f"other{len(words)}{len(entries)}", entries)
        (log / "public").rename(tmp_path / f"kept{len(words)}{len(entries)}")
        (other / "public").rename(log / "public")
        (said,) = rounds(settings, clock)
        assert words in said
        assert sizes(settings) == [3]


def test_a_checkpoint_that_the_policy_does_not_allow_is_not_anchored(
    log: Path, calendar: Calendar
) -> None:
    settings = settings_of(log, calendars_of(calendar.url))
    note = log / "public/checkpoint"
    note.write_bytes(note.read_bytes().replace(b"\n3\n", b"\n4\n"))
    (said,) = rounds(settings, Clock())
    assert "does not verify" in said
    note.unlink()
    (said,) = rounds(settings, Clock())
    assert "no checkpoint" in said
    assert sizes(settings) == [] and not calendar.asked


def test_settings_that_anchor_nowhere_are_refused(log: Path, tmp_path: Path) -> None:
    evm = EvmSettings(DEAD, tmp_path / "key", None, chain_settings(1))
    with Store(log / "anchors", lock=True) as store:
        with pytest.raises(SettingsError, match="nothing to anchor in"):
            Watcher(settings_of(log), store)
        with pytest.raises(SettingsError, match="trifleet anchor deploy"):
            Watcher(settings_of(log, evm=evm), store)
        (log / "policy.txt").write_bytes(b"quorum none\n")
        with pytest.raises(SettingsError, match="names 0 logs"):
            Watcher(settings_of(log, calendars_of(DEAD)), store)
    with pytest.raises(SettingsError, match="cannot read"):
        load_policy(tmp_path / "absent")
    with pytest.raises(OperationError, match="nothing was anchored yet"):
        Store(tmp_path, lock=False)


def chain_of(log: Path, chain: ChainStandIn, key_file: Path) -> EvmSettings:
    """A chain with the contract made and the log registered."""
    generate_account(key_file)
    evm = EvmSettings(chain.url, key_file, None, chain_settings(CHAIN_ID))
    with Store(log / "anchors", lock=True) as store:
        opened = open_chain(evm, store, ORIGIN)
        chain.fund(opened.account.address)
        contract = None
        while contract is None:
            contract = opened.anchors.deploy()
            chain.mine(4)
        while not opened.anchors.register(contract):
            chain.mine(4)
    return replace(evm, contract=contract)


def test_both_kinds_go_on_side_by_side(log: Path, calendar: Calendar, tmp_path: Path) -> None:
    with ChainStandIn() as chain:
        evm = chain_of(log, chain, tmp_path / "key")
        settings, clock = settings_of(log, calendars_of(DEAD), evm=evm), Clock()
        (said,) = rounds(settings, clock)
        assert "calendars" in said
        chain.mine(4)
        settings = settings_of(log, calendars_of(calendar.url), evm=evm)
        assert rounds(settings, clock) == []
        with Store(settings.folder, lock=False) as store:
            job = Jobs(store).all()[-1]
        assert (job.size, job.state) == (3, CONFIRMED)
        # The other way round: the node is dead, the calendar serves.
        append(log, [b"four"])
        clock.now_s += settings.every_s
        dead = replace(settings, evm=replace(evm, rpc_url=DEAD))
        (said,) = rounds(dead, clock)
        assert "did not answer" in said
        assert stamp_of(settings, 4) is not None


def test_with_everything_of_anchors_dead_the_log_and_its_receipts_go_on(
    log: Path, tmp_path: Path
) -> None:
    """The watcher runs, all that it asks is dead, its folder is rubbish: `append` heeds none."""
    generate_account(tmp_path / "key")
    evm = EvmSettings(DEAD, tmp_path / "key", bytes(20), chain_settings(CHAIN_ID))
    settings = replace(settings_of(log, calendars_of(DEAD), evm=evm), poll_s=0.05)
    stop = threading.Event()
    heard: list[Any] = []
    with Store(settings.folder, lock=True) as store:
        watcher = Watcher(settings, store)
        heard += watcher.round()

    def watch() -> None:
        with Store(settings.folder, lock=True) as store:
            Watcher(settings, store).run(stop)

    thread = threading.Thread(target=watch)
    thread.start()
    policy = parse_policy((log / "policy.txt").read_bytes())
    reader = LedgerReader(FolderFetch(log / "public"), log_signer(ORIGIN, KEY).verifier)
    try:
        with LedgerWriter.open(log, ORIGIN, KEY) as writer:
            for number in range(20):
                entry = b"entry %d" % number
                index = writer.append([entry])
                reader.update()
                assert verify_proof(make_proof(reader, index), entry, policy).index == index
    finally:
        stop.set()
        thread.join()
    assert len(heard) == 2
    (log / "anchors/anchors.db").write_bytes(b"rubbish" * 1_000)
    with pytest.raises(OperationError):
        Store(settings.folder, lock=True)
    with LedgerWriter.open(log, ORIGIN, KEY) as writer:
        assert writer.append([b"last"]) == 23
    assert reader.update().size == reader.audit().checkpoint.size == 24
