"""The list of what was sent, and its comparison with a log: every kind of fault is found."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_backend.ledger.checkpoint import Checkpoint, sign_checkpoint
from fleet_backend.ledger.keys import generate_log_key, log_signer
from protocol import statement
from trifleet.errors import UsageError
from trifleet.load.audit import Audit, Report
from trifleet.load.figures import Figures
from trifleet.load.journal import Journal, Listed, read
from trifleet.load.logwatch import LogWatch
from trifleet.load.usage import of_process, of_processes, since

NAMES = {"g-0": 0, "g-1": 1, "g-2": 2}


def entry(gateway: str, seq: int, kind: int = statement.RECORDS) -> bytes:
    made = statement.Statement(gateway, seq, bytes(32), 1_790_000_000, kind, bytes(32))
    return statement.encode(made, lambda _: bytes(64))


def audit(rows: Sequence[Listed], entries: Sequence[bytes]) -> Report:
    found = Audit(NAMES)
    found.sent(rows)
    found.logged(entries)
    return found.report()


def sent(counts: Sequence[int]) -> tuple[list[Listed], list[bytes]]:
    """Rows and entries of so many statements of each gateway, in turns."""
    entries = [
        entry(f"g-{number}", seq)
        for seq in range(max(counts, default=0))
        for number, count in enumerate(counts)
        if seq < count
    ]
    rows = []
    for data in entries:
        made = statement.decode_unverified(data)
        rows.append(Listed(NAMES[made.gateway], made.seq, statement.statement_hash(data), 7))
    return rows, entries


COUNTS = st.lists(st.integers(0, 12), min_size=3, max_size=3)


@given(COUNTS, st.data())
def test_each_fault_of_a_log_is_counted(counts: list[int], data: st.DataObject) -> None:
    rows, entries = sent(counts)
    places = st.sets(st.integers(0, max(len(entries) - 1, 0)), max_size=len(entries))
    lost = data.draw(places) if entries else set()
    kept = [one for place, one in enumerate(entries) if place not in lost]
    doubled = data.draw(st.lists(st.sampled_from(kept), max_size=5)) if kept else []
    strangers = [entry("stranger", seq) for seq in range(data.draw(st.integers(0, 3)))]
    report = audit(rows, [*strangers, *kept, b"no statement", *doubled])
    assert report == Report(
        sent=len(rows),
        logged=len(kept),
        lost=len(lost),
        doubled=len(doubled),
        foreign=len(strangers) + 1,
    )
    assert report.is_clean == (not lost and not doubled)


@given(COUNTS.filter(any), st.data())
def test_another_entry_under_a_number_of_ours_is_told(
    counts: list[int], data: st.DataObject
) -> None:
    rows, entries = sent(counts)
    place = data.draw(st.integers(0, len(entries) - 1))
    made = statement.decode_unverified(entries[place])
    entries[place] = entry(made.gateway, made.seq, statement.GATEWAY)
    report = audit(rows, entries)
    assert (report.altered, report.lost, report.is_clean) == (1, 1, False)
    beyond = audit(rows, [entry("g-1", 99)])
    assert beyond.altered == 1


def test_order_within_a_gateway_is_told_and_is_no_fault() -> None:
    rows, entries = sent([3, 0, 0])
    report = audit(rows, [entries[1], entries[0], entries[2]])
    assert (report.out_of_order, report.is_clean) == (1, True)


def test_each_statement_of_ours_is_found_at_its_place_in_the_log() -> None:
    """The first of a doubled one counts; what is altered or a stranger's has no time."""
    rows, entries = sent([2, 1, 0])
    rows = [dataclasses.replace(row, made_ms=1_500 * n) for n, row in enumerate(rows)]
    found = Audit(NAMES)
    found.sent(rows)
    found.logged([entry("stranger", 0), entries[2], entries[0]])
    found.logged([entries[2], entry("g-1", 0, statement.GATEWAY), entries[1]])
    assert list(found.made()) == [(1, 3.0), (2, 0.0), (5, 1.5)]


def test_an_entry_is_published_with_the_first_checkpoint_that_covers_it(tmp_path: Path) -> None:
    file, key = (
        tmp_path / "checkpoint",
        log_signer("log.example/x", generate_log_key(tmp_path / "k")),
    )
    watch = LogWatch(file)
    watch.look()  # there is none yet
    for time_s, size in ((100, 2), (200, 2), (300, 5)):
        file.write_bytes(sign_checkpoint(Checkpoint("log.example/x", size, bytes(32)), key).note)
        os.utime(file, (time_s, time_s))
        watch.look()
    file.write_bytes(b"no checkpoint")
    watch.look()
    assert [watch.published_s(leaf) for leaf in range(6)] == [100, 100, 300, 300, 300, None]


@pytest.mark.parametrize("row", [Listed(7, 0, bytes(32), 7), Listed(1, 1, bytes(32), 7)])
def test_a_list_of_something_else_is_refused(row: Listed) -> None:
    with pytest.raises(ValueError, match="out of turn"):
        Audit(NAMES).sent([row])


@given(
    st.lists(
        st.builds(
            Listed,
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**64 - 1),
            st.binary(min_size=32, max_size=32),
            st.integers(0, 2**64 - 1),
        )
    )
)
def test_a_list_comes_back_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Listed]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "sent"
    with Journal(path) as journal:
        for row in rows:
            journal.add(row.gateway, row.seq, row.hash, row.made_ms)
    assert list(read(path)) == rows


def test_a_list_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sent"
    with Journal(path) as journal:
        journal.add(1, 2, bytes(32), 3)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UsageError, match="middle of a row"):
        list(read(path))
    with pytest.raises(FileExistsError):
        Journal(path)


@given(st.lists(st.floats(0, 4000), min_size=1, max_size=50), st.integers(1, 4))
def test_processes_add_up_to_what_one_would_have_measured(seconds: list[float], parts: int) -> None:
    together, whole = Figures(), Figures()
    for part in range(parts):
        own = Figures()
        for one in seconds[part::parts]:
            own.acknowledged(one)
        together.add(own.as_dict())
    for one in seconds:
        whole.acknowledged(one)
    assert together.latency() == whole.latency()
    assert together.counts == whole.counts
    found = whole.latency().percentiles_s
    assert found[50.0] <= found[99.0] <= (whole.latency().most_s or 0)


def test_nothing_measured_is_no_figure() -> None:
    assert Figures().latency().percentiles_s == {}


def test_what_this_process_used_only_grows() -> None:
    before = {"one": of_process()}
    assert sum(number * number for number in range(400_000))
    after = since(before, {"one": of_process(), "other": of_process()})
    assert list(after) == ["one"]
    assert 0 <= after["one"].processor_s < 60
    assert after["one"].peak_mb > 5
    assert of_processes({"gone": 2**22 + 1}) == {}
