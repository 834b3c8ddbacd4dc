"""`trifleet ledger` on real folders and a real server, each in a process of its own."""

import json
import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time
import urllib.request
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet_backend.ledger.bundle import decode_bundle
from fleet_backend.ledger.checkpoint import open_checkpoint
from fleet_backend.ledger.cosign import Cosigner
from fleet_backend.ledger.evidence import verify_evidence
from fleet_backend.ledger.keys import generate_log_key, load_log_key, log_vkey
from fleet_backend.ledger.merkle import leaf_hash
from fleet_backend.ledger.note import add_signatures, parse_vkey
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.proof import verify_proof
from fleet_backend.ledger.witnessdb import WitnessDatabase
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from fleet_backend.witness.setup import create_witness
from tests.command_line import trifleet_bytes
from trifleet.logserver import serving

ORIGIN = "log.example/cli"
SIZE = 700
ENTRIES = [b"entry %d" % number for number in range(SIZE)]


class Log:
    """A log in a folder, with the policy file that trusts it."""

    def __init__(self, base: Path) -> None:
        base.mkdir(parents=True, exist_ok=True)
        self.base, self.folder, self.policy = base, base / "log", base / "policy.txt"
        self.key = generate_log_key(base / "log.key")
        self.vkey = log_vkey(ORIGIN, self.key)
        self.policy.write_text(f"log {self.vkey}\nquorum none\n")

    def write(self, entries: list[bytes], name: str = "log") -> Path:
        folder = self.base / name
        create_ledger(folder, ORIGIN, self.key)
        with LedgerWriter.open(folder, ORIGIN, self.key) as writer:
            writer.append(entries)
        return folder

    def append(self, entries: list[bytes]) -> None:
        with LedgerWriter.open(self.folder, ORIGIN, self.key) as writer:
            writer.append(entries)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Log:
    log = Log(tmp_path_factory.mktemp("pristine"))
    log.write(ENTRIES)
    return log


@pytest.fixture
def log(tmp_path: Path) -> Log:
    log = Log(tmp_path)
    log.write(ENTRIES)
    return log


def ledger(*arguments: object) -> "subprocess.CompletedProcess[bytes]":
    return trifleet_bytes("ledger", *arguments)


def require(done: "subprocess.CompletedProcess[bytes]", status: int) -> str:
    assert done.returncode == status, (done.stdout, done.stderr)
    assert b"Traceback" not in done.stderr
    return done.stdout.decode()


def refused(done: "subprocess.CompletedProcess[bytes]", status: int) -> str:
    require(done, status)
    told = done.stderr.decode()
    assert told.startswith("trifleet: ")
    assert told.count("\n") == 1
    return told


def test_init_begins_a_log_once(tmp_path):
    folder, key = tmp_path / "log", tmp_path / "log.key"
    arguments = ("init", folder, "--origin", ORIGIN, "--key", key)
    found = json.loads(require(ledger(*arguments, "--json"), 0))
    assert found["vkey"] == log_vkey(ORIGIN, load_log_key(key))
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with LedgerWriter.open(folder, ORIGIN, load_log_key(key)) as writer:
        assert writer.append([b"first"]) == 0
    secret = key.read_bytes()
    assert "holds a log already" in refused(ledger(*arguments), 2)
    again = ("init", tmp_path / "second", "--origin", "log.example/second", "--key", key)
    assert "--use-key" in refused(ledger(*again), 2)
    assert not (tmp_path / "second").exists()
    assert "quorum none" in require(ledger(*again, "--use-key"), 0)
    assert key.read_bytes() == secret
    checked = ledger("fsck", folder, "--vkey", found["vkey"], "--json")
    assert json.loads(require(checked, 0))["size"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--origin", "two words", "--key", "K"),
        ("--origin", "", "--key", "K"),
        ("--origin", "a+b", "--key", "K"),
        ("--origin", ORIGIN, "--key", "log/public/K"),
        ("--origin", ORIGIN, "--key", "no/such/folder/K"),
        ("--origin", ORIGIN, "--key", "missing", "--use-key"),
    ],
    ids=["space", "empty", "plus", "served", "nowhere", "missing"],
)
def test_init_refuses_nonsense(tmp_path, arguments):
    key = arguments.index("--key") + 1
    found = [tmp_path / word if at == key else word for at, word in enumerate(arguments)]
    refused(ledger("init", tmp_path / "log", *found), 2)
    assert not (tmp_path / "log").exists()


