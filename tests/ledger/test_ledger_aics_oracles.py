"""The log under another implementation's audit, and cosigned by another implementation's witness.

`aics-tlog` and `aics-witness` need Python 3.12 or newer: `make oracles` puts them into an
environment of their own where such an interpreter is found, and CI makes it.
"""

import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger_tools import ORIGIN, ROOT, SIGNER, entries_of, new_log, open_log, reader_of

from fleet_backend.ledger.addcheckpoint import Request, encode_request
from fleet_backend.ledger.checkpoint import Checkpoint, sign_checkpoint
from fleet_backend.ledger.note import add_signatures
from fleet_backend.ledger.policy import parse_policy

ENVIRONMENT = ROOT / ".venv" / "oracles"
PYTHON = ENVIRONMENT / "bin" / "python"
pytestmark = pytest.mark.skipif(
    not PYTHON.exists(), reason="no environment with aics-tlog (Python 3.12 or newer; make oracles)"
)


def audit(public: Path) -> "subprocess.CompletedProcess[str]":
    program = [str(PYTHON), "-I", str(Path(__file__).with_name("oracle_aics.py"))]
    return subprocess.run(
        [*program, str(public), SIGNER.verifier.vkey], capture_output=True, text=True, timeout=300
    )


@pytest.mark.parametrize(
    "size", [1, 255, 256, 257, 1_000, pytest.param(65_537, marks=pytest.mark.faults)]
)
def test_an_audit_of_the_whole_log(tmp_path, size):
    new_log(tmp_path, entries_of(min(size, 65_536))).close()
    if size > 65_536:
        with open_log(tmp_path) as writer:
            writer.append(entries_of(size - 65_536, 65_536))
    done = audit(tmp_path / "public")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    entries = [entry.hex() for entry in entries_of(size)]
    assert found.pop("entries") == entries[:3] + entries[-3:]
    assert found.pop("size") == size
    assert set(found.values()) == {True}, found


def test_the_audit_can_fail(tmp_path):
    new_log(tmp_path, entries_of(300)).close()
    bundle = tmp_path / "public/tile/entries/000"
    bundle.chmod(0o600)
    bundle.write_bytes(bundle.read_bytes().replace(b"entry 17", b"entry 71", 1))
    done = audit(tmp_path / "public")
    assert done.returncode != 0 or not json.loads(done.stdout)["root_of_entries"]


@pytest.fixture
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """(its vkey, address) of an `aics-witness` that knows our log."""
    folder = tmp_path_factory.mktemp("witness")
    command = [str(ENVIRONMENT / "bin" / "aics-witness")]
    init = ["init", "--name", "oracle.example/w", "--listen", "127.0.0.1:0"]
    made = subprocess.run([*command, *init], cwd=folder, capture_output=True, text=True, check=True)
    known = ["add-log", "--origin", ORIGIN, "--vkey", SIGNER.verifier.vkey]
    subprocess.run([*command, *known], cwd=folder, capture_output=True, check=True)
    with subprocess.Popen(
        [*command, "serve"], cwd=folder, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        found = (re.search(r"listening on http://([0-9.:]+)", line) for line in lines)
        address = next(match[1] for match in found if match)
        yield made.stdout.strip().splitlines()[-1], address
        process.terminate()


def ask(address: str, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address, timeout=20)
    connection.request("POST", "/add-checkpoint", body)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_their_witness_cosigns_our_checkpoints(tmp_path, witness):
    vkey, address = witness
    quorum = f"log {SIGNER.verifier.vkey}\nwitness W {vkey}\nquorum W\n".encode()
    policy = parse_policy(quorum)
    writer, old = new_log(tmp_path), 0
    for count in (1, 254, 2, 300):
        writer.append(entries_of(count, writer.size))
        reader = reader_of(tmp_path)
        proof = tuple(reader.consistency_proof(old))
        note = reader.checkpoint.note
        status, lines = ask(address, encode_request(Request(old, proof, note)))
        assert status == 200, lines
        cosigned = add_signatures(note, lines.decode().splitlines())
        assert policy.open_checkpoint(cosigned).size == writer.size
        assert {key.vkey for key in policy.open_checkpoint(cosigned).cosigners} == {vkey}
        old = writer.size
    writer.close()


def test_their_witness_refuses_a_fork_of_our_log(tmp_path, witness):
    _, address = witness
    new_log(tmp_path, entries_of(5)).close()
    note = reader_of(tmp_path).checkpoint.note
    assert ask(address, encode_request(Request(0, (), note)))[0] == 200
    fork = sign_checkpoint(Checkpoint(ORIGIN, 5, bytes(32)), SIGNER).note
    assert ask(address, encode_request(Request(5, (), fork)))[0] == 422
    larger = sign_checkpoint(Checkpoint(ORIGIN, 6, bytes(32)), SIGNER).note
    assert ask(address, encode_request(Request(5, (bytes(32),), larger)))[0] == 422
    status, size = ask(address, encode_request(Request(0, (), note)))
    assert (status, size) == (409, b"5\n")
