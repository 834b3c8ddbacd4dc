"""Mirrors: only what is proved is written, and a published checkpoint is always wholly covered."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ledger_tools import KEY, ORIGIN, ROOT, entries_of, files_of, new_log, open_log

from fleet_backend.ledger.bundle import encode_bundle
from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.errors import (
    BundleError,
    ConfigError,
    FetchError,
    ForkError,
    LedgerError,
    LockLostError,
    LogCorruptError,
    NoteError,
    RollBackError,
)
from fleet_backend.ledger.evidence import verify_evidence
from fleet_backend.ledger.fsck import check_log
from fleet_backend.ledger.keys import log_signer, log_vkey
from fleet_backend.ledger.mirror import Mirror
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.storage import FolderFetch

VKEY = log_vkey(ORIGIN, KEY)
POLICY = parse_policy(f"log {VKEY}\nquorum none\n".encode())
LOG = POLICY.logs


def source(directory: Path) -> FolderFetch:
    return FolderFetch(directory / "public")


def require_good(mirror: Path, size: int | None = None) -> None:
    """The published checkpoint is covered: by the check that a stranger would make."""
    fetch = source(mirror)
    signed = open_checkpoint(fetch("checkpoint"), LOG)
    report = check_log(fetch, signed)
    assert [fault for fault in report.faults if "beyond" not in fault.words] == []
    assert size in (None, signed.size)


def pull(log: Path, mirror: Path):
    with Mirror(mirror, POLICY) as opened:
        return opened.pull(source(log))


@pytest.mark.parametrize("sizes", [(0,), (1,), (255, 256, 257), (0, 300, 300, 1_000), (512, 513)])
def test_a_mirror_is_the_log_to_the_byte(tmp_path, sizes):
    log, mirror = tmp_path / "log", tmp_path / "mirror"
    with new_log(log) as writer:
        for size in sizes:
            writer.append(entries_of(size - writer.size, writer.size))
            assert pull(log, mirror).checkpoint.size == size
            require_good(mirror, size)
            for name in files_of(log):
                assert source(mirror)(name) == source(log)(name)
    report = check_log(source(mirror), open_checkpoint(source(mirror)("checkpoint"), LOG),
                       listing=source(mirror).paths())  # fmt: skip
    assert report.is_good


def test_a_mirror_over_a_level_1_tile(tmp_path):
    log, mirror = tmp_path / "log", tmp_path / "mirror"
    with new_log(log, entries_of(65_000)) as writer:
        pull(log, mirror)
        writer.append(entries_of(1_000, 65_000))
    assert pull(log, mirror).fetched == 258 - 253
    require_good(mirror, 66_000)
    assert not any("/1/000.p" in name for name in files_of(mirror))


def test_only_what_is_missing_is_fetched(tmp_path):
    log, mirror = tmp_path / "log", tmp_path / "mirror"
    with new_log(log, entries_of(2_560)) as writer:
        assert pull(log, mirror).fetched == 10
        writer.append(entries_of(100, 2_560))
        asked = []
        fetch = source(log)
        with Mirror(mirror, POLICY) as opened:
            opened.pull(lambda path: asked.append(path) or fetch(path))
    assert [path for path in asked if "entries" in path] == ["tile/entries/010.p/100"]


def test_forged_files_are_refused_before_they_are_written(tmp_path):
    log, mirror = tmp_path / "log", tmp_path / "mirror"
    new_log(log, entries_of(700)).close()
    for path, width in (("tile/entries/001", 256), ("tile/entries/002.p/188", 188)):
        held = (log / "public" / path).read_bytes()
        (log / "public" / path).write_bytes(encode_bundle([b"forged"] * width))
        with pytest.raises(BundleError, match=path):
            pull(log, mirror)
        assert not (mirror / "public" / path).exists()
        assert not (mirror / "public/checkpoint").exists()
        (log / "public" / path).write_bytes(held)
    pull(log, mirror)
    require_good(mirror, 700)


def test_a_fork_is_refused_and_both_notes_are_kept(tmp_path):
    mirror = tmp_path / "mirror"
    entries = entries_of(600)
    new_log(tmp_path / "a", entries[:500]).close()
    pull(tmp_path / "a", mirror)
    before = {name: (mirror / "public" / name).read_bytes() for name in files_of(mirror)}
    for number, (name, size) in enumerate((("longer", 600), ("equal", 500), ("shorter", 400)), 1):
        new_log(tmp_path / name, [b"another", *entries[1:size]]).close()
        with pytest.raises(ForkError):
            pull(tmp_path / name, mirror)
        assert len(list((mirror / "evidence").glob("*.known"))) == number
        known, seen = (
            {path.read_bytes() for path in (mirror / "evidence").glob(f"*.{kind}")}
            for kind in ("known", "seen")
        )
        assert known == {(tmp_path / "a/public/checkpoint").read_bytes()}
        assert (tmp_path / name / "public/checkpoint").read_bytes() in seen
    files = list((mirror / "evidence").glob("*.evidence"))
    assert len(files) == 3
    for path in files:  # each convinces a stranger who has the log's key
        assert verify_evidence(path.read_bytes(), LOG).first.origin == ORIGIN
    assert before == {name: (mirror / "public" / name).read_bytes() for name in files_of(mirror)}


def test_a_roll_back_is_refused_and_named_as_one(tmp_path):
    mirror = tmp_path / "mirror"
    with new_log(tmp_path / "a", entries_of(400)) as writer:
        shutil.copytree(tmp_path / "a/public", tmp_path / "old/public")
        writer.append(entries_of(100, 400))
    pull(tmp_path / "a", mirror)
    with pytest.raises(RollBackError, match="500 to 400"):
        pull(tmp_path / "old", mirror)
    kept = {path.suffix for path in (mirror / "evidence").iterdir()}
    assert kept == {".known", ".seen"}  # an old checkpoint may be a cache's: no accusation
    require_good(mirror, 500)


def test_a_pull_that_broke_off_binds_the_next_one_to_the_same_history(tmp_path):
    """The files of the first attempt are proved by a checkpoint that another history has not."""
    mirror = tmp_path / "mirror"
    entries = entries_of(600)
    new_log(tmp_path / "a", entries).close()
    new_log(tmp_path / "b", [*entries[:599], b"another"]).close()
    local = source(tmp_path / "a")

    def broken(path: str) -> bytes:
        if path == "tile/entries/002.p/88":
            raise FetchError("timed out")
        return local(path)

    with Mirror(mirror, POLICY) as opened, pytest.raises(FetchError):
        opened.pull(broken)
    assert not (mirror / "public/checkpoint").exists()
    with pytest.raises(ForkError):
        pull(tmp_path / "b", mirror)
    assert pull(tmp_path / "a", mirror).fetched == 1
    require_good(mirror, 600)


def test_the_wrong_key_the_wrong_log_the_wrong_folder(tmp_path):
    new_log(tmp_path / "log", entries_of(3)).close()
    other = Ed25519PrivateKey.generate()
    stranger = parse_policy(f"log {log_vkey(ORIGIN, other)}\nquorum none\n".encode())
    with Mirror(tmp_path / "new", stranger) as mirror, pytest.raises(NoteError):
        mirror.pull(source(tmp_path / "log"))
    with pytest.raises(ConfigError, match="a log of its own"):
        Mirror(tmp_path / "log", POLICY)
    pull(tmp_path / "log", tmp_path / "mirror")
    with pytest.raises(LogCorruptError, match="policy"):
        Mirror(tmp_path / "mirror", stranger)
    with Mirror(tmp_path / "mirror", POLICY), pytest.raises(LockLostError):
        Mirror(tmp_path / "mirror", POLICY)


def test_damage_in_the_mirror_itself_is_told_from_damage_at_the_source(tmp_path):
    log, mirror = tmp_path / "log", tmp_path / "mirror"
    with new_log(log, entries_of(300)) as writer:
        pull(log, mirror)
        writer.append(entries_of(300, 300))
    tile = mirror / "public/tile/0/001.p/44"
    tile.write_bytes(bytes(44 * 32))
    with pytest.raises(LogCorruptError, match="mirror"):
        pull(log, mirror)


def child(log: Path, mirror: Path, *at: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("mirror_child.py")),
         str(log), str(mirror), VKEY, *at],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def growing(tmp_path_factory):
    """A log of 700 entries, a mirror of its first 300, and how many calls the pull makes."""
    base = tmp_path_factory.mktemp("growing")
    with new_log(base / "log", entries_of(300)) as writer:
        pull(base / "log", base / "mirror")
        writer.append(entries_of(400, 300))
    shutil.copytree(base / "mirror", base / "trial")
    said, errors = child(base / "log", base / "trial").communicate()
    assert not errors
    return base, int(said.split()[-1])


def kill_at(base: Path, tmp_path: Path, at: int) -> None:
    mirror = shutil.copytree(base / "mirror", tmp_path / f"mirror-{at}")
    process = child(base / "log", mirror, str(at))
    _, errors = process.communicate()
    assert (process.returncode, errors) == (-signal.SIGKILL, "")
    require_good(mirror)
    assert open_checkpoint(source(mirror)("checkpoint"), LOG).size in (300, 700)
    pull(base / "log", mirror)
    require_good(mirror, 700)
    shutil.rmtree(mirror)


def test_a_pull_killed_at_chosen_moments_goes_on(growing, tmp_path):
    base, calls = growing
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chosen = {1, calls, *random.Random(seed).sample(range(1, calls + 1), 6)}
    for at in sorted(chosen):
        kill_at(base, tmp_path, at)


@pytest.mark.faults
def test_a_pull_killed_at_every_moment_goes_on(growing, tmp_path):
    base, calls = growing
    for at in range(1, calls + 1):
        kill_at(base, tmp_path, at)


def test_a_pull_killed_again_and_again_at_random_moments_comes_to_its_end(tmp_path):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    log, mirror = tmp_path / "log", tmp_path / "mirror"
    new_log(log, entries_of(20_000)).close()
    for _ in range(4):
        process = child(log, mirror)
        assert process.stdout is not None
        assert process.stdout.readline() == "pulling\n"
        time.sleep(choose.random() * 0.3)  # the moment is the point, not a wait
        process.kill()
        process.communicate()
        if (mirror / "public/checkpoint").exists():
            require_good(mirror, 20_000)
    held = sum("entries" in name for name in files_of(mirror)) if mirror.exists() else 0
    assert pull(log, mirror).fetched <= 79 - min(held, 79)
    require_good(mirror, 20_000)


def test_a_damaged_source_never_brings_a_mirror_down(tmp_path):
    """Whatever bytes a source sends: a LedgerError, and the mirror holds what it held."""
    log, mirror = tmp_path / "log", tmp_path / "mirror"
    with new_log(log, entries_of(300)) as writer:
        pull(log, mirror)
        writer.append(entries_of(300, 300))
    local = source(log)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    for _ in range(60):

        def fetch(path: str) -> bytes:
            data = bytearray(local(path))
            if data and choose.random() < 0.5:
                data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
            return bytes(data[: -choose.randint(1, 9)] if choose.random() < 0.2 else data)

        try:
            with Mirror(mirror, POLICY) as opened:
                opened.pull(fetch)
        except LedgerError:
            pass
        require_good(mirror)
    pull(log, mirror)
    require_good(mirror, 600)


def test_the_key_of_another_origin_is_another_log(tmp_path):
    other = "log.example/other"
    new_log(tmp_path / "log", entries_of(2)).close()
    with open_log(tmp_path / "log"):
        policy = parse_policy(f"log {log_signer(other, KEY).verifier.vkey}\nquorum none\n".encode())
        with Mirror(tmp_path / "mirror", policy) as mirror, pytest.raises(NoteError):
            mirror.pull(source(tmp_path / "log"))
