"""The check of a whole log: each kind of damage is found, and the file that is wrong is named."""

import random
import shutil
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_tools import KEY, ORIGIN, SIGNER, entries_of, files_of, new_log, open_log

from fleet_backend.ledger.bundle import encode_bundle
from fleet_backend.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from fleet_backend.ledger.errors import FetchError, NoteError
from fleet_backend.ledger.fsck import FsckReport, FsckSettings, check_log, default_workers
from fleet_backend.ledger.keys import log_signer
from fleet_backend.ledger.merkle import leaf_hash, root_of
from fleet_backend.ledger.storage import FolderFetch
from fleet_backend.ledger.tile import Tile

SIZE = 66_300  # 258 full bundles and one of 252: a full level-1 tile, a partial one, level 2


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pristine")
    with new_log(directory, entries_of(60_000)) as writer:
        writer.append(entries_of(6_290, 60_000))
        writer.append(entries_of(10, 66_290))
    return directory


@pytest.fixture
def log(pristine: Path, tmp_path: Path) -> Path:
    return shutil.copytree(pristine, tmp_path / "log")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A smaller one for Hypothesis, which puts back what it changed."""
    directory = tmp_path_factory.mktemp("shared")
    with new_log(directory, entries_of(1_000)) as writer:
        writer.append(entries_of(30, 1_000))
        writer.append(entries_of(4, 1_030))
    return directory


def check(directory: Path, listed: bool = True, **chosen: int) -> FsckReport:
    fetch = FolderFetch(directory / "public")
    signed = open_checkpoint(fetch("checkpoint"), (SIGNER.verifier,))
    listing = fetch.paths() if listed else None
    return check_log(fetch, signed, FsckSettings(**chosen), listing=listing)


def named(report: FsckReport) -> list[str]:
    return [fault.path for fault in report.faults]


def flip(path: Path, at: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


def test_a_whole_log_is_good(pristine):
    seen = []
    fetch = FolderFetch(pristine / "public")
    signed = open_checkpoint(fetch("checkpoint"), (SIGNER.verifier,))
    report = check_log(
        fetch,
        signed,
        listing=fetch.paths(),
        progress=lambda done, whole: seen.append((done, whole)),
    )
    assert report.is_good
    assert report.complete
    assert (report.bundles, report.tiles) == (259, 259 + 2 + 1)
    assert seen == sorted(seen)
    assert seen[-1] == (SIZE, SIZE)


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537])
def test_every_shape_of_a_tree_is_good(tmp_path, size):
    with new_log(tmp_path, entries_of(min(size, 65_000))) as writer:
        writer.append(entries_of(size)[65_000:])
    for listed in (True, False):
        report = check(tmp_path, listed)
        assert report.is_good, report.faults
        assert report.bundles == -(-size // 256)


def test_several_processes_find_what_one_finds(log):
    flip(log / "public/tile/entries/100", 700)
    flip(log / "public/tile/0/257", 64)
    (log / "public/tile/entries/007").unlink()
    alone, together = check(log), check(log, workers=2)
    assert alone.faults == together.faults
    assert named(alone) == ["tile/entries/007", "tile/entries/100", "tile/0/257"]


def test_a_changed_entry_is_named_by_its_index(log):
    entries = entries_of(256, 5 * 256)
    entries[3] = b"something else"
    (log / "public/tile/entries/005").write_bytes(encode_bundle(entries))
    (fault,) = check(log).faults
    assert fault.path == "tile/entries/005"
    assert "entry 1283" in fault.words


def test_several_changed_entries_are_counted(log):
    entries = [b"forged %d" % number for number in range(256)]
    (log / "public/tile/entries/005").write_bytes(encode_bundle(entries))
    (fault,) = check(log).faults
    assert "entry 1280" in fault.words
    assert "255 more" in fault.words


@pytest.mark.parametrize(
    ("size", "path"),
    [
        ("small", "tile/entries/000"),
        ("small", "tile/entries/003"),
        ("small", "tile/entries/004.p/10"),
        ("small", "tile/0/000"),
        ("small", "tile/0/003"),
        ("small", "tile/0/004.p/10"),
        ("small", "tile/1/000.p/4"),
        ("large", "tile/entries/257"),
        ("large", "tile/1/000"),
        ("large", "tile/1/001.p/2"),
        ("large", "tile/2/000.p/1"),
    ],
)
@pytest.mark.parametrize("listed", [True, False], ids=["listed", "fetched"])
def test_each_kind_of_file_damaged_in_each_way_is_named_alone(
    pristine, shared, tmp_path, size, path, listed
):
    log = shutil.copytree(shared if size == "small" else pristine, tmp_path / "log")
    file = log / "public" / path
    data = file.read_bytes()
    for change in ("flip", "missing", "cut", "longer", "empty")[: 5 if listed else 2]:
        file.write_bytes(data)
        if change == "flip":
            flip(file, len(data) // 2)
        elif change == "missing":
            file.unlink()
        else:
            file.write_bytes({"cut": data[:-1], "longer": data + b"\0", "empty": b""}[change])
        report = check(log, listed)
        assert named(report) == [path], (change, report.faults)
    file.write_bytes(data)
    assert check(log, listed).is_good


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_found_and_named(shared, data):
    path = shared / "public" / data.draw(st.sampled_from(sorted(files_of(shared) - {"checkpoint"})))
    held = path.read_bytes()
    at = data.draw(st.integers(0, len(held) - 1))
    try:
        flip(path, at, data.draw(st.integers(0, 7)))
        report = check(shared, data.draw(st.booleans()))
        assert named(report) == [str(path.relative_to(shared / "public"))]
    finally:
        path.write_bytes(held)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damage_at_several_places_is_found_at_one_of_them_at_least(shared, data):
    names = sorted(files_of(shared) - {"checkpoint"})
    chosen = data.draw(st.sets(st.sampled_from(names), min_size=2, max_size=5))
    held = {name: (shared / "public" / name).read_bytes() for name in chosen}
    try:
        for name in chosen:
            flip(shared / "public" / name, data.draw(st.integers(0, len(held[name]) - 1)))
        faults = {fault.path: fault.words for fault in check(shared).faults}
        # Two that contradict each other below a damaged tile are named both.
        assert faults.keys() & chosen
        assert all("one of them" in words for path, words in faults.items() if path not in chosen)
    finally:
        for name, content in held.items():
            (shared / "public" / name).write_bytes(content)


def test_a_changed_checkpoint_is_refused_before_anything_else(log):
    file = log / "public/checkpoint"
    data = file.read_bytes()
    for at in range(0, data.rindex(b"\n\n"), 3):
        changed = bytearray(data)
        changed[at] ^= 1
        file.write_bytes(changed)
        with pytest.raises(NoteError):
            check(log)


def test_a_forged_bundle_and_tile_that_agree_are_both_named(log):
    """CVE-2026-56865: what is consistent at level 0 only is held against the level above."""
    forged = [b"forged", *entries_of(255, 1)]
    (log / "public/tile/entries/000").write_bytes(encode_bundle(forged))
    (log / "public/tile/0/000").write_bytes(b"".join(map(leaf_hash, forged)))
    assert named(check(log)) == ["tile/entries/000", "tile/0/000"]


def test_a_forgery_that_goes_up_one_level_is_named_where_the_proof_breaks(log):
    forged = [b"forged", *entries_of(255, 1)]
    hashes = list(map(leaf_hash, forged))
    public = log / "public"
    (public / "tile/entries/000").write_bytes(encode_bundle(forged))
    (public / "tile/0/000").write_bytes(b"".join(hashes))
    above = (public / "tile/1/000").read_bytes()
    (public / "tile/1/000").write_bytes(root_of(hashes) + above[32:])
    assert named(check(log)) == ["tile/2/000.p/1"]


def test_a_whole_forged_log_does_not_pass_under_the_signed_checkpoint(tmp_path):
    new_log(tmp_path / "log", entries_of(1_034)).close()
    new_log(tmp_path / "forged", [b"forged", *entries_of(1_033, 1)]).close()
    shutil.rmtree(tmp_path / "log/public/tile")
    shutil.copytree(tmp_path / "forged/public/tile", tmp_path / "log/public/tile")
    (fault,) = check(tmp_path / "log").faults
    assert fault.path == "checkpoint"
    assert "another root" in fault.words


def test_a_file_beyond_the_size_is_named(log):
    public = log / "public"
    full = Tile(0, 259).path
    (public / full).write_bytes(bytes(8192))
    report = check(log)
    assert named(report) == [full]
    assert "beyond the 66300 entries" in report.faults[0].words
    (public / full).unlink()
    wider = public / "tile/entries/258.p/253"
    wider.write_bytes(b"")
    assert named(check(log)) == ["tile/entries/258.p/253"]
    wider.unlink()
    (public / "tile/0/258").write_bytes(bytes(8192))
    assert named(check(log)) == named(check(log, listed=False)) == ["tile/0/258"]


def test_a_log_that_was_rolled_back_is_seen_by_what_it_left(log):
    root = root_of([leaf_hash(entry) for entry in entries_of(60_000)])
    note = sign_checkpoint(Checkpoint(ORIGIN, 60_000, root), SIGNER).note
    (log / "public/checkpoint").write_bytes(note)
    for listed in (True, False):
        report = check(log, listed)
        assert report.faults
        assert all("beyond the 60000" in fault.words for fault in report.faults)


def test_what_the_log_is_just_adding_is_no_fault(log):
    fetch = FolderFetch(log / "public")
    signed = open_checkpoint(fetch("checkpoint"), (SIGNER.verifier,))
    with open_log(log) as writer:
        writer.append(entries_of(300, SIZE))
        newest = lambda: writer.checkpoint.size  # noqa: E731
        assert check_log(fetch, signed, listing=fetch.paths(), newest=newest).is_good
        assert check_log(fetch, signed, newest=newest).is_good
        assert not check_log(fetch, signed, listing=fetch.paths()).is_good


def test_a_file_that_is_none_of_the_log_is_named(log):
    (log / "public/tile/0/notes.txt").write_text("hello")
    (log / "public/tile/0/0").write_text("hello")
    assert set(named(check(log))) == {"tile/0/notes.txt", "tile/0/0"}


def test_an_older_partial_tile_must_be_the_beginning_of_what_followed(tmp_path):
    log = tmp_path
    new_log(log, entries_of(1_034)).close()
    public = log / "public"
    for path, due in (
        ("tile/0/004.p/7", "tile/0/004.p/10"),
        ("tile/0/003.p/10", "tile/0/003"),
    ):
        data = (public / due).read_bytes()[: int(path.rpartition("/")[2]) * 32]
        (public / path).parent.mkdir(exist_ok=True)
        (public / path).write_bytes(data)
        assert check(log).is_good
        flip(public / path, 40)
        assert named(check(log)) == [path]
        (public / path).unlink()
    older = public / "tile/entries/004.p/1"
    older.write_bytes(encode_bundle([b"another"]))
    assert named(check(log)) == named(check(log, listed=False)) == ["tile/entries/004.p/1"]


def test_the_first_faults_are_enough(log):
    for index in range(30):
        (log / f"public/tile/entries/{index:03d}").unlink()
    report = check(log, max_faults=5)
    assert named(report) == [f"tile/entries/{index:03d}" for index in range(5)]
    assert not report.complete


def test_a_log_that_cannot_be_reached_is_not_called_damaged(pristine):
    local = FolderFetch(pristine / "public")
    signed = open_checkpoint(local("checkpoint"), (SIGNER.verifier,))

    def fetch(path: str) -> bytes:
        if path == "tile/entries/200":
            raise FetchError("timed out")
        return local(path)

    with pytest.raises(FetchError):
        check_log(fetch, signed)


def test_files_are_asked_for_ahead_and_only_so_many(pristine):
    local = FolderFetch(pristine / "public")
    signed = open_checkpoint(local("checkpoint"), (SIGNER.verifier,))
    lock, running, most, threads = threading.Lock(), [0], [0], set()

    def fetch(path: str) -> bytes:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            threads.add(threading.get_ident())
        try:
            return local(path)
        finally:
            with lock:
                running[0] -= 1

    assert check_log(fetch, signed, FsckSettings(connections=4, older_partials=False)).is_good
    assert most[0] <= 5  # four ahead, and the check's own
    assert len(threads) > 1


def test_a_key_that_is_not_the_logs_signs_nothing(log):
    other = log_signer("log.example/other", KEY)
    with pytest.raises(NoteError):
        open_checkpoint((log / "public/checkpoint").read_bytes(), (other.verifier,))


def test_processes_are_used_where_they_pay():
    assert default_workers(0, 8) == 1
    assert default_workers(65_535, 8) == 1
    assert default_workers(10**6, 2) == 2
    assert default_workers(10**7, 8) == 8


def test_random_damage_in_several_processes(log):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    chosen = choose.sample(sorted(files_of(log) - {"checkpoint"}), 4)
    for name in chosen:
        path = log / "public" / name
        flip(path, choose.randrange(path.stat().st_size))
    faults = named(check(log, workers=2))
    assert faults
    assert set(faults) <= set(chosen)