def test_prove_and_verify_by_index_leaf_and_file(pristine, tmp_path):
    trusted = parse_policy(pristine.policy.read_bytes())
    (tmp_path / "entry").write_bytes(ENTRIES[300])
    outputs = set()
    for named in (
        ("--index", 300),
        ("--leaf", leaf_hash(ENTRIES[300]).hex()),
        ("--entry", tmp_path / "entry"),
    ):
        done = ledger("prove", pristine.folder, "--policy", pristine.policy, *named)
        outputs.add(require(done, 0))
    (text,) = outputs
    assert verify_proof(text, ENTRIES[300], trusted).index == 300
    path = tmp_path / "entry.proof"
    by_vkey = ("prove", pristine.folder, "--vkey", pristine.vkey, "--index", 300, "--output", path)
    require(ledger(*by_vkey), 0)
    assert path.read_text() == text
    assert "File exists" in refused(ledger(*by_vkey), 2)
    shown = require(
        ledger("verify", path, "--policy", pristine.policy, "--entry", tmp_path / "entry"), 0
    )
    assert "Proved: the file is" in shown
    assert "entry 300 of the log" in shown
    assert "Not proved: that others are shown the same history" in shown
    leaf = leaf_hash(ENTRIES[300]).hex()
    found = require(
        ledger("verify", path, "--policy", pristine.policy, "--leaf", leaf, "--json"), 0
    )
    assert json.loads(found) | {"root": ""} == {
        "log": ORIGIN, "index": 300, "size": SIZE, "root": "", "leaf": leaf,
        "quorum": "none", "cosigned": [], "not_cosigned": [],
        "another_history_takes_a_lie": False,
    }  # fmt: skip
    (tmp_path / "entry").write_bytes(b"another")
    told = refused(
        ledger("verify", path, "--policy", pristine.policy, "--entry", tmp_path / "entry"), 1
    )
    assert "does not lead to the root" in told
    assert "carries no entry" in refused(ledger("verify", path, "--policy", pristine.policy), 2)


def test_verify_says_who_cosigned_and_when_and_whether_that_is_the_quorum(log):
    keys = {name: Ed25519PrivateKey.generate() for name in ("ann", "bob", "cat", "dan")}
    cosigners = {name: Cosigner(f"{name}.example/w", key) for name, key in keys.items()}
    lines = [f"witness {name} {item.verifier.vkey}" for name, item in cosigners.items()]
    log.policy.write_text(
        "\n".join([f"log {log.vkey}", *lines, "group three 3 ann bob cat dan", "quorum three", ""])
    )
    checkpoint = log.folder / "public/checkpoint"
    note = checkpoint.read_bytes()
    text = note[: note.index(b"\n\n") + 1]
    signed = [cosigners[name].cosign(text, 1_800_000_000) for name in ("ann", "bob", "dan")]
    proof = log.base / "entry.proof"
    arguments = ("prove", log.folder, "--policy", log.policy, "--index", 5, "--output", proof)
    assert "quorum" in refused(ledger(*arguments), 1)
    checkpoint.write_bytes(add_signatures(note, signed))
    require(ledger(*arguments), 0)
    leaf = leaf_hash(ENTRIES[5]).hex()
    shown = require(ledger("verify", proof, "--policy", log.policy, "--leaf", leaf), 0)
    assert "cosigned by ann (ann.example/w) at 2027-01-15 08:00:00 UTC" in shown
    assert "Not cosigned by cat." in shown
    assert "that is the quorum three" in shown
    found = json.loads(
        require(ledger("verify", proof, "--policy", log.policy, "--leaf", leaf, "--json"), 0)
    )
    assert [item["witness"] for item in found["cosigned"]] == ["ann", "bob", "dan"]
    assert found["not_cosigned"] == ["cat"]


