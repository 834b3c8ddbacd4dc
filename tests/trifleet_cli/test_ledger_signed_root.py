"""`checkpoint.cose` beside the checkpoint: `fsck` judges it, `prove --cose` uses it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from fleet_backend.ledger import cose
from fleet_backend.ledger.checkpoint import Checkpoint
from fleet_backend.ledger.keys import generate_log_key, log_signer
from fleet_backend.ledger.policy import parse_policy
from fleet_backend.ledger.signedroot import SignedRootFile
from fleet_backend.ledger.writer import LedgerWriter, create_ledger
from tests.command_line import trifleet_bytes

ORIGIN = "log.example/root"
ENTRIES = [b"entry %d" % number for number in range(300)]


class Log:
    """A log as a stack keeps it: with a signed root."""

    def __init__(self, base: Path) -> None:
        self.base, self.folder, self.policy = base, base / "log", base / "policy.txt"
        self.signer = log_signer(ORIGIN, generate_log_key(base / "log.key"))
        self.policy.write_text(f"log {self.signer.verifier.vkey}\nquorum none\n")
        self.public = self.folder / "public"
        create_ledger(self.folder, ORIGIN, self.signer.private_key)
        self.append(ENTRIES)

    def append(self, entries: list[bytes]) -> None:
        with LedgerWriter.open(self.folder, ORIGIN, self.signer.private_key) as writer:
            writer.append(entries)
        assert SignedRootFile(self.public, self.signer).update()

    def run(self, *arguments: object) -> "subprocess.CompletedProcess[bytes]":
        return trifleet_bytes("ledger", *arguments, "--policy", self.policy)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def faults(done: "subprocess.CompletedProcess[bytes]", status: int) -> list[str]:
    assert done.returncode == status, done
    return [item["path"] for item in json.loads(done.stdout)["faults"]]


def test_fsck_of_a_stacks_own_log(log):
    assert faults(log.run("fsck", log.folder, "--json"), 0) == []
    root = log.public / "checkpoint.cose"
    good = root.read_bytes()
    beyond = cose.sign_root(Checkpoint(ORIGIN, 301, bytes(32)), log.signer)
    other = cose.sign_root(Checkpoint(ORIGIN, 300, bytes(32)), log.signer)
    for forged in (good[:-1] + bytes([good[-1] ^ 1]), other, beyond, b""):
        root.write_bytes(forged)
        assert faults(log.run("fsck", log.folder, "--json"), 1) == ["checkpoint.cose"]


def test_a_receipt_of_either_form_is_proved_from_the_log(log):
    made = log.run("prove", log.folder, "--index", 17, "--cose")
    assert made.returncode == 0, made.stderr
    policy = parse_policy(log.policy.read_bytes())
    assert cose.verify_receipt(made.stdout, ENTRIES[17], policy).index == 17
    receipt, entry = log.base / "receipt", log.base / "entry"
    entry.write_bytes(ENTRIES[5])
    with file_server(log.public) as url:
        done = log.run("prove", url, "--entry", entry, "--cose", "--output", receipt)
    assert done.returncode == 0, done.stderr
    assert log.run("verify", receipt, "--entry", entry).returncode == 0
    (log.public / "checkpoint.cose").unlink()
    missing = log.run("prove", log.folder, "--index", 17, "--cose")
    assert (missing.returncode, missing.stdout) == (2, b"")
    assert b"has no checkpoint.cose" in missing.stderr


def publish(log: Log, note: bytes) -> None:
    (log.base / "note").write_bytes(note)
    (log.base / "note").replace(log.public / "checkpoint")


def test_a_mirror_goes_on_after_an_old_copy_of_the_checkpoint(log):
    old = (log.public / "checkpoint").read_bytes()
    log.append([b"more"])
    new = (log.public / "checkpoint").read_bytes()
    mirror = log.base / "mirror"
    process = subprocess.Popen(
        [sys.executable, "-m", "trifleet.cli", "ledger", "mirror", str(log.folder), "--json",
         "--to", str(mirror), "--policy", str(log.policy), "--every", "0.05"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["size"] == 301
        publish(log, old)  # as a cache may
        while "error" not in (told := json.loads(process.stdout.readline())):
            pass
        assert "rolled back from size 301 to 300" in told["error"]
        publish(log, new)
        while "size" not in (told := json.loads(process.stdout.readline())):
            pass
        assert told["size"] == 301
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, b"")
    assert (mirror / "public/checkpoint").read_bytes() == new