def test_fsck_of_a_folder_and_of_an_address(log):
    with serving(log.folder / "public", "127.0.0.1", 0) as url:
        for source in (log.folder, log.folder / "public", url):
            found = json.loads(require(ledger("fsck", source, "--policy", log.policy, "--json"), 0))
            assert (found["good"], found["size"], found["faults"]) == (True, SIZE, [])
        tile = log.folder / "public/tile/0/001"
        data = bytearray(tile.read_bytes())
        data[100] ^= 1
        tile.write_bytes(data)
        for source in (log.folder, url):
            done = ledger("fsck", source, "--policy", log.policy, "--json")
            (fault,) = json.loads(require(done, 1))["faults"]
            assert fault["path"] == "tile/0/001"
    shown = require(ledger("fsck", log.folder, "--policy", log.policy, "--workers", 2), 1)
    assert "tile/0/001 holds another hash 259 than the checkpoint stands for" in shown


def test_every_reading_command_takes_an_address(log, tmp_path):
    mirror = tmp_path / "mirror"
    with serving(log.folder / "public", "127.0.0.1", 0) as url:
        trusted = ("--policy", log.policy)
        found = json.loads(require(ledger("mirror", url, "--to", mirror, *trusted, "--json"), 0))
        assert (found["size"], found["fetched_bundles"]) == (SIZE, 3)
        require(ledger("compare", url, mirror, *trusted), 0)
        require(ledger("export", url, "--output", tmp_path / "out", *trusted), 0)
        proof = require(ledger("prove", url, "--index", 1, *trusted), 0)
    assert verify_proof(proof, ENTRIES[1], parse_policy(log.policy.read_bytes())).index == 1
    assert "Connection refused" in refused(ledger("prove", url, "--index", 1, *trusted), 2)


def test_fsck_shows_a_bar_on_a_terminal(pristine):
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "trifleet.cli", "ledger", "fsck", str(pristine.folder),
         "--policy", str(pristine.policy)],
        stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"}, timeout=120,
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert done.returncode == 0
    assert "checking" in shown
    assert "700/700" in shown


def test_compare_tells_same_older_and_fork_apart(log):
    (log.base / "old.checkpoint").write_bytes((log.folder / "public/checkpoint").read_bytes())
    log.append([b"more"])
    require(ledger("mirror", log.folder, "--to", log.base / "mirror", "--policy", log.policy), 0)
    sources = (log.folder, log.base / "mirror", log.base / "old.checkpoint")
    found = json.loads(require(ledger("compare", *sources, "--vkey", log.vkey, "--json"), 0))
    assert [item["verdict"] for item in found["sources"]] == ["measure", "same", "older"]
    forked = log.write([b"another", *ENTRIES[1:]], "forked")
    evidence = log.base / "evidence"
    done = ledger("compare", *sources, forked, "--vkey", log.vkey, "--evidence", evidence)
    shown = require(done, 1)
    assert f"{forked}: 700 entries: FORK" in shown
    found = verify_evidence(evidence.read_bytes(), parse_policy(log.policy.read_bytes()).logs)
    assert {found.first.size, found.second.size} <= {700, 701}
    assert "there already" in refused(
        ledger("compare", *sources, "--vkey", log.vkey, "--evidence", evidence), 2
    )


def test_compare_says_when_it_cannot_tell(log):
    old = shutil.copytree(log.folder, log.base / "old")
    log.append([b"more"])
    newer = log.base / "newer.checkpoint"
    newer.write_bytes((log.folder / "public/checkpoint").read_bytes())
    found = json.loads(require(ledger("compare", old, newer, "--vkey", log.vkey, "--json"), 1))
    assert [item["verdict"] for item in found["sources"]] == ["measure", "unknown"]


def test_a_mirror_is_pulled_served_cosigned_and_refuses_a_fork(log):
    cosigners = create_witness(log.base / "w", "mirror.example/w")
    with WitnessDatabase(log.base / "w/witness.db") as database:
        database.trust(parse_vkey(log.vkey))
    mirror = log.base / "mirror"
    process = subprocess.Popen(
        [sys.executable, "-m", "trifleet.cli", "ledger", "mirror", str(log.folder),
         "--to", str(mirror), "--policy", str(log.policy), "--every", "0.05",
         "--serve", "127.0.0.1:0", "--cosign", str(log.base / "w/witness.toml"), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        url = json.loads(process.stdout.readline())["serving"]
        assert json.loads(process.stdout.readline())["size"] == SIZE
        log.append([b"more"])
        while json.loads(process.stdout.readline())["size"] != SIZE + 1:
            pass
        with urllib.request.urlopen(f"{url}/checkpoint") as answer:
            note = answer.read()
        logs = parse_policy(log.policy.read_bytes()).logs
        keys = tuple(cosigner.verifier for cosigner in cosigners)
        signed = open_checkpoint(note, logs, keys)
        assert (signed.size, signed.cosigners) == (SIZE + 1, frozenset(keys))
        require(ledger("fsck", url, "--policy", log.policy), 0)
        busy = ledger("mirror", log.folder, "--to", mirror, "--policy", log.policy)
        assert "another writer" in refused(busy, 2)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, b"")
    forked = log.write([b"another", *ENTRIES, b"more"], "forked")
    done = ledger("mirror", forked, "--to", mirror, "--policy", log.policy)
    assert "another root at size 701" in refused(done, 1)
    (path,) = (mirror / "evidence").glob("*.evidence")
    assert verify_evidence(path.read_bytes(), logs)


def test_a_whole_log_and_a_range_are_exported_and_prove_themselves(pristine, tmp_path):
    common = ("export", pristine.folder, "--policy", pristine.policy)
    require(ledger(*common, "--output", tmp_path / "whole"), 0)
    checked = ledger("fsck", tmp_path / "whole/log", "--policy", tmp_path / "whole/policy.txt")
    require(checked, 0)
    for _ in range(2):
        require(ledger(*common, "--from", 250, "--to", 520, "--output", tmp_path / "part.tar"), 0)
        data = (tmp_path / "part.tar").read_bytes()
        (tmp_path / "part.tar").rename(tmp_path / "first.tar")
    assert (tmp_path / "first.tar").read_bytes() == data
    with tarfile.open(tmp_path / "first.tar") as archive:
        archive.extractall(tmp_path / "part", filter="data")
    part = tmp_path / "part/ledger-export"
    for index in (250, 519):
        done = ledger("prove", part / "log", "--policy", part / "policy.txt", "--index", index)
        verify_proof(require(done, 0), ENTRIES[index], parse_policy(pristine.policy.read_bytes()))
    assert {str(path.relative_to(part)) for path in part.rglob("*") if path.is_file()} == {
        "README", "policy.txt", "log/checkpoint", "log/tile/entries/000", "log/tile/entries/001",
        "log/tile/entries/002.p/188", "log/tile/0/000", "log/tile/0/001", "log/tile/0/002.p/188",
        "log/tile/1/000.p/2",
    }  # fmt: skip
    done = ledger(*common, "--output", "-")
    require_tar = subprocess.run(["tar", "tf", "-"], input=done.stdout, capture_output=True)
    assert b"ledger-export/log/checkpoint\n" in require_tar.stdout
    assert "no entries" in refused(ledger(*common, "--to", 701, "--output", tmp_path / "x"), 2)
    assert "File exists" in refused(ledger(*common, "--output", tmp_path / "first.tar"), 2)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_the_commands_of_the_readme_verify_the_signature(pristine, tmp_path):
    folder = tmp_path / "whole"
    require(ledger("export", pristine.folder, "--vkey", pristine.vkey, "--output", folder), 0)
    words = (folder / "README").read_text().partition("1. ")[2].partition("2. ")[0]
    script = "\n".join(line for line in words.splitlines() if line.startswith("     "))
    assert "openssl pkeyutl" in script
    for spoil in (False, True):
        if spoil:
            note = (folder / "log/checkpoint").read_bytes()
            (folder / "log/checkpoint").write_bytes(note.replace(b"\n700\n", b"\n701\n"))
        done = subprocess.run(["sh", "-c", script], cwd=folder, capture_output=True)
        assert (done.returncode == 0) is not spoil, done.stderr


def test_entries_are_exported_as_a_stream(pristine):
    common = ("export", pristine.folder, "--vkey", pristine.vkey, "--entries")
    done = ledger(*common)
    require_clean = done.returncode, done.stderr
    assert require_clean == (0, b"")
    assert decode_bundle(done.stdout, SIZE) == ENTRIES
    lines = require(ledger(*common, "--from", 3, "--to", 5, "--json"), 0).splitlines()
    assert json.loads(lines[0]) == {"index": 3, "entry": "ZW50cnkgMw=="}
    assert len(lines) == 2
    assert "where to" in refused(ledger(*common, "--output", "somewhere"), 2)


def test_a_forged_log_is_not_exported_mirrored_or_proved_from(log, tmp_path):
    bundle = log.folder / "public/tile/entries/001"
    bundle.write_bytes(bundle.read_bytes().replace(b"entry 300", b"entry 3zz"))
    common = (log.folder, "--policy", log.policy)
    for command in (
        ("export", *common, "--output", tmp_path / "out"),
        ("export", *common, "--output", tmp_path / "out.tar"),
        ("export", *common, "--entries"),
        ("mirror", *common, "--to", tmp_path / "mirror"),
    ):
        assert "tile/entries/001" in refused(ledger(*command), 1)
    assert not (tmp_path / "out/log/checkpoint").exists()
    assert not (tmp_path / "out.tar").exists()
    assert not (tmp_path / "mirror/public/checkpoint").exists()


def test_a_policy_is_put_into_words_and_warned_about(log):
    shown = require(ledger("policy", "check", log.policy), 0)
    assert f"Trusts the log {ORIGIN}" in shown
    assert "Warning: quorum none" in shown
    require(ledger("policy", "check", log.policy, "--strict"), 1)
    witnesses = [
        f"witness w{number} {Cosigner(f'w{number}', Ed25519PrivateKey.generate()).verifier.vkey}"
        for number in range(4)
    ]
    for rule, warned in ((2, True), (3, False)):
        log.policy.write_text(
            "\n".join(
                [f"log {log.vkey}", *witnesses, f"group g {rule} w0 w1 w2 w3", "quorum g", ""]
            )
        )
        found = json.loads(require(ledger("policy", "check", log.policy, "--json"), 0))
        assert any("floor(2n/3)" in line for line in found["warnings"]) is warned
        assert found["groups"]["g"] == {"threshold": rule, "members": ["w0", "w1", "w2", "w3"]}
        require(ledger("policy", "check", log.policy, "--strict"), int(warned))


def test_a_key_is_rotated_and_readers_of_the_old_one_can_follow(log):
    new = log.base / "new.key"
    arguments = ("rotate-key", log.folder, "--key", log.base / "log.key", "--new-key", new)
    refused(ledger(*arguments, "--finish"), 2)
    assert not new.exists()
    begun = json.loads(require(ledger(*arguments, "--json"), 0))
    assert "there already" in refused(ledger(*arguments), 2)
    old_vkey, new_vkey = log.vkey, log_vkey(ORIGIN, load_log_key(new))
    assert begun == {"origin": ORIGIN, "rotation": "begun", "vkeys": [new_vkey, old_vkey]}
    for vkey in (old_vkey, new_vkey):
        require(ledger("fsck", log.folder, "--vkey", vkey), 0)
    log.policy.write_text(f"log {new_vkey}\nlog {old_vkey}\nquorum none\n")
    leaf = leaf_hash(ENTRIES[9]).hex()
    proof = log.base / "entry.proof"
    require(ledger("prove", log.folder, "--policy", log.policy, "--index", 9, "--output", proof), 0)
    require(ledger("verify", proof, "--policy", log.policy, "--leaf", leaf), 0)
    finished = json.loads(require(ledger(*arguments, "--finish", "--json"), 0))
    assert finished["vkeys"] == [new_vkey]
    require(ledger("fsck", log.folder, "--vkey", new_vkey), 0)
    assert "no signature of a known key" in refused(
        ledger("fsck", log.folder, "--vkey", old_vkey), 1
    )
    require(ledger("verify", proof, "--policy", log.policy, "--leaf", leaf), 0)
    with LedgerWriter.open(log.folder, ORIGIN, load_log_key(new)) as writer:
        assert writer.append([b"more"]) == SIZE


NOTHING = "no-such-thing"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["fsck", "LOG"], "--policy FILE or --vkey KEY"),
        (["fsck", "LOG", "--policy", "POLICY", "--vkey", "x"], "one of them"),
        (["fsck", "LOG", "--vkey", "nonsense"], "name+id+key"),
        (["fsck", "LOG", "--vkey", "a\nlog b"], "--vkey"),
        (["fsck", NOTHING, "--policy", "POLICY"], "neither the folder"),
        (["fsck", "LOG", "--policy", NOTHING], "No such file"),
        (["fsck", "LOG", "--policy", "LOG"], "Is a directory"),
        (["fsck", "ftp://log.example", "--policy", "POLICY"], "neither the folder"),
        (["fsck", "http://", "--policy", "POLICY"], "not a log's address"),
        (["fsck", "http://127.0.0.1:1/", "--policy", "POLICY"], "127.0.0.1:1"),
        (["prove", "LOG", "--policy", "POLICY"], "which entry"),
        (["prove", "LOG", "--policy", "POLICY", "--index", "1", "--leaf", "00"], "which entry"),
        (["prove", "LOG", "--policy", "POLICY", "--leaf", "zz"], "64 hexadecimal"),
        (["compare", "LOG", "--policy", "POLICY"], "two sources"),
        (["compare", "LOG", NOTHING, "--policy", "POLICY"], NOTHING),
        (["mirror", "LOG", "--to", "LOG", "--policy", "POLICY"], "not a mirror"),
        (["mirror", "LOG", "--to", "M", "--policy", "POLICY", "--serve", "x"], "HOST:PORT"),
        (["mirror", "LOG", "--to", "M", "--policy", "POLICY", "--cosign", NOTHING], NOTHING),
        (["export", "LOG", "--policy", "POLICY"], "where to"),
        (["verify", NOTHING, "--policy", "POLICY"], "No such file"),
        (["verify", "POLICY", "--policy", "POLICY", "--gateway-key", "zz"], "64 hexadecimal"),
        (["policy", "check", NOTHING], "No such file"),
        (["rotate-key", "LOG", "--key", NOTHING, "--new-key", "M"], "cannot read the key"),
    ],
    ids=lambda value: " ".join(value).replace("\n", "|") if isinstance(value, list) else "",
)
def test_nonsense_is_refused_in_one_line_with_status_2(pristine, tmp_path, arguments, told):
    names = {"LOG": pristine.folder, "POLICY": pristine.policy, "M": tmp_path / "mirror"}
    assert told in refused(ledger(*(names.get(word, word) for word in arguments)), 2)


@pytest.mark.parametrize("where", ["prove", "verify"])
def test_what_does_not_hold_has_status_1(pristine, tmp_path, where):
    if where == "prove":
        done = ledger("prove", pristine.folder, "--policy", pristine.policy, "--leaf", "00" * 32)
        assert "no entry of the log" in refused(done, 1)
    else:
        (tmp_path / "receipt").write_text("nonsense")
        done = ledger("verify", tmp_path / "receipt", "--policy", pristine.policy)
        assert "proof file" in refused(done, 1)


def test_a_fsck_that_is_killed_leaves_no_process_behind(pristine):
    """The processes of a check end with it, even if nobody could tell them to."""
    with serving(pristine.folder / "public", "127.0.0.1", 0) as url:
        code = (
            "import sys, time; from fleet_backend.ledger.parallel import Pool, Span;"
            "from fleet_backend.ledger.httpfetch import HttpFetch;"
            "from fleet_backend.ledger.bundlecheck import Due;"
            "pool = Pool(HttpFetch(sys.argv[1]), 2, 1).__enter__();"
            "list(pool.run([Span(0, (Due(None, False),))] * 4));"
            "print(*pool._executor._processes, flush=True); time.sleep(60)"
        )
        process = subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE)
        assert process.stdout is not None
        children = [int(word) for word in process.stdout.readline().split()]
        assert children
        process.kill()
        process.communicate()
    for child in children:
        for _ in range(2_000):
            if not _runs(child):
                break
            time.sleep(0.01)
        assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1][0]
    except OSError:
        return False
    os.kill(process, 0)
    return state != "Z"
